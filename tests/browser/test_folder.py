"""The exported folder in a browser, before and without the page's modules."""

import json

import pytest
from playwright.sync_api import expect

from browser.servers import Foreign, served
from janelm.site import folder, vendor


def test_the_example_is_in_the_page_itself(page, address, site, complaints):
    """So that there is something to read at first paint: it needs neither script nor model."""
    page.route("**/*.js", lambda route: route.abort())
    page.goto(address)
    example = json.loads((site / "manifest.json").read_text(encoding="utf-8"))["models"][0]["example"]
    body = page.text_content("body")
    assert example["text"][:200] in body
    complaints.clear()  # of the aborted requests


def test_the_policy_is_in_force(page, address, complaints):
    page.goto(address)
    ran = page.evaluate(
        "() => { const script = document.createElement('script'); script.textContent = 'window.ran = 1';"
        " document.head.append(script); return window.ran ?? null }"
    )
    assert ran is None
    page.wait_for_function("() => true")
    assert any("Content Security Policy" in line for line in complaints)
    complaints.clear()


@pytest.fixture
def cdn(tmp_path, monkeypatch):
    """Plays the CDN: the folder of its files, which are those that an export pins."""
    with served(tmp_path, Foreign) as origin:
        for module in (vendor, folder):
            monkeypatch.setattr(module, "CDN", origin)
        for package in (vendor.RUNTIME, vendor.CHARTS):
            for path, content in vendor.fetch(package).items():
                file = tmp_path / package.address(path).removeprefix(f"{origin}/")
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
        yield tmp_path


def test_with_a_cdn_the_page_runs_on_the_pinned_files_of_that_host(page, host, runs, complaints, cdn):
    folder.write_site(
        runs[1:2], host[0] / "some" / "cdn", folder.SiteOptions("fp32", cdn=True, runtime="onnxruntime", read="none")
    )
    page.goto(f"{host[1]}/some/cdn/")
    expect(page.locator("#facts")).to_contain_text("ready in", timeout=30_000)
    page.get_by_role("tab", name="Compare").click()
    expect(page.locator(".uplot canvas").first).to_be_visible(timeout=30_000)
    pinned = {package.address(path) for package in (vendor.RUNTIME, vendor.CHARTS) for path in package.files}
    page.close()  # what it asks for is known only then
    assert {line.removeprefix("asked for ") for line in complaints} <= pinned
    complaints.clear()


def test_another_file_than_the_pinned_one_does_not_run(page, host, runs, complaints, cdn):
    folder.write_site(
        runs[1:2],
        host[0] / "some" / "damaged",
        folder.SiteOptions("fp32", cdn=True, runtime="onnxruntime", read="none"),
    )
    module = next(cdn.rglob("ort-wasm-simd-threaded.mjs"))
    module.write_bytes(module.read_bytes() + b"\n")
    page.goto(f"{host[1]}/some/damaged/")
    expect(page.get_by_role("alert")).to_contain_text("runtime", timeout=30_000)
    assert "ready in" not in page.locator("#facts").text_content()
    complaints.clear()
