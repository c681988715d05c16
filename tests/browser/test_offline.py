"""The service worker: the site without a network, and never a mix of two exports."""

from __future__ import annotations

import itertools
import json
import os
import time
from pathlib import Path

import pytest

from browser.conftest import watch
from browser.engine_site import KEPT, LOAD, START, sampling, wait_for, write, write_engine_site
from browser.servers import served

REGISTER = """async () => {
    await navigator.serviceWorker.register("service_worker.js");
    await navigator.serviceWorker.ready;
}"""
PAIR_KEPT = """async () => {
    for (const name of await caches.keys()) {
        for (const { url } of await (await caches.open(name)).keys()) if (url.endsWith("kept-pair")) return true;
    }
    return false;
}"""


def visit(page, address: str, patience: int = 600) -> dict:
    """Open the site's page as a visitor does, load its model with an engine of our own, and let all be kept."""
    page.goto(address)
    manifest = page.evaluate("fetch('manifest.json').then(response => response.json())")
    page.evaluate(START, [manifest["app"][0].split("/")[0], True])
    page.evaluate(REGISTER)
    page.evaluate(LOAD, manifest["models"][0]["name"])
    wait_for(page, PAIR_KEPT, patience)
    wait_for(page, KEPT)
    return manifest


def test_the_whole_site_works_offline_after_one_visit(keeping_context, small_site, host, complaints):
    """Offline for certain: its server has gone."""
    folder, _ = small_site
    with served(host[0]) as origin:
        address = f"{origin}/{folder.relative_to(host[0]).as_posix()}/"
        page = keeping_context.new_page()
        watch(page, complaints, origin)
        visit(page, address)
        assert not complaints
    page.goto(address)
    manifest = page.evaluate("fetch('manifest.json').then(response => response.json())")
    page.evaluate(START, [manifest["app"][0].split("/")[0], True])
    assert page.evaluate(LOAD, "lstm-character")["loaded"]["cached"]
    assert write(page, "lstm-character", "The", 5, sampling())["summary"]["tokens"] == 5
    files = [file["path"] for file in manifest["files"] if "room" not in file]  # rooms are kept once they are opened
    fetches = "paths => Promise.all(paths.map(path => fetch(path).then(response => response.ok)))"
    assert len(files) > 20 and all(page.evaluate(fetches, files))


def test_a_new_export_replaces_the_old_one_and_the_two_never_mix(keeping_context, small_site):
    """Files of the page itself and models change; while the new export is half uploaded, the old one is whole."""
    folder, address = small_site
    page = keeping_context.new_page()
    old, old_index = visit(page, address), (folder / "index.html").read_text()
    write_engine_site(folder, ["lstm-tiktoken"], app_change="/* new */")
    new_index = (folder / "index.html").read_text()
    newer = json.loads((folder / "manifest.json").read_text())
    assert newer["app"][0] != old["app"][0]

    before, after = (f"{manifest['app'][0].split('/')[0]} {manifest['models'][0]['name']}" for manifest in (old, newer))
    for index, manifest, seen in ((new_index, old, before), (old_index, newer, before), (new_index, newer, after)):
        _upload(folder, index, manifest)
        assert _seen(page, address) == seen
    visit(page, address)
    assert _seen(page, address) == after
    kept = page.evaluate("async () => (await (await caches.open((await caches.keys())[0])).keys()).map(k => k.url)")
    assert not any(old["app"][0].split("/")[0] in url for url in kept)


def test_a_file_that_is_half_uploaded_is_not_kept_for_good(keeping_context, small_site):
    folder, address = small_site
    (licence,) = folder.glob("vendor/uplot*/LICENSE")
    whole = licence.read_bytes()
    licence.write_bytes(whole[:100])
    page = keeping_context.new_page()
    with pytest.raises(AssertionError, match="never came true"):
        visit(page, address, patience=20)
    licence.write_bytes(whole + b"")
    os.utime(licence, (time.time() + 60,) * 2)
    visit(page, address)
    path = licence.relative_to(folder).as_posix()
    assert page.evaluate("path => fetch(path).then(response => response.text())", path) == whole.decode()


def _upload(folder: Path, index: str, manifest: dict) -> None:
    (folder / "index.html").write_text(index)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    for number, name in enumerate(("index.html", "manifest.json")):  # the server tells changes by the second
        later = time.time() + 10 * next(CLOCK) + number
        os.utime(folder / name, (later, later))


CLOCK = itertools.count(1)


def _seen(page, address: str) -> str:
    """Of which export the page is, and of which the manifest that it is given."""
    page.goto(address)
    return page.evaluate(
        """async () => {
            const { app, models } = await (await fetch("manifest.json")).json();
            const folder = app[0].split("/")[0];
            const index = document.documentElement.outerHTML;
            return index.includes(`${folder}/`) ? `${folder} ${models[0].name}` : "a mix of two exports";
        }"""
    )
