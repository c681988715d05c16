"""The room Read: fetched when it is opened and not before, everything linked, and the same as `janelm read` says."""

from __future__ import annotations

import json
import re
from itertools import product
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import watch
from browser.desk import NOTHING_KEPT, WAIT, flaws
from browser.engine_site import answer, site_models, write_engine_site
from browser.seen import left_in_english
from browser.servers import served
from janelm.reading.copied import copied_index, split_words
from janelm.reading.embeddings import embed, neighbours_of
from janelm.reading.report import read_text
from janelm.reading.searching import search
from janelm.site.rooms import Rooms, add_embeddings, add_reading
from janelm.text.sources import Source

SCENE = (
    '"I love this happy river," said Ann to Mr. Hill. Then Ann went to the old mill, and Mr. Hill was glad.\n\n'
    "So Mrs. Lane came 🎈 to the mill, and saw Ann. It was a horrible, cruel evening, as Mr. Hill said to "
    "Mrs. Lane.\n\n"
)
BOOKS = {
    "The Mill": [SCENE * 5, SCENE * 3 + "The heron stood on one leg. " * 6],
    "The River": [SCENE * 4, SCENE * 2],
}
SURPRISE = {
    "arc": [[place / 20, 2 + place % 3 / 10, place >= 18] for place in range(20)],
    "expected": [{"number": 30, "bits": 0.5}],
    "unexpected": [{"number": 33, "bits": 4.25}],
    "sentences": 2,
}
LIKENESS = {"books": ["The Mill", "The River"], "delta": None, "models": {"lstm-character": [[2.5, 0.0], [3.25, 1.0]]}}
VIEWS = ("Books", "Words", "Feeling", "People", "Neighbours", "Surprise", "Likeness")


def novel() -> str:
    books = []
    for title, chapters in BOOKS.items():
        numbered = "".join(f"CHAPTER {number}\n\n{text}" for number, text in enumerate(chapters, start=1))
        books.append(f"{title.upper()}\n\nby Ann Author\n\n\n{numbered}")
    return "\n\n".join(books)


@pytest.fixture(scope="module")
def parted():
    return read_text([Source("novel.txt", novel())])


@pytest.fixture(scope="module")
def embedding(parted):
    return embed(site_models()["lstm-character"][0], parted[1])


@pytest.fixture(scope="module")
def sites(host, parted, embedding) -> dict[str, str]:
    """The addresses of a page with the text, and of one with figures alone."""
    for name, whole in (("whole", True), ("figures", False)):
        rooms = Rooms()
        surprise = {"lstm-character": SURPRISE if whole else SURPRISE | {"sentences": 0}}
        add_reading(rooms, *parted, whole, surprise, LIKENESS)
        if whole:
            add_embeddings(rooms, {"lstm-character": embedding})
        write_engine_site(host[0] / "rooms" / name, ["lstm-character"], rooms=rooms)
    return {name: f"{host[1]}/rooms/{name}/" for name in ("whole", "figures")}


def enter(page: Page, address: str, view: str = "Books") -> Page:
    page.goto(address)
    expect(page.locator("#facts")).to_contain_text("ready in", timeout=WAIT)  # before that a click may be too early
    page.get_by_role("tab", name="Read", exact=True).click()
    expect(page.get_by_role("tab", name="Books", exact=True)).to_be_visible(timeout=WAIT)
    page.get_by_role("tab", name=view, exact=True).click()
    return page


def follow(page: Page, words: str) -> None:
    page.get_by_label("Follow", exact=True).fill(words)
    page.get_by_role("button", name="Add", exact=True).click()


def test_nothing_of_the_room_is_fetched_before_it_is_opened(page, sites):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(sites["whole"])
    expect(page.locator("#facts")).to_contain_text("ready in", timeout=WAIT)
    page.wait_for_timeout(300)
    assert len(asked) > 10 and not [
        url for url in asked if "/rooms/figures" in url or "/rooms/text" in url or "/rooms/embeddings" in url
    ]
    assert not [url for url in asked if re.search(r"app-\w+/read/", url)]
    page.get_by_role("tab", name="Read", exact=True).click()
    expect(page.get_by_role("tab", name="Books", exact=True)).to_be_visible(timeout=WAIT)
    assert any("figures-" in url for url in asked) and any("/read/room.js" in url for url in asked)


def test_what_a_first_visitor_waits_for_has_not_grown(host, sites):
    """Bytes that the page asks for before its first text: its index, styles and modules. Before there were rooms they
    were 22,000 fewer; what came since is the sampler's further rules, the tree of pages and the doors of the rooms."""
    folder = host[0] / "rooms" / "whole"
    index = (folder / "index.html").read_text()
    eager = re.findall(r'(?:href|src)="(app-[^"]+)"', index)
    assert not [path for path in eager if "/read/" in path]
    assert sum((folder / path).stat().st_size for path in set(eager)) + len(index) < 218_000


def test_the_whole_room_is_small(host, sites):
    folder = host[0] / "rooms" / "whole"
    code = [path for path in folder.glob("app-*/read/*") if path.is_file()]
    assert len(code) > 8 and sum(path.stat().st_size for path in code) < 100_000


FOUND = """async cases => {
    const manifest = await (await fetch("manifest.json")).json();
    const at = path => new URL(`${manifest.app[0].split("/")[0]}/read/${path}`, location.href).href;
    const { fetchReading } = await import(at("data.js"));
    const words = await import(at("words.js"));
    const { figures, text } = await fetchReading(manifest.reading, new URL("./", location.href));
    const sentence = text.slice(figures.sentences[9], figures.sentences[10]);
    return [sentence, Array.from(figures.feelings), cases.map(([phrase, whole]) => {
        const places = words.search(text, phrase, whole);
        const counts = words.along(places, 50, 0, figures.characters);
        const beside = words.collocates(text, places, words.countWords(text));
        const spread = words.dispersion(counts);
        return { count: places.length, spread, beside: beside.map(one => [one.word, one.count]) };
    })];
}"""


def test_the_page_finds_what_python_finds(page, sites, parted):
    report, text = parted
    cases = list(product(("mill", "the mill", "Mr. Hill", "ill", "heron", "Ann"), (True, False)))
    page.goto(sites["whole"])
    sentence, feelings, searches = answer(page, FOUND, cases)
    for case, told in zip(cases, searches, strict=True):
        found = search(text, *case)
        assert told["count"] == len(found.places), case
        assert told["beside"] == [list(one) for one in found.collocates()], case
        if found.places:  # places are units there, characters here
            assert told["spread"] == pytest.approx(found.dispersion, abs=0.05), case
    assert sentence == text.text[report["sentences"][9] : report["sentences"][10]]
    assert feelings == report["feelings"]


def test_a_word_that_is_chosen_anywhere_is_followed_everywhere(page, sites):
    enter(page, sites["whole"])
    page.locator(".word-button", has_text="heron").first.click()
    expect(page.locator(".followed-word")).to_contain_text("heron")
    expect(page.get_by_role("columnheader", name="“heron” per 10,000")).to_be_visible()
    page.get_by_role("tab", name="Words", exact=True).click()
    expect(page.locator(".kwic li")).to_have_count(6)
    expect(page.locator(".kwic mark").first).to_have_text("heron")
    page.get_by_role("tab", name="People", exact=True).click()
    expect(page.locator("#read-People .followed-row")).to_contain_text("“heron”")
    for view in ("Feeling", "Surprise"):
        page.get_by_role("tab", name=view, exact=True).click()
        expect(page.locator(f"#read-{view} .followed-row")).to_contain_text("“heron”")
    page.get_by_role("tab", name="Neighbours", exact=True).click()
    expect(page.locator(".near-lists")).to_contain_text("Near “heron”", timeout=WAIT)
    page.get_by_role("tab", name="People", exact=True).click()
    page.locator(".followed-word").click()
    expect(page.locator("#read-People .followed-row")).to_have_count(0)


def test_a_word_in_a_line_is_followed_when_it_is_pressed_twice(page, sites):
    enter(page, sites["whole"], "Words")
    follow(page, "heron")
    page.locator(".kwic mark").first.dblclick()
    expect(page.locator(".followed-word")).to_have_count(1)
    page.get_by_role("tab", name="Feeling", exact=True).click()
    page.locator(".quote").evaluate("one => (one.textContent = 'glad')")
    page.locator(".quote").dblclick(position={"x": 20, "y": 20})
    expect(page.locator(".followed-word")).to_have_count(2)


def test_a_word_that_is_not_there_is_said(page, sites):
    enter(page, sites["whole"])
    follow(page, "zebra")
    expect(page.locator(".problem")).to_have_text("“zebra” does not stand in the text.")


def test_a_phrase_with_signs_of_its_own_is_no_pattern(page, sites):
    enter(page, sites["whole"])
    follow(page, "river,")
    follow(page, "(.*")
    expect(page.locator(".followed-word")).to_have_count(1)


def test_the_sentence_under_the_slider_is_shown_with_its_feeling(page, sites):
    enter(page, sites["whole"], "Feeling")
    page.get_by_label("Sentence", exact=True).last.focus()
    page.keyboard.press("Home")
    first = page.locator(".quote").inner_text()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert page.locator(".quote").inner_text() != first
    expect(page.locator(".quote .score")).to_have_text(re.compile(r"^[+−]?[\d.]+$"))


def test_the_line_of_feeling_is_the_mean_that_python_takes(page, sites):
    enter(page, sites["whole"])
    told = page.evaluate(
        """async values => {
            const manifest = await (await fetch("manifest.json")).json();
            const path = `${manifest.app[0].split("/")[0]}/read/feeling.js`;
            const { smoothed } = await import(new URL(path, location.href).href);
            return [Array.from(smoothed(values, 4, false)), Array.from(smoothed(values, 3, true))];
        }""",
        [1, 0, 0, 1, 1, -1],
    )
    from janelm.reading.sentiment import moving_mean

    assert told[0] == pytest.approx(moving_mean([1, 0, 0, 1, 1, -1], 4).tolist())
    assert told[1][:3] == pytest.approx([1, 0.5, 0.25])


def test_surprise_shows_the_held_out_sentences(page, sites, parted):
    report, text = parted
    enter(page, sites["whole"], "Surprise")
    sentence = " ".join(text.text[report["sentences"][33] : report["sentences"][34]].split())
    expect(page.locator(".costly").first).to_contain_text("4.25")
    expect(page.locator(".costly").first).to_contain_text(sentence)


def test_likeness_says_how_well_each_book_is_expected_and_what_was_seen(page, sites):
    enter(page, sites["whole"], "Likeness")
    rows = page.locator(".likeness tbody tr")
    expect(rows.filter(has_text="The Mill")).to_contain_text("2.500 seen")
    expect(rows.filter(has_text="The River")).to_contain_text("3.250 never seen")
    expect(page.locator(".likeness")).to_contain_text("at least three books")


def test_neighbours_on_the_page_are_those_of_python(page, sites, embedding):
    enter(page, sites["whole"], "Neighbours")
    expect(page.locator(".near-lists")).to_contain_text("Nothing is followed yet")
    run = site_models()["lstm-character"][0]
    for word, guessed in (("mill", False), ("zebra", True)):
        page.get_by_label("Place", exact=True).fill(word)
        page.get_by_role("button", name="Place", exact=True).click()
        told = neighbours_of(run, embedding, word)
        assert told and told["guessed"] == guessed
        found = page.locator(".near-lists > div", has_text=f"Near “{word}”")
        expect(found.get_by_text("which is a guess")).to_have_count(int(guessed))
        shown = [float(one) for one in found.locator(".share").all_inner_texts()]
        assert shown == pytest.approx([cosine for _, cosine in told["near"]], abs=0.04)  # a byte for each number
    follow(page, "Ann")
    expect(page.locator(".near-lists")).to_contain_text("Near “Ann")


def test_the_cloud_of_names_turns_and_stops(page, sites):
    enter(page, sites["whole"], "Neighbours")
    expect(page.locator(".neighbours .help").filter(has_text="words and names")).to_be_visible(timeout=WAIT)
    expect(page.get_by_role("button", name="Turn", exact=True)).to_have_count(0)
    page.get_by_label("drawn").select_option("solid")
    page.get_by_role("button", name="Stop", exact=True).click()
    canvas = page.locator("canvas.cloud")
    still = canvas.evaluate("one => one.toDataURL()")
    page.wait_for_timeout(100)
    assert canvas.evaluate("one => one.toDataURL()") == still
    canvas.focus()
    page.keyboard.press("ArrowRight")
    assert canvas.evaluate("one => one.toDataURL()") != still


def test_two_names_of_one_person_are_joined_and_stay_so(page, sites):
    enter(page, sites["whole"], "People")
    names = page.locator("button.person")
    before = {
        name: page.locator(".people li", has_text=name).locator(".share").inner_text() for name in ("Ann", "Mrs. Lane")
    }
    page.get_by_label("Tick Ann").check()
    page.get_by_label("Tick Mrs. Lane").check()
    page.get_by_role("button", name="Join the two names").click()
    expect(names.filter(has_text="Mrs. Lane")).to_have_count(0)
    joined = sum(int(number) for number in before.values())
    expect(page.locator(".people li", has_text="Ann").locator(".share")).to_have_text(str(joined))
    page.reload()
    enter(page, sites["whole"], "People")
    expect(page.locator("button.person", has_text="Mrs. Lane")).to_have_count(0)
    page.get_by_role("button", name="Part them again").click()
    expect(page.locator("button.person", has_text="Mrs. Lane")).to_have_count(1)


def test_figures_alone_hold_no_sentence_of_the_text(page, sites, host):
    packed = [path for path in (host[0] / "rooms" / "figures" / "rooms").iterdir()]
    assert [path.name.split("-")[0] for path in packed] == ["figures"]
    enter(page, sites["figures"], "Words")
    follow(page, "mill")
    expect(page.locator(".context")).to_contain_text("its maker kept the text back")
    follow(page, "the mill")
    expect(page.locator(".problem")).to_contain_text("not among the frequent single words")
    page.get_by_role("tab", name="Feeling", exact=True).click()
    expect(page.locator(".quote")).to_contain_text("kept the text back")


def test_a_page_without_a_text_has_no_tab_for_it(page, small_site):
    page.goto(small_site[1])
    expect(page.get_by_role("tab", name="About")).to_be_visible()
    expect(page.get_by_role("tab", name="Read")).to_have_count(0)
    page.get_by_role("tab", name="Write").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("tab", name="About")).to_be_focused()


def test_a_room_whose_files_are_gone_is_said_and_opens_later(page, host, sites, complaints):
    (figures,) = (host[0] / "rooms" / "figures" / "rooms").iterdir()
    away = figures.rename(figures.with_suffix(".away"))
    page.goto(sites["figures"])
    page.get_by_role("tab", name="Read", exact=True).click()
    expect(page.get_by_role("alert")).to_be_visible(timeout=WAIT)
    away.rename(figures)
    page.get_by_role("tab", name="Write", exact=True).click()
    page.get_by_role("tab", name="Read", exact=True).click()
    expect(page.get_by_role("tab", name="Books", exact=True)).to_be_visible(timeout=WAIT)
    complaints.clear()


def test_a_room_that_was_opened_works_without_a_network(keeping_context, host, sites):
    with served(host[0]) as origin:
        page = keeping_context.new_page()
        enter(page, f"{origin}/rooms/whole/")
        kept = """async () => {
            for (const name of await caches.keys()) {
                const urls = (await (await caches.open(name)).keys()).map(({ url }) => url);
                const has = part => urls.some(url => url.includes(part));
                if (has("rooms/text-") && has("kept-pair")) return true;
            }
            return false;
        }"""
        page.wait_for_function(f"async () => await ({kept})()", timeout=WAIT)
        page.close()
    page = keeping_context.new_page()
    enter(page, f"{origin}/rooms/whole/", "Words")
    follow(page, "heron")
    expect(page.locator(".kwic li")).to_have_count(6)


def test_a_reader_of_german_reads_german(browser, page, sites):
    context = browser.new_context(locale="de-DE", **NOTHING_KEPT)
    assert not left_in_english(page, context.new_page(), sites["whole"], novel(), follow="mill")
    context.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_no_view_has_a_flaw_that_axe_finds_or_needs_sideways_scrolling(browser, host, sites, scheme, width):
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800}, **NOTHING_KEPT)
    page, complaints = context.new_page(), []
    watch(page, complaints, host[1])
    enter(page, sites["whole"])
    follow(page, "mill, Ann")
    for view in VIEWS:
        page.get_by_role("tab", name=view, exact=True).click()
        page.wait_for_timeout(400)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, view
        assert not flaws(page), view
    context.close()
    assert not complaints


def test_the_manifest_names_the_rooms_files_with_their_room(host, sites):
    told = json.loads((Path(host[0]) / "rooms" / "whole" / "manifest.json").read_text())
    rooms = {file["path"].split("/")[0].split("-")[0] for file in told["files"] if file.get("room") == "read"}
    assert rooms == {"rooms", "app"}
    assert not [file for file in told["files"] if file.get("room") and file["path"].startswith("vendor")]


# --- what is copied


@pytest.fixture(scope="module")
def copying(host) -> str:
    """The address of a page with an index of the novel."""
    rooms, index = Rooms(), copied_index(novel())
    rooms.entry["copied"] = {"lstm-character": rooms.add("copied", index.filter) | index.described()}
    write_engine_site(host[0] / "rooms" / "copying", ["lstm-character"], rooms=rooms)
    return f"{host[1]}/rooms/copying/"


def test_copied_passages_are_lit_up_and_the_index_is_fetched_when_it_is_asked_for(page, copying):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(copying)
    expect(page.locator("#facts")).to_contain_text("ready in", timeout=WAIT)
    assert not [url for url in asked if "copied" in url]
    text = "Nobody knew him. Then Ann went to the OLD mill, and Mr. Hill sang. The heron stood on one leg."
    page.get_by_label("Your text").fill(text)
    page.get_by_text("Copied", exact=True).click()
    expect(page.locator(".copied-list li")).to_have_text(["Then Ann went to the OLD mill, and Mr. Hill"], timeout=WAIT)
    expect(page.locator(".copied-marks mark")).to_have_count(1)
    assert page.locator(".copied-marks").evaluate("one => one.textContent") == text
    boxes = [page.locator(one).bounding_box() for one in ("#text", ".copied-marks")]
    assert boxes[0]["x"] == boxes[1]["x"] and boxes[0]["width"] == boxes[1]["width"]
    expect(page.locator(".copied-body")).to_contain_text("recover the text")
    page.get_by_text("Copied", exact=True).click()
    expect(page.locator(".copied-marks")).to_be_hidden()


def test_the_page_finds_the_runs_that_python_finds(page, copying):
    page.goto(copying)
    words = split_words(novel())[40:80]
    mixed = [*words[:9], "zebra", *words[9:18], "é𝔉", *words[20:26]]
    told = page.evaluate(
        """async text => {
            const manifest = await (await fetch("manifest.json")).json();
            const at = path => new URL(`${manifest.app[0].split("/")[0]}/copied/${path}`, location.href).href;
            const { copiedPassages } = await import(at("room.js"));
            const index = manifest.copied["lstm-character"];
            const filter = new Uint8Array(await (await fetch(index.path)).arrayBuffer());
            return copiedPassages(text, index, filter).passages.map(({ begin, end }) => text.slice(begin, end));
        }""",
        " ".join(mixed),
    )
    assert copied_index(novel()).holds(mixed).tolist() == [True] * 3 + [False] * 7 + [True] * 3 + [False] * 7
    assert told == [" ".join(words[:9]), " ".join(words[9:18])]


def test_a_page_without_an_index_says_nothing_of_it(page, sites):
    page.goto(sites["whole"])
    expect(page.locator("#facts")).to_contain_text("ready in", timeout=WAIT)
    expect(page.get_by_text("Copied", exact=True)).to_have_count(0)


# --- watch it learn


def test_a_slider_shows_what_the_model_wrote_at_each_evaluation(page, address, runs):
    page.goto(address)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    expect(page.locator("#facts")).to_contain_text("ready in", timeout=WAIT)
    assert not [url for url in asked if "/learn" in url]
    page.get_by_role("tab", name="Compare", exact=True).click()
    expect(page.get_by_role("heading", name="Watch it learn")).to_be_visible(timeout=WAIT)
    slider, samples = page.get_by_label("Moment of the training"), runs[0].samples()
    for place in (0, len(samples) - 1):
        slider.fill(str(place))
        expect(page.locator(".moment strong")).to_have_text(f"{samples[place]['validation']:.3f}")
        assert page.locator(".learnt").evaluate("one => one.textContent") in (
            samples[place]["text"],
            "(nothing but blanks)",
        )
    expect(page.locator(".yardsticks")).to_contain_text("gzip")


def test_playing_goes_through_the_training_and_stops_at_its_end(page, address, runs):
    page.goto(address)
    page.get_by_role("tab", name="Compare", exact=True).click()
    page.get_by_role("button", name="Play", exact=True).click()
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    last = str(len(runs[0].samples()) - 1)
    expect(page.get_by_label("Moment of the training")).to_have_value(last, timeout=WAIT)
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
