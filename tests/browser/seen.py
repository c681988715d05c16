"""What visitors see of a page, and what of it is the same in both of its languages."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from browser.desk import WAIT

SEEN = """() => {
    const found = new Set();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_ELEMENT);
    for (let one = walker.nextNode(); one; one = walker.nextNode()) {
        if (!one.checkVisibility() || one.closest(".prose, textarea, script")) continue;
        for (const name of ["aria-label", "title", "placeholder", "aria-valuetext"]) found.add(one.getAttribute(name));
        for (const child of one.childNodes) if (child instanceof Text) found.add(child.data.trim());
    }
    return [...found].filter(Boolean);
}"""
# What stands in both languages alike: the same word in both, figures, names, and settings by their names in Python.
ALIKE = re.compile(
    r"LIX|TF-IDF|Top-k|Top-p|Min-p|LSTM|Transformer|Download|Esc|Name|Training|Wild|gzip|temperature [\d.]+|"
    r"\d+ kB, int6-weights|.*, \d+ threads|janelm .*|[a-z0-9_]+|\w+\.txt|….*|.*…"
)


def everything(page: Page, rooms: tuple[str, ...]) -> set[str]:
    """All that a visitor sees and is told in these rooms, by their ids, with everything unfolded."""
    found: set[str] = set()
    for room in rooms:
        page.locator(f"#tab-{room}").click()
        page.wait_for_timeout(800)
        for summary in page.locator("summary").all():
            if summary.is_visible() and not summary.evaluate("one => one.parentElement.open"):
                summary.click()
        page.wait_for_timeout(800)
        found |= set(page.evaluate(SEEN))
        for view in page.locator("#panel-read [role=tab]").all() if room == "read" else ():
            view.click()
            page.wait_for_timeout(500)
            found |= set(page.evaluate(SEEN))
    return found


def left_in_english(
    english: Page, german: Page, address: str, text: str, rooms: tuple[str, ...] = ("read",), follow: str = "miller"
) -> list[str]:
    """What two visitors see alike, but for what has no other words than the text has."""
    told = []
    for page in (english, german):
        page.goto(address)
        expect(page.locator("#facts")).to_contain_text(re.compile("ready in|bereit in"), timeout=WAIT)
        page.locator("#text").fill("The old miller went")
        if "read" in rooms:
            page.locator("#tab-read").click()
            page.locator("#follow").fill(follow)
            page.locator(".follow button").first.click()
        told.append(everything(page, rooms))
    manifest = english.evaluate("fetch('manifest.json').then(found => found.json())")
    names = " ".join([manifest["title"], *(model["name"] for model in manifest["models"])])
    data = set(re.findall(r"[a-z]+", f"{text} {names}".lower()))
    same = {said for said in told[0] & told[1] if not ALIKE.fullmatch(said) and said not in " ".join(text.split())}
    return sorted(said for said in same if set(re.findall(r"[a-z]{3,}", said.lower())) - data)
