"""Texts that Python packs for the room Read, and the page unpacks."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small import write_text

from browser.engine_site import open_engine
from janelm.site.block_sorting import pack_text

UNPACK = """async packed => {
    const response = new Response(Uint8Array.from(packed));
    const bytes = await new Response(response.body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
    return Array.from(unsorted(new Uint8Array(bytes)));
}"""


@pytest.fixture(scope="module")
def unpacker(browser, engine_address):
    page = browser.new_page()
    open_engine(page, engine_address)
    path = page.evaluate("`./${manifest.app[0].split('/')[0]}/read/block_sorting.js`")
    page.evaluate("async path => Object.assign(window, await import(new URL(path, location.href).href))", path)
    yield page
    page.close()


def back(page, packed: bytes) -> bytes:
    return bytes(page.evaluate(UNPACK, list(packed)))


# Few letters, so that much is repeated; whole periods, whose turns are alike; and characters of two to four bytes.
TEXTS = st.one_of(
    st.text("ab\n", max_size=60),
    st.builds(lambda part, times: part * times, st.text("ab", min_size=1, max_size=4), st.integers(0, 30)),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS)
def test_every_text_comes_back_as_it_was(unpacker, text):
    assert back(unpacker, pack_text(text.encode())) == text.encode()


def test_a_longer_text_comes_back_and_is_smaller_than_gzip_makes_it(unpacker):
    text = (write_text(1500) + "ſ🎈\ufeff\x00" * 40).encode()
    packed = pack_text(text)
    assert back(unpacker, packed) == text
    assert len(packed) < 0.8 * len(gzip.compress(text, 9)) and pack_text(text) == packed


def test_a_damaged_text_is_refused_rather_than_shown(unpacker):
    """Its length says how many bytes there must be."""
    inner = bytearray(gzip.decompress(pack_text(b"The old miller went to the river.")))
    inner[3] += 1
    told = unpacker.evaluate(
        "bytes => { try { unsorted(Uint8Array.from(bytes)); } catch (error) { return error.message; } }", list(inner)
    )
    assert told == "the text has 33 bytes of 34"
