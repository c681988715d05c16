"""What writers need besides: other scripts, old browsers, frames, drafts, and files to take away."""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import docx
import pytest
from markdown_it import MarkdownIt
from playwright.sync_api import Browser, expect

import janelm
from browser.desk import NOTHING_KEPT, WAIT, Desk, flaws
from browser.seen import left_in_english
from browser.servers import Foreign, served
from janelm.text.corpora import load_sources

TEXT = """It rained & rained, <all> night.

CHAPTER 2

The *heron* stood
on one leg; 1. it said
# nothing.

\tNaïve ☃ \u0007café.
"""


def with_language(site: tuple[Path, str], language: str) -> str:
    """The address of a small site whose model says that it writes in a language."""
    file = site[0] / "manifest.json"
    manifest, later = json.loads(file.read_text()), file.stat().st_mtime + 2  # the server tells changes by the second
    manifest["models"][0]["language"] = language
    file.write_text(json.dumps(manifest))
    os.utime(file, (later, later))
    return site[1]


# --- scripts


def test_texts_say_which_language_they_are_of(desk, small_site):
    desk.open(with_language(small_site, "he")).begin("The old miller")
    for shown in (desk.text, desk.ribbon):
        expect(shown).to_have_attribute("lang", "he")
        expect(shown).to_have_attribute("dir", "auto")
        desk.tab("Look inside").tokens()
    assert desk.page.locator("html").get_attribute("lang") == "en"


def test_a_view_that_has_opened_does_not_say_that_it_opens(desk, small_site):
    desk.open(small_site[1]).begin("The old miller")
    for tab, panel in (("Look inside", "inspect"), ("Compare", "compare"), ("About", "about")):
        desk.tab(tab)
        expect(desk.page.locator(f"#panel-{panel} > *").nth(1)).to_be_attached()
        expect(desk.page.get_by_text("Opening…")).to_have_count(0)


def test_lines_run_from_top_to_bottom_where_the_language_has_that_and_somebody_asks_for_it(desk, small_site):
    mode = "one => getComputedStyle(one).writingMode"
    desk.open(with_language(small_site, "ja")).begin("The old miller went to the river. " * 20)
    assert desk.text.evaluate(mode) == "horizontal-tb"
    desk.page.get_by_label("Vertical lines").check()
    assert desk.text.evaluate(mode) == "vertical-rl"
    assert desk.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    desk.tab("Look inside").tokens()
    assert desk.ribbon.evaluate(mode) == "vertical-rl"
    desk.tab("Write").page.get_by_label("Vertical lines").uncheck()
    assert desk.text.evaluate(mode) == "horizontal-tb"


def test_mongolian_lines_follow_from_the_left_and_english_ones_are_not_offered(desk, small_site):
    desk.open(with_language(small_site, "mn-Mong")).page.get_by_label("Vertical lines").check()
    assert desk.text.evaluate("one => getComputedStyle(one).writingMode") == "vertical-lr"
    desk.open(with_language(small_site, "en-GB"))
    expect(desk.page.get_by_label("Vertical lines")).to_be_hidden()


# --- browsers that are too old


SAFARI = "Mozilla/5.0 ({device}) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/15.6 Safari/604.1"


@pytest.mark.parametrize(
    ("agent", "why"),
    [
        (SAFARI.format(device="Macintosh; Intel Mac OS X 12_5"), "This is Safari 15.6, and the page needs 16.4"),
        (SAFARI.format(device="iPhone; CPU iPhone OS 15_6 like Mac OS X"), "older than iOS 16.4"),
        ("Mozilla/5.0 Chrome/90.0", "This browser is older than the page needs"),
        (None, "Its script did not load"),
    ],
)
def test_a_browser_that_cannot_read_the_modules_is_told_why(browser: Browser, small_site, agent, why):
    context = browser.new_context(user_agent=agent)
    page = context.new_page()
    if agent:
        page.add_init_script("delete Object.hasOwn; delete Array.prototype.toReversed")
    page.route("**/main.js", lambda route: route.fulfill(body="this is no = script", content_type="text/javascript"))
    page.goto(small_site[1])
    expect(page.get_by_role("alert")).to_contain_text(why, timeout=WAIT)
    context.close()


def test_a_page_that_starts_has_no_such_word(desk, small_site):
    desk.open(small_site[1]).page.wait_for_timeout(200)
    expect(desk.page.locator("#notice")).to_be_hidden()


@pytest.mark.parametrize(
    ("agent", "why"), [(SAFARI.format(device="iPhone; CPU"), "Lockdown Mode"), (None, "switch it on")]
)
def test_without_webassembly_the_reason_is_the_devices_own(browser: Browser, small_site, agent, why):
    context = browser.new_context(user_agent=agent)
    page = context.new_page()
    page.add_init_script("delete globalThis.WebAssembly")
    page.goto(small_site[1])
    expect(page.get_by_role("alert")).to_contain_text(why, timeout=WAIT)
    context.close()


# --- frames


def test_in_a_sandboxed_frame_without_any_storage_the_page_still_writes(keeping_context, small_site):
    """Its origin is none: no storage, no service worker, no worker of an address. Hosts such as GitHub Pages let any
    origin read, which modules in such a frame need."""
    page = keeping_context.new_page()
    errors: list[str] = []
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    with served(small_site[0], Foreign) as address:
        (small_site[0] / "blog.html").write_text(
            '<link rel="icon" href="data:,"><iframe sandbox="allow-scripts" src="./" width="1100"></iframe>'
        )
        page.goto(address + "/blog.html")
        frame = page.frame_locator("iframe")
        expect(frame.locator("#facts")).to_contain_text("ready in", timeout=WAIT)
        write_in(frame)
        assert not errors, errors
        page.close()


def write_in(frame) -> None:
    frame.get_by_role("textbox", name="Your text").fill("The old miller")
    frame.locator("#set-num_tokens").fill("12")
    frame.locator("#set-num_tokens").dispatch_event("change")
    frame.locator("#toolbar .primary").click()
    expect(frame.get_by_role("textbox", name="Your text")).to_have_value(
        re.compile("^The old miller.{5}"), timeout=WAIT
    )
    frame.locator("summary", has_text="Drafts").click()
    frame.get_by_role("button", name="Keep the text").click()
    expect(frame.locator(".drafts .draft")).to_have_count(1)
    expect(frame.get_by_text("they last for this visit")).to_be_visible()


# --- drafts


def drafts(desk: Desk):
    return desk.page.locator(".drafts .draft")


def keep(desk: Desk, name: str) -> None:
    desk.page.locator("#draft-name").fill(name)
    desk.press("Keep the text")


def test_drafts_are_named_listed_kept_as_they_are_written_and_deleted(desk, context, small_site):
    desk.open(small_site[1]).begin("The old miller.").page.locator("summary", has_text="Drafts").click()
    keep(desk, "The miller")
    desk.press("New").begin("A heron.")
    keep(desk, "")
    expect(drafts(desk)).to_have_text([re.compile("A heron.*2 words"), re.compile("The miller.*3 words")])
    drafts(desk).last.click()
    expect(desk.text).to_have_value("The old miller.")
    desk.text.press("End")
    desk.text.press_sequentially(" And the river.")
    desk.page.wait_for_timeout(1200)
    desk = Desk(context.new_page()).open(small_site[1]).begin("Another text.")
    desk.page.locator("summary", has_text="Drafts").click()
    drafts(desk).last.click()
    expect(desk.text).to_have_value("The old miller. And the river.")
    desk.press("Undo")
    expect(desk.text).to_have_value("Another text.")
    desk.page.wait_for_timeout(1200)  # in which the draft must not become what stood there before
    drafts(desk).last.click()
    expect(desk.text).to_have_value("The old miller. And the river.")
    desk.press("Rename A heron.")
    desk.page.get_by_label("New name of A heron.").fill("Bird")
    desk.page.keyboard.press("Enter")
    expect(drafts(desk).first).to_contain_text("Bird")
    desk.press("Delete Bird")
    expect(drafts(desk)).to_have_count(1)


def test_what_a_browser_kept_in_another_form_is_no_draft(desk, small_site):
    desk.page.add_init_script("""localStorage.setItem(`janelm-drafts ${location.pathname}`,
        '[5, {"name": "<b>x</b>", "text": 5}, {"name": "<b>y</b>", "text": "t", "model": "m", "changed": 1}]')""")
    desk.open(small_site[1]).page.locator("summary", has_text="Drafts").click()
    expect(drafts(desk)).to_have_count(1, timeout=WAIT)
    expect(drafts(desk)).to_contain_text("<b>y</b>")


# --- files


def saved(desk: Desk, address: str, ending: str, place: Path, text: str = TEXT) -> Path:
    desk.open(address).begin(text).press("Save")
    desk.page.get_by_label("Title", exact=True).fill("Rain & <Lamps>")
    with desk.page.expect_download() as started:
        desk.page.get_by_role("button", name=f".{ending}").click()
    assert started.value.suggested_filename == f"Rain & Lamps.{ending}"
    path = place / f"saved.{ending}"
    started.value.save_as(path)
    return path


PARTS = [
    "It rained & rained, <all> night.",
    "CHAPTER 2",
    "The *heron* stood\non one leg; 1. it said\n# nothing.",
    "Naïve ☃ café.",
]


def test_a_word_document_is_read_by_another_library_and_by_ours(desk, small_site, tmp_path):
    path = saved(desk, with_language(small_site, "en-GB"), "docx", tmp_path)
    document = docx.Document(str(path))
    assert [one.text for one in document.paragraphs] == ["Rain & <Lamps>", *PARTS]
    assert [one.style.name for one in document.paragraphs] == ["Title", "Normal", "Heading 1", "Normal", "Normal"]
    assert document.core_properties.title == "Rain & <Lamps>"
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None and 'w:lang w:val="en-GB"' in archive.read("word/styles.xml").decode()
    read = load_sources((str(path),))[0].text
    assert all(line in read for part in PARTS for line in part.split("\n"))


def test_a_word_document_of_a_script_from_the_right_says_so(desk, small_site, tmp_path):
    path = saved(desk, with_language(small_site, "ar"), "docx", tmp_path)
    body = zipfile.ZipFile(path).read("word/document.xml").decode()
    assert body.count("<w:bidi/>") == body.count("<w:p>") == body.count("<w:rtl/>") == 5


def test_an_e_book_is_what_the_specification_says_and_is_read_by_our_reader(desk, small_site, tmp_path):
    path = saved(desk, with_language(small_site, "he"), "epub", tmp_path)
    opf, xhtml = "{http://www.idpf.org/2007/opf}", "{http://www.w3.org/1999/xhtml}"
    assert path.read_bytes()[30:58] == b"mimetypeapplication/epub+zip"
    with zipfile.ZipFile(path) as archive:
        first = archive.infolist()[0]
        assert first.compress_type == zipfile.ZIP_STORED and not first.extra and archive.testzip() is None
        package = ElementTree.fromstring(archive.read("EPUB/content.opf"))
        items = {item.get("id"): f"EPUB/{item.get('href')}" for item in package.iter(f"{opf}item")}
        fixed = {"mimetype", "META-INF/container.xml", "EPUB/content.opf"}
        assert {*items.values()} | fixed == set(archive.namelist())
        assert [item.get("idref") for item in package.iter(f"{opf}itemref")] == ["nav", "chapter1", "chapter2"]
        assert [one.get("page-progression-direction") for one in package.iter(f"{opf}spine")] == ["rtl"]
        nav = ElementTree.fromstring(archive.read("EPUB/nav.xhtml"))
        links = [(link.get("href"), link.text) for link in nav.iter(f"{xhtml}a")]
        assert links == [("chapter1.xhtml", "Rain & <Lamps>"), ("chapter2.xhtml", "CHAPTER 2")]
        page = ElementTree.fromstring(archive.read("EPUB/chapter2.xhtml"))
        assert page.get("lang") == "he" and page.get("dir") == "rtl"
        lines = ["\n".join(one.itertext()) for one in page.iter(f"{xhtml}p")]
    assert lines == PARTS[2:]
    read = load_sources((str(path),))[0].text
    assert all(line in read for part in PARTS for line in part.split("\n"))


def test_markdown_says_the_text_and_takes_nothing_in_it_for_a_sign(desk, small_site, tmp_path):
    path = saved(desk, small_site[1], "md", tmp_path)
    tokens = MarkdownIt().parse(path.read_text(encoding="utf-8"))
    kinds = [token.type for token in tokens if token.type.endswith("_open")]
    assert kinds == ["heading_open", "paragraph_open", "heading_open", "paragraph_open", "paragraph_open"]
    shown = []
    for token in tokens:
        if token.type == "inline":
            assert {child.type for child in token.children} <= {"text", "text_special", "hardbreak"}
            shown.append("".join("\n" if child.type == "hardbreak" else child.content for child in token.children))
    assert shown == ["Rain & <Lamps>", *PARTS]


def test_plain_text_is_saved_as_it_stands(desk, small_site, tmp_path):
    path = saved(desk, small_site[1], "txt", tmp_path)
    assert path.read_bytes().decode() == TEXT


# --- everybody


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_drafts_and_in_the_dialogs(browser: Browser, small_site, scheme):
    context = browser.new_context(color_scheme=scheme, reduced_motion="reduce", **NOTHING_KEPT)
    desk = Desk(context.new_page()).open(small_site[1]).begin("The old miller")
    desk.page.locator("summary", has_text="Drafts").click()
    keep(desk, "One")
    for button in (None, "Save", "Open a model of your own"):
        if button:
            desk.press(button)
            expect(desk.page.get_by_role("dialog")).to_be_visible(timeout=WAIT)
        assert not flaws(desk.page), button
        if button:
            desk.page.keyboard.press("Escape")
    context.close()


def test_nothing_of_drafts_and_downloads_is_fetched_before_it_is_wanted(page, small_site):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    Desk(page).open(small_site[1])
    page.wait_for_timeout(300)
    assert not [url for url in asked if re.search("/(files|drafts|languages|lens)/", url)]
    assert not [url for url in asked if re.search("card-|views/(about|compare|duel)", url)]


# --- the interface in another language

WEB = Path(janelm.__file__).parent / "web"
GERMAN = json.loads((WEB / "languages/de.json").read_text(encoding="utf-8"))


def sources() -> str:
    """All of the page's own code, sentences that run over lines in one piece."""
    paths = [path for path in WEB.rglob("*") if path.suffix in (".js", ".html")]
    return re.sub(r'"\s*\+\s*"', "", "\n".join(path.read_text(encoding="utf-8") for path in sorted(paths)))


@pytest.fixture
def german(browser: Browser, complaints) -> Iterator[Desk]:
    context = browser.new_context(locale="de-DE", **NOTHING_KEPT)
    page = context.new_page()
    page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield Desk(page)
    context.close()
    assert not complaints


def test_a_reader_of_german_finds_no_sentence_of_english_and_can_have_english(german, address, host):
    page = german.page
    page.goto(address)
    expect(page.locator("#facts")).to_contain_text("bereit in", timeout=WAIT)
    assert page.locator("html").get_attribute("lang") == "de"
    page.locator("#text").fill("The old miller went")
    for summary in page.locator("summary").all():
        if summary.is_visible() and "Einstellungen" not in summary.inner_text():
            summary.click()
    for name in ("Hineinsehen", "Vergleichen", "Über", "Schreiben"):
        page.get_by_role("tab", name=name, exact=True).click()
        page.wait_for_timeout(700)
    for name in ("Ein eigenes Modell öffnen", "Sichern"):
        page.get_by_role("button", name=name, exact=True).click()
        expect(page.get_by_role("dialog")).to_be_visible(timeout=WAIT)
        page.keyboard.press("Escape")
    page.locator("#toolbar .primary").click()
    expect(page.locator("#toolbar .primary")).to_have_text("Weiter", timeout=WAIT)
    app = page.evaluate("fetch('manifest.json').then(found => found.json()).then(({ app }) => app[0].split('/')[0])")
    missing = page.evaluate(f"import('./{app}/views/language.js').then(({{ missing }}) => [...missing])")
    code = sources()
    forgotten = [one for one in missing if re.search(r"[A-Za-z]{3} ", one) and f'"{one}"' in code]
    assert not forgotten
    page.get_by_role("button", name="English").click()
    expect(page.locator("#facts")).to_contain_text("ready in", timeout=WAIT)
    assert page.get_by_role("button", name="Deutsch").is_visible()
    assert page.locator("#text").input_value().startswith("The old miller went")


def test_no_word_that_a_reader_of_german_sees_is_left_in_english(page, german, address, runs):
    text = "".join((runs[0].folder.parent / name).read_text() for name in ("text.txt", "verses.txt"))
    assert not left_in_english(page, german.page, address, text, ("write", "inspect", "compare", "read", "about"))


def test_a_language_says_nothing_that_the_page_does_not_and_keeps_what_is_put_in():
    told = ("measuring/yardsticks.py", "training/loop.py", "measuring/overlap.py", "reading/sentiment.py")
    code = sources() + "".join((WEB.parent / path).read_text(encoding="utf-8") for path in told)
    code = code.replace("\\n", "\n").replace("\\\n", "\\n")
    plurals = re.compile(r"\{count\} \w+")
    for english, own in GERMAN.items():
        assert english in code or english.replace("\\", "\\\\") in code or plurals.fullmatch(english), english
        assert own.strip() and sorted(re.findall(r"\{\w+\}", own)) == sorted(re.findall(r"\{\w+\}", english)), english


def test_english_asks_for_no_language(page, small_site):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    Desk(page).open(small_site[1])
    assert not [url for url in asked if "/languages/" in url]
    expect(page.get_by_role("button", name="Deutsch")).to_be_visible()


def test_a_single_word_of_the_text_is_never_translated(german, address):
    """The tokens of a text may be words of the interface: "Stop"."""
    german.page.goto(address)
    expect(german.page.locator("#facts")).to_contain_text("bereit in", timeout=WAIT)
    german.page.locator("#model").select_option("lstm")
    german.page.locator("#text").fill("Stop. All heads. Try again")
    german.page.get_by_role("tab", name="Hineinsehen").click()
    ribbon = german.page.get_by_role("listbox")
    expect(ribbon).to_have_text("Stop. All heads. Try again", timeout=WAIT)
