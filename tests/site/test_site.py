"""The exported folder from Python's side: what stands in it, what it says, and what it never touches."""

import gzip
import hashlib
import json
import re
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from sites import LEAN, manifest, trained
from small import quiet

from janelm.cli import main
from janelm.config import SamplingConfig
from janelm.engines import OnnxEngine
from janelm.errors import JaneLMError, UsageError
from janelm.export.graphs import export_graph
from janelm.export.precision import quantise
from janelm.measuring.evaluation import cold_losses
from janelm.runs import Run
from janelm.runs.dataset import Texts
from janelm.site import folder, vendor
from janelm.site.change import as_rounded, measure, measure_steps
from janelm.site.folder import SiteOptions, _title, modules, with_runtime, write_site
from janelm.site.models import _language, _Text, make_model, slug
from janelm.site.workflow import write_workflow
from janelm.text.sources import Source
from janelm.writing.generation import generate


class Addresses(HTMLParser):
    """Every address in a page, and the policy that it sets itself."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found, self.inline, self.policy = [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.found += [values[name] for name in ("src", "href") if name in values]
        self.inline += [name for name in values if name == "style" or name.startswith("on")]
        if tag == "script" and "src" not in values:
            self.inline.append("script")
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values["content"]


def test_every_file_that_the_manifest_names_is_there_and_what_it_says(site):
    listed = manifest(site)
    named = {entry["path"]: entry for entry in listed["files"]} | {entry["file"]: entry for entry in listed["models"]}
    for path, entry in named.items():
        content = (site / path).read_bytes()
        assert len(content) == entry["bytes"] and hashlib.sha256(content).hexdigest() == entry["sha256"]
    assert set(listed["app"]) <= set(named)
    there = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    (picture,) = (path.name for path in site.glob("card-*.png"))  # which only others' pages show
    roots = {"index.html", "manifest.json", "service_worker.js", "LICENSES.txt", ".nojekyll", picture}
    assert there == set(named) | roots


def test_the_page_sets_a_strict_policy_and_has_relative_addresses_only(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "fetch", lambda package, say: dict.fromkeys(package.files, b"content"))
    write_site(runs[1:], tmp_path / "page")
    page = Addresses((tmp_path / "page/index.html").read_text(encoding="utf-8"))
    assert page.inline == []
    for address in page.found:
        assert address.startswith(("#", "data:image/")) or (tmp_path / "page" / address).is_file(), address
    assert page.policy == (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; "
        "style-src 'self'; img-src 'self' data:; manifest-src 'self'; base-uri 'none'; form-action 'none'"
    )
    listed = manifest(tmp_path / "page")
    assert "glue" not in listed["runtime"] and listed["runtime"]["integrity"] is None
    check_packages(tmp_path / "page", {"charts": "module"})
    write_site(runs[1:], tmp_path / "larger", SiteOptions(runtime="onnxruntime"))
    assert Addresses((tmp_path / "larger/index.html").read_text(encoding="utf-8")).policy == page.policy
    check_packages(tmp_path / "larger", {"runtime": "glue", "charts": "module"})


def check_packages(place: Path, parts: dict[str, str]) -> None:
    """Each third party's file is there, with its licence, and no other is."""
    for name, part in parts.items():
        entry = manifest(place)[name]
        assert entry["integrity"] is None
        assert (place / entry[part]).read_bytes() == b"content"
        assert "MIT License" in (place / entry[part]).with_name("LICENSE").read_text()
    assert len(list((place / "vendor").iterdir())) == len(parts)


def test_the_pages_own_step_comes_with_it_and_a_larger_page_leaves_it_out(runs, site, tmp_path):
    runtime = manifest(site)["runtime"]
    for built, path in ((runtime, "engine/step.wasm"), (runtime["relaxed"], "engine/step-relaxed.wasm")):
        content = (site / built["wasm"]).read_bytes()
        assert built["wasm"].endswith(path) and built["wasm_bytes"] == len(content)
        assert len(gzip.compress(content)) < 80_000
    write_site(runs[1:], tmp_path / "page", replace(LEAN, runtime="onnxruntime"))
    assert not list((tmp_path / "page").rglob("step*.wasm"))


@pytest.mark.parametrize(
    ("kinds", "precision", "lacking"),
    [(["lstm"], "int8-weights", None), (["lstm", "mamba"], "fp32", "kind mamba"), (["lstm"], "int8", "int8")],
)
def test_what_the_pages_own_step_lacks_takes_onnx_runtime_and_says_so_in_one_line(kinds, precision, lacking):
    said = []
    runtime = with_runtime(SiteOptions(precision), kinds, said.append).runtime
    assert runtime == ("onnxruntime" if lacking else "native") and len(said) == bool(lacking)
    assert all(lacking in line for line in said)
    assert with_runtime(SiteOptions(precision, runtime="onnxruntime"), kinds, said.append).runtime == "onnxruntime"
    assert len(said) == bool(lacking)  # whoever asks for it is not told


@pytest.mark.parametrize("runtime", ["native", "onnxruntime"])
def test_with_a_cdn_every_foreign_file_is_pinned_and_the_policy_names_that_host_alone(runs, runtime, tmp_path):
    site = tmp_path / "page"
    write_site(runs[1:], site, replace(LEAN, runtime=runtime))
    listed = manifest(site)
    assert not (site / "vendor").exists()
    for entry in (listed[name] for name in ("runtime", "charts") if name == "charts" or runtime == "onnxruntime"):
        addresses = {entry[role] for role in ("module", "glue", "wasm", "style") if role in entry}
        assert set(entry["integrity"]) == addresses
        assert all(address.startswith(vendor.CDN) for address in addresses)
        assert all(value.startswith("sha384-") and len(value) == 71 for value in entry["integrity"].values())
    html = (site / "index.html").read_text(encoding="utf-8")
    policy = Addresses(html).policy
    assert set(re.findall(r"https?://[^ ;]+", policy)) == {vendor.CDN}
    blob = " blob:" if runtime == "onnxruntime" else ""
    assert f"script-src 'self' 'wasm-unsafe-eval'{blob};" in policy
    style = listed["charts"]["style"]
    assert f'href="{style}" integrity="{listed["charts"]["integrity"][style]}" crossorigin="anonymous"' in html


def test_the_manifest_tells_of_each_run_what_its_own_files_say(site, runs):
    for run, entry in zip(runs, manifest(site)["models"], strict=True):
        results = run.read_json("results.json")
        assert entry["name"] == run.name and entry["kind"] == run.config().model.kind
        assert entry["losses"] == results["losses"] and entry["overlap"] == results["overlap"]
        assert entry["parameters"] == results["parameters"] and entry["card"]["steps"] == 4
        curves, rows = entry["curves"], run.metrics()
        assert curves["tokens"] == [row["tokens"] for row in rows]
        assert curves["validation"] == [row["validation_bits_per_byte"] for row in rows]
        assert {len(column) for column in curves.values()} == {len(rows)}
        engine = OnnxEngine(site / entry["file"], threads=1)
        assert engine.description == entry["description"] and entry["precision"] == "int6-weights"
        assert entry["titles"] == []


def test_the_example_is_what_the_exported_file_writes_with_those_settings(site, runs):
    for run, entry in zip(runs, manifest(site)["models"], strict=True):
        example = entry["example"]
        sampling = SamplingConfig(temperature=example["temperature"], seed=example["seed"])
        engine = OnnxEngine(site / entry["file"], threads=1)
        again = generate(run.load(), example["prompt"], example["num_tokens"], sampling, engine=engine)
        assert "".join(again).startswith(example["text"]) and len(example["text"]) >= 600


def test_the_first_models_example_is_text_in_the_page_itself(site):
    """It is read at first paint, before any script or model."""
    example = manifest(site)["models"][0]["example"]
    html = (site / "index.html").read_bytes().decode()
    assert escape(example["prompt"]) in html and escape(example["text"]) in html


def test_a_prompt_of_ones_own_is_continued(runs, tmp_path):
    write_site(runs[1:], tmp_path / "page", replace(LEAN, prompt="My aunt"))
    assert manifest(tmp_path / "page")["models"][0]["example"]["prompt"] == "My aunt"


def test_a_title_is_escaped_wherever_it_stands(runs, tmp_path):
    write_site(runs[1:], tmp_path / "page", replace(LEAN, title='<script>alert("1")</script> & $app'))
    html = (tmp_path / "page/index.html").read_text(encoding="utf-8")
    assert Addresses(html).inline == []
    title = "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; $app"
    assert html.count(title) == 4 and "<script>alert" not in html
    assert f'<meta property="og:title" content="{title}">' in html


def test_folders_of_the_training_machine_do_not_reach_the_page(site, runs):
    everything = b"".join(path.read_bytes() for path in site.rglob("*") if path.is_file())
    assert str(runs[0].folder.parent).encode() not in everything and b"my text.txt" in everything


@pytest.mark.parametrize(
    ("titles", "before", "after"), [("keep", "<", ">\t"), ("shorten", "", "\t"), ("drop", None, None)]
)
def test_a_document_models_titles_are_listed_with_what_stands_around_them(verses, titles, before, after, monkeypatch):
    config = verses.config()
    monkeypatch.setattr(Run, "config", lambda run: replace(config, data=replace(config.data, titles=titles)))
    entry = make_model(verses, "fp32", None, quiet).entry
    if before is None:
        assert entry["titles"] == [] and entry["example"]["prompt"] == ""
    else:
        assert entry["titles"] == ["Dawn", "Très tard"]
        assert (entry["title_before"], entry["title_after"]) == (before, after)
        assert entry["example"]["prompt"] == f"{before}Dawn{after}"


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_measured_loss_is_that_of_the_model_on_the_same_text(runs, verses, number):
    """Token by token through the graph, or whole windows through torch: the same bits per byte."""
    run = [*runs, verses][number]
    loaded, data = run.load(), Texts().data(run)
    full = export_graph(loaded)
    steps = measure_steps(*(OnnxEngine(graph, threads=1) for graph in (full, quantise(full, "int6-weights"))), data)
    whole = measure(loaded, as_rounded(loaded, "int6-weights"), data)
    assert steps.bytes == whole.bytes == cold_losses(loaded.model, data.evaluation("validation")).bytes
    assert steps.full == pytest.approx(whole.full, abs=1e-5) and steps.chosen == pytest.approx(whole.chosen, abs=1e-5)
    assert abs(whole.chosen - whole.full) > 5e-5


def test_padding_on_the_left_is_not_read(verses):
    config = verses.config()
    data = Texts().data(verses)
    plain = measure_steps(*[OnnxEngine(export_graph(verses.load()), threads=1)] * 2, data)
    data._right = True
    assert config.data.align == "left"
    aligned = measure_steps(*[OnnxEngine(export_graph(verses.load()), threads=1)] * 2, data)
    assert aligned.full == pytest.approx(plain.full, abs=1e-5)


def test_what_int8_costs_is_printed_and_stored(runs):
    lines = []
    change = make_model(runs[1], "int8", None, lines.append).entry["precision_change"]
    assert change["bytes"] > 500 and abs(change["bits_per_byte"] - change["bits_per_byte_fp32"]) < 0.05
    assert any("bits per byte" in line and f"{change['bytes']:,} bytes" in line for line in lines)


def test_a_run_whose_text_has_changed_is_exported_and_says_what_was_not_measured(tmp_path):
    run = trained(tmp_path)
    (tmp_path / "my text.txt").write_text("another text")
    lines = []
    change = make_model(run, "int8", None, lines.append).entry["precision_change"]
    assert "is not the one that lstm was trained on" in change["not_measured"]
    assert any("not measured" in line for line in lines)
    (tmp_path / "my text.txt").unlink()
    change = make_model(run, "int8", None, quiet).entry["precision_change"]
    assert "no text at my text.txt" in change["not_measured"]


def test_at_full_precision_there_is_nothing_to_measure(runs):
    assert make_model(runs[1], "fp32", None, quiet).entry["precision_change"] is None


def test_an_earlier_site_is_replaced_as_a_whole(runs, site, tmp_path):
    place = tmp_path / "page"
    write_site(runs, place, LEAN)
    (place / "left-over").write_text("of an earlier export")
    write_site(runs[:1], place, LEAN)
    assert [entry["name"] for entry in manifest(place)["models"]] == ["transformer"]
    assert not (place / "left-over").exists() and len(list((place / "models").iterdir())) == 1
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("file", ["notes.txt", "manifest.json"])
def test_a_folder_that_is_not_ours_is_never_touched(runs, tmp_path, file):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / file).write_text("{}")
    with pytest.raises(JaneLMError, match="is not a site that janelm wrote"):
        write_site(runs[1:], tmp_path / "mine", LEAN)
    assert (tmp_path / "mine" / file).read_text() == "{}" and len(list((tmp_path / "mine").iterdir())) == 1


def test_a_file_in_the_way_is_never_touched(runs, tmp_path):
    (tmp_path / "page").write_text("mine")
    with pytest.raises(JaneLMError, match="is not a site that janelm wrote"):
        write_site(runs[1:], tmp_path / "page", LEAN)
    assert (tmp_path / "page").read_text() == "mine"


def test_a_disk_that_fills_up_leaves_the_earlier_site(runs, tmp_path, monkeypatch):
    place = tmp_path / "page"
    write_site(runs[1:], place, LEAN)
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}

    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(JaneLMError, match="No space left on device"):
        write_site(runs, place, LEAN)
    monkeypatch.undo()
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_an_empty_folder_and_a_link_to_a_site_may_be_written_to(runs, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    write_site(runs[1:], tmp_path / "link", LEAN)
    assert (tmp_path / "link").is_symlink() and (tmp_path / "empty/index.html").exists()


def test_two_runs_of_the_same_name_are_refused(runs, tmp_path):
    with pytest.raises(UsageError, match="same name"):
        write_site([runs[0], runs[0]], tmp_path / "page", LEAN)


def test_a_run_that_is_not_finished_is_one_clear_sentence(tmp_path):
    run = trained(tmp_path)
    (run.folder / "results.json").unlink()
    with pytest.raises(JaneLMError, match="not a finished run"):
        write_site([run], tmp_path / "page", LEAN)
    assert not (tmp_path / "page").exists()


def test_names_become_addresses():
    assert [slug(name) for name in ("model-1", "muon 0.1 é", "../x", "...")] == ["model-1", "muon-0.1", "x", "model"]


def test_the_folder_of_the_modules_is_named_after_their_contents(runs, tmp_path, monkeypatch):
    models = [make_model(runs[1], "fp32", None, quiet)]
    before = folder.site_files(models, {}, LEAN)
    web = folder._web()
    monkeypatch.setattr(folder, "_web", lambda: web | {"main.js": web["main.js"] + b"\n"})
    after = folder.site_files(models, {}, LEAN)

    def app(files: dict) -> str:
        return json.loads(files["manifest.json"])["app"][0].split("/")[0]

    assert re.fullmatch(r"app-[0-9a-f]{8}", app(before)) and app(before) != app(after)


def test_modules_are_found_through_their_imports():
    web = {
        "main.js": b'import "./a.js";\nimport {\n  x,\n} from "./views/b.js";\nconst y = "./not.js";\n',
        "a.js": b'/** @import { T } from "./types.js" */\nexport * from "./views/c.js";\n',
        "views/b.js": b'import { z } from "../a.js";\nimport("./later.js");\n',
        **dict.fromkeys(("views/c.js", "not.js", "types.js", "views/later.js"), b""),
    }
    assert modules("main.js", web) == ["main.js", "a.js", "views/b.js", "views/c.js"]


@pytest.mark.parametrize(
    ("sources", "title"),
    [
        (["austen"], "Written by a small model of Jane Austen"),
        (["bible", "austen"], "Written by a small model of the King James Bible and Jane Austen"),
        (["posts/my_diary-2024.txt"], "Written by a small model of my diary 2024"),
        (["a.txt", "b.txt", "c.txt"], "Written by a small model of a, b and c"),
        (["a.txt", "b.txt", "c.txt", "d.txt"], "Written by a small model of 4 texts"),
        (["text"], "Written by a small model"),
    ],
)
def test_a_page_without_a_title_is_called_after_its_texts(sources, title):
    """It was "of austen"."""
    assert _title([{"card": {"data": sources[:1]}}, {"card": {"data": sources}}]) == title


def test_the_workflow_publishes_the_folder_by_standard_actions(tmp_path):
    text = write_workflow(Path("docs/page")).read_text()
    assert (tmp_path / ".github/workflows/pages.yml").exists()
    assert 'path: "docs/page"' in text and '"docs/page/**"' in text
    assert set(re.findall(r"uses: (\S+)@v\d+", text)) == {
        "actions/checkout",
        "actions/configure-pages",
        "actions/upload-pages-artifact",
        "actions/deploy-pages",
    }
    assert "${{ steps.deployment.outputs.page_url }}" in text and "\t" not in text


def test_a_site_elsewhere_has_no_workflow_here(tmp_path):
    with pytest.raises(UsageError, match="not inside this folder"):
        write_workflow(tmp_path.parent / "elsewhere")


def test_the_export_command_from_runs_to_folder(runs, capsys):
    models = [str(run.folder) for run in runs]
    options = "--output out --precision fp16 --title Two --cdn --workflow"
    assert main(["export", *models, *options.split()]) == 0
    listed = manifest(Path("out"))
    assert listed["title"] == "Two" and [entry["precision"] for entry in listed["models"]] == ["fp16", "fp16"]
    assert Path(".github/workflows/pages.yml").exists()
    said = capsys.readouterr().err
    assert "transformer as fp16:" in said and "janelm serve out" in said


def test_mistakes_in_the_export_command_are_usage_errors(runs, capsys):
    assert main(["export"]) == 2
    assert "name at least one run" in capsys.readouterr().err
    assert main(["export", "nothing"]) == 1
    assert "there is no run at nothing" in capsys.readouterr().err


def test_exporting_again_gives_the_same_file(runs):
    """So that what a browser has kept stays good."""
    files = [make_model(runs[0], "int8", None, quiet).graph for _ in range(2)]
    assert files[0] == files[1]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("It was the best of times, it was the worst of times, and the rain was in the street. " * 9, "en"),
        ("Der Müller sah die Lampe an und vergaß den Regen. " * 9, ""),
        ("הטוחן הביט במנורה. " * 9, "he"),
        ("粉屋さんはランプを見た。" * 9, "ja"),
        ("ᠮᠣᠩᠭᠣᠯ ᠪᠢᠴᠢᠭ " * 9, "mn-Mong"),
    ],
)
def test_the_language_of_a_text_is_guessed_by_its_letters_and_of_latin_ones_english_alone(text, language):
    assert _language(_Text([Source("a", text)], None), {"prompt": "", "text": ""}) == language
