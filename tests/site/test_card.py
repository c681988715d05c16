"""What is shown of a link to a page, and the lines that put a page into a blog."""

import re
from dataclasses import replace
from html import escape
from pathlib import Path

import pytest
from sites import LEAN, trained

from janelm.cli import main
from janelm.errors import UsageError
from janelm.site import folder
from janelm.site.card import card
from janelm.site.folder import write_site


def tags(folder: Path) -> dict[str, str]:
    found = re.findall(r'<meta property="(og:[^"]+)" content="([^"]*)"', (folder / "index.html").read_text("utf-8"))
    assert len(dict(found)) == len(found)
    return dict(found)


def test_a_share_card_has_title_description_and_a_picture_by_its_whole_address(tmp_path):
    run = trained(tmp_path)
    title, address = 'Rain "and" <lamps>', "https://me.example/page"
    write_site([run], tmp_path / "page", replace(LEAN, title=title, address=address))
    told = tags(tmp_path / "page")
    assert told["og:title"] == escape(title) and "million parameters" in told["og:description"]
    assert told["og:url"] == address + "/" and told["og:image"].startswith(address + "/card-")
    picture = (tmp_path / "page" / told["og:image"].rpartition("/")[2]).read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    size = [int.from_bytes(picture[place : place + 4], "big") for place in (16, 20)]
    assert size == [int(told["og:image:width"]), int(told["og:image:height"])] == [1200, 630]
    write_site([run], tmp_path / "plain", LEAN)
    assert re.fullmatch(r"card-\w+\.png", tags(tmp_path / "plain")["og:image"])


def test_a_card_in_letters_that_its_font_lacks_is_drawn_without_them(recwarn):
    assert card("粉屋さんはランプを見た", "🎈")[:4] == b"\x89PNG"
    assert not [one for one in recwarn if "missing from" in str(one.message)]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"address": "me.example"}, "https://me.example/page/"),
        ({"address": 'https://me.example/" onload="'}, "address is"),
        ({"address": "javascript:alert(1)"}, "address is"),
        ({"language": "English!"}, "a code such as en"),
    ],
)
def test_an_address_or_a_language_that_is_none_is_a_usage_error(tmp_path, options, why):
    with pytest.raises(UsageError, match=re.escape(why)):
        write_site([], tmp_path / "page", replace(LEAN, **options))


def test_the_lines_for_a_blog_hold_the_page_and_nothing_else():
    lines = folder.embedding('A "page" & <more>', "https://me.example/page")
    assert lines.count("<") == 2 and 'src="https://me.example/page/"' in lines
    assert 'title="A &quot;page&quot; &amp; &lt;more&gt;"' in lines


def test_embed_without_an_address_is_a_usage_error(capsys):
    assert main(["export", "model", "--embed"]) == 2
    assert "--embed needs --address" in capsys.readouterr().err
