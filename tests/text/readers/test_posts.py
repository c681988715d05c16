"""Posts, chats, letters and tables as documents. The people in them were made up."""

# ruff: noqa: E501 (formats of others, as they are)

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from text.readers import files
from text.readers.files import source

from janelm.config import DataConfig
from janelm.errors import JaneLMError, UsageError
from janelm.text.corpora import load_sources, read_source
from janelm.text.readers import base, read_file
from janelm.text.readers.base import File


def documents(name: str, raw, **options) -> list[str]:
    return source(name, raw, **options).documents


def tweet(number: int, text: str, **more) -> dict:
    return {"tweet": {"id_str": str(number), "full_text": text, **more}}


TWEETS = "window.YTD.tweets.part0 = " + json.dumps(
    [
        tweet(12, "Second &amp; last https://t.co/abc"),
        tweet(5, "First\nof all"),
        tweet(7, "RT @ann: hers"),
        tweet(9, "@ann @bob Yes 🦉", in_reply_to_status_id_str="8"),
    ],
    indent=1,
)


def test_a_twitter_archive_is_ones_own_tweets_oldest_first():
    assert documents("tweets.js", TWEETS) == ["First\nof all", "Yes 🦉", "Second & last"]
    assert documents("tweets.js", TWEETS, replies=False, links=True)[-1] == "Second & last https://t.co/abc"
    assert "RT @ann: hers" in documents("tweets.js", TWEETS, retweets=True)
    members = {
        "data/tweets.js": TWEETS,
        "data/like.js": "window.YTD.like.part0 = []",
        "data/manifest.js": "x",
        "Your archive.html": "<html><p>menu",
    }
    Path("twitter.zip").write_bytes(files.zipped({name: text for name, text in members.items() if "html" not in name}))
    (found,) = load_sources(("twitter.zip",))
    assert len(found.documents) == 3 and "like.js" in found.report[0]


def note(text: str, **more) -> dict:
    to = {"to": ["https://www.w3.org/ns/activitystreams#Public"], "cc": []}
    return {"type": "Create", "object": {"type": "Note", "content": text} | to | more}


def test_a_mastodon_outbox_is_ones_own_public_posts():
    outbox = {
        "type": "OrderedCollection",
        "orderedItems": [
            note("<p>It rained.<br/>All day.</p><p>And <a href='x'>#night</a> came.</p>"),
            note("<p>secret</p>", to=["https://x.example/users/ann"]),
            {"type": "Announce", "object": "https://x.example/1"},
            note("<p><span>@ann</span> Indeed.</p>", inReplyTo="https://x.example/2"),
        ],
    }
    read = source("outbox.json", outbox)
    assert read.documents == ["It rained.\nAll day.\n\nAnd #night came.", "Indeed."]
    assert "1 boosts" in " ".join(read.report) and "1 direct" in " ".join(read.report)


CHATS = {
    "Android, English": "1/4/23, 7:05\u202fPM - {}: {}",
    "Android, German": "04.01.23, 19:05 - {}: {}",
    "Android, French": "04/01/2023 à 19:05 - {}: {}",
    "Android, Spanish": "4/1/23, 7:05 p. m. - {}: {}",
    "Android, Dutch": "04-01-2023 19:05 - {}: {}",
    "Android, Chinese": "2023/1/4 下午7:05 - {}: {}",
    "Android, Korean": "2023. 1. 4. 오후 7:05 - {}: {}",
    "iOS, English": "[1/4/23, 7:05:33\u202fPM] {}: {}",
    "iOS, German": "[04.01.23, 19:05:33] {}: {}",
    "iOS, Russian": "[04.01.2023, 19:05:33] {}: {}",
    "iOS, Swedish": "[2023-01-04, 19:05:33] {}: {}",
}


@pytest.mark.parametrize("place", CHATS)
def test_a_whatsapp_chat_is_its_messages_in_the_form_of_any_phone(place):
    line = CHATS[place].format
    system = CHATS[place].split("{}")[0] + "Messages and calls are end-to-end encrypted."
    media = {"A": "<Media omitted>", "i": "\u200eimage omitted"}[place[0]]
    chat = [system, line("Ann", "First line\nsecond: line\n\nfourth"), line("Bob B.", media)]
    chat += [line("Bob B.", "This message was deleted"), line("Bob B.", "Olé: 12:30 - fine")]
    text = "\n".join(chat) + "\n"
    read = source("chat.txt", text)
    assert read.reader == "whatsapp"
    assert read.documents == ["First line\nsecond: line\n\nfourth", "Olé: 12:30 - fine"]
    assert documents("chat.txt", text, author=("ann",)) == ["First line\nsecond: line\n\nfourth"]
    assert documents("chat.txt", text, speakers=True)[1] == "Bob B.\tOlé: 12:30 - fine"
    with pytest.raises(JaneLMError, match="Ann 1"):
        documents("chat.txt", text, author=("Zoe",))


def test_a_book_with_a_few_dates_is_no_chat():
    text = "It was on 4/1/23, 7:05 that it began: so they say.\n" * 30
    assert source("book.txt", text).reader == "plain"


def test_an_author_who_is_asked_for_where_nobody_speaks_is_no_silent_wish():
    """A chat that was not known as one used to be trained on as a whole, without a word."""
    Path("book.txt").write_text("It rained.\n" * 30)
    (read,) = load_sources(("book.txt",), DataConfig(author=("Ann",)))
    assert read.reader == "plain" and "--author and --speakers do nothing here" in read.report[-1]


def test_telegram_one_chat_and_a_whole_account():
    chat = {
        "name": "Ann", "type": "personal_chat", "id": 1,
        "messages": [
            {"type": "message", "from": "Ann", "from_id": "user2", "text": "Hello"},
            {"type": "service", "actor": "Ann", "action": "phone_call", "text": ""},
            {"type": "message", "from": "Bob", "from_id": "user1", "text": ["See ", {"type": "bold", "text": "this"}, "!"]},
            {"type": "message", "from": "Bob", "from_id": "user1", "text": "theirs", "forwarded_from": "X"},
        ],
    }  # fmt: skip
    assert documents("result.json", chat) == ["Hello", "See this!"]
    account = {"personal_information": {"user_id": 1}, "chats": {"list": [chat]}}
    assert documents("result.json", account, author=("me",)) == ["See this!"]


def test_discord_as_json_as_csv_and_ones_own_package():
    export = {
        "guild": {}, "channel": {"name": "x"},
        "messages": [
            {"type": "Default", "author": {"name": "ann", "nickname": "Ann", "isBot": False}, "content": "Hi\nyou"},
            {"type": "GuildMemberJoin", "author": {"name": "bob"}, "content": "Joined the server."},
            {"type": "Default", "author": {"name": "bot", "isBot": True}, "content": "beep"},
            {"type": "Reply", "author": {"name": "bob"}, "content": "Yes"},
        ],
    }  # fmt: skip
    assert documents("c.json", export) == ["Hi\nyou", "Yes"]
    assert documents("c.json", export, author=("Ann",)) == ["Hi\nyou"]
    table = 'AuthorID,Author,Date,Content,Attachments,Reactions\n"1","ann","2023","Hi ""you""\nthere","",""\n"2","bob","2023","Yes","",""\n'
    assert documents("c.csv", table) == ['Hi "you"\nthere', "Yes"]
    assert documents("c.csv", table, author=("bob",)) == ["Yes"]
    assert documents("m.json", [{"ID": 1, "Timestamp": "x", "Contents": "Mine", "Attachments": ""}]) == ["Mine"]


def test_a_slack_export_has_names_and_no_marks():
    day = [
        {
            "type": "message",
            "user": "U1",
            "ts": "1",
            "text": "Hi <@U2>, see <https://x.example|the page> &amp; &lt;this&gt; in <#C1|general>",
        },
        {"type": "message", "subtype": "channel_join", "user": "U2", "ts": "2", "text": "<@U2> has joined"},
    ]
    users = [{"id": "U1", "name": "ann", "profile": {"real_name": "Ann A."}}, {"id": "U2", "name": "bob"}]
    for name, data in (("slack/users.json", users), ("slack/general/2023-01-04.json", day)):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(json.dumps(data))
    (found,) = load_sources(("slack",), DataConfig(speakers=True))
    assert found.documents == ["Ann A.\tHi @bob, see the page & <this> in general"]
    Path("slack.zip").write_bytes(files.zipped({"users.json": json.dumps(users), "general/1.json": json.dumps(day)}))
    assert load_sources(("slack.zip",), DataConfig(speakers=True))[0].documents == found.documents


def test_facebooks_broken_letters_are_mended_and_the_order_is_that_of_time():
    def broken(text):
        return text.encode().decode("latin-1")

    chat = {
        "participants": [{"name": "Ann"}], "title": "Ann",
        "messages": [
            {"sender_name": broken("Zoë"), "timestamp_ms": 3, "content": broken("Schön 😀 “ja”")},
            {"sender_name": "Ann", "timestamp_ms": 2, "content": broken("Reacted 😀 to your message ")},
            {"sender_name": "Ann", "timestamp_ms": 1, "content": "Hello"},
            {"sender_name": "Ann", "timestamp_ms": 0, "photos": []},
        ],
    }  # fmt: skip
    read = source("message_1.json", chat, speakers=True)
    assert read.documents == ["Ann\tHello", "Zoë\tSchön 😀 “ja”"] and "mended" in " ".join(read.report)
    assert documents("posts.json", [{"timestamp": 1, "data": [{"post": broken("Käse")}]}]) == ["Käse"]


def test_a_backup_of_short_messages_with_its_halved_signs():
    backup = """<?xml version='1.0' encoding='UTF-8' standalone='yes' ?><smses count="3">
<sms address="+1" type="1" body="Caf&#233; &#55357;&#56832;&#10;now?" contact_name="Ann" />
<sms address="+1" type="2" body="Yes &amp; no" contact_name="Ann" />
<mms msg_box="1" address="+2" contact_name="(Unknown)"><parts><part ct="image/png"/><part ct="text/plain" text="Hi"/></parts></mms>
</smses>"""
    assert documents("sms.xml", backup, speakers=True) == ["Ann\tCafé 😀\nnow?", "me\tYes & no", "+2\tHi"]
    assert documents("sms.xml", backup, author=("me",)) == ["Yes & no"]


MBOX = """From ann@x.example Wed Jan  4 19:05:00 2023
From: =?utf-8?q?Ann_=C3=84?= <ann@x.example>
Subject: Rain
Content-Type: text/plain; charset="iso-8859-1"
Content-Transfer-Encoding: quoted-printable

It rained all caf=E9.

>From here it looks so.

On Tue, 3 Jan 2023 at 10:00, Bob <bob@x.example> wrote:
> And there?
> So?

-- 
Ann, the miller

From bob@x.example Wed Jan  4 19:06:00 2023
From: bob@x.example
MIME-Version: 1.0
Content-Type: text/html; charset=utf-8

<p>Fine &amp; dry.</p><blockquote></blockquote>

"""


def test_a_mailbox_is_what_each_sender_wrote():
    assert documents("in.mbox", MBOX) == ["It rained all café.\n\nFrom here it looks so.", "Fine & dry."]
    assert documents("in.mbox", MBOX, author=("Ann Ä",)) == ["It rained all café.\n\nFrom here it looks so."]


ATTACHED = """From a@x.example Wed Jan  4 19:05:00 2023
From: Ann
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=B

--B
Content-Type: text/plain; charset=x-unknown
Content-Disposition: attachment; filename=a.txt

Not written here.
--B
Content-Type: multipart/alternative; boundary=C

--C
Content-Type: text/html

<p>As a page.
--C
Content-Type: text/plain; charset=x-unknown

As text é.
--C--
--B--
"""


def test_of_a_letter_in_parts_the_plain_text_is_read_and_nothing_attached():
    assert documents("in.mbox", ATTACHED) == ["As text é."]


def test_tables_have_one_document_for_each_cell():
    """Header, quotes and line breaks used to be learnt as text."""
    rows = [["id", "Text"], ["1", 'He said "hi"\nand left, "twice"'], ["2", "Ünt"], ["3", ""]]
    with open("p.csv", "w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows(rows)
    assert read_source(Path("p.csv")).documents == [rows[1][1], "Ünt"]
    assert documents("p.tsv", "a\tb\nx y\tz\n", column="b") == ["z"]
    assert documents("p.csv", "x;A\ny;B\n", column="1") == ["x", "y"]
    assert documents("p.csv", "just one\nand two, three\n".replace(",", "")) == ["just one", "and two three"]
    with pytest.raises(JaneLMError, match="--column which of its columns is the text: 'a', 'b'"):
        documents("p.csv", "a,b\n1,2\n")
    with pytest.raises(UsageError, match="no column 'c'"):
        documents("p.csv", "a,b\n1,2\n", column="c")
    assert documents("p.jsonl", '{"text": "One\\nof"}\n\n{"text": "Two"}\n') == ["One\nof", "Two"]
    assert documents("p.jsonl", '{"a": {"b": "deep"}}\n', column="a.b") == ["deep"]
    assert documents("p.json", ["One", "Two"]) == ["One", "Two"]
    assert documents("p.json", {"data": [{"content": "One"}, {"content": "Two"}]}) == ["One", "Two"]


def test_parquet_and_the_folders_of_hugging_faces_datasets():
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"id": [1, 2, 3], "text": ["One", None, "Dré\nof"]})
    pyarrow.parquet.write_table(table, "t.parquet")
    assert read_source(Path("t.parquet")).documents == ["One", "Dré\nof"]
    Path("set/train").mkdir(parents=True)
    Path("set/dataset_dict.json").write_text("{}")
    Path("set/train/dataset_info.json").write_text("{}")
    with (
        pyarrow.OSFile("set/train/data-00000-of-00001.arrow", "wb") as sink,
        pyarrow.ipc.new_stream(sink, table.schema) as writer,
    ):
        writer.write_table(table)
    assert load_sources(("set",))[0].documents == ["One", "Dré\nof"]


@pytest.mark.parametrize(
    "data",
    [
        {},
        [],
        {"a": 1},
        [1, 2],
        {"messages": []},
        {"messages": [1], "participants": []},
        [{"ts": 1, "type": "message"}],
        {"type": "x", "orderedItems": [1]},
    ],
)
def test_json_of_another_kind_is_one_clear_sentence(data):
    with pytest.raises(JaneLMError, match=r"thing\.json") as caught:
        documents("thing.json", data)
    assert "\n" not in str(caught.value)


def test_a_stream_of_arrow_is_known_by_what_it_holds():
    import pyarrow

    table, made = pyarrow.table({"text": ["One café.", "Two."]}), io.BytesIO()
    with pyarrow.ipc.new_stream(made, table.schema) as stream:
        stream.write_table(table)
    assert source("cells", made.getvalue()).documents == ["One café.", "Two."]


def test_of_a_whole_archive_only_ones_own_posts_are_read():
    """The page that shows the archive, and its instructions, were read as well."""
    tweets = "window.YTD.tweets.part0 = " + json.dumps([{"tweet": {"id_str": "1", "full_text": "Mine."}}])
    members = {
        "Your archive.html": "<html><body>App</body></html>",
        "data/README.txt": "About.",
        "data/tweets.js": tweets,
    }
    note = {"type": "Create", "object": {"type": "Note", "content": "<p>Mine.</p>"}}
    outbox = json.dumps({"type": "OrderedCollection", "orderedItems": [note]})
    for archive in (members, {"outbox.json": outbox, "likes.json": json.dumps([{"text": "theirs"}])}):
        Path("all.zip").write_bytes(files.zipped(archive))
        (read,) = read_file(Path("all.zip"), DataConfig())
        assert read.documents == ["Mine."] and "not one's own posts" in " ".join(read.report)


def test_posts_of_bluesky_as_json_are_found_within_their_records():
    rows = [{"uri": "at://x", "value": {"text": "Hello sky"}}]
    assert source("posts.json", json.dumps(rows)).documents == ["Hello sky"]


def test_a_file_that_whatsapp_names_before_it_says_attached_is_no_message():
    chat = "[6/1/22, 9:05:10 PM] Ann: hi\n[6/1/22, 9:06:12 PM] Bob: IMG-1.jpg \u200e<attached: 1.jpg>\n"
    assert source("chat.txt", chat).documents == ["hi"]


def test_a_whatsapp_chat_may_be_written_from_right_to_left():
    """The marks between its digits hid every date: the chat was learnt with them, as plain text."""
    arabic = "\u200f4\u200f/1\u200f/2023، 7:05 م - آن: أمطرت\xa0اليوم\n" * 2
    assert documents("chat.txt", arabic) == ["أمطرت\xa0اليوم"] * 2, "and its own blanks stay"
    hebrew = "[4.1.2023, 19:05:33] \u200fאן: \u200fהתמונה הושמטה\n[4.1.2023, 19:06:33] \u200fאן: ירד גשם\n"
    assert documents("chat.txt", hebrew, speakers=True) == ["אן\tירד גשם"]
    assert documents("chat.txt", "4.01.23 г., 19:05 ч. - Ана: Вали\n" * 2) == ["Вали"] * 2


def test_of_a_whatsapp_chat_captions_stay_and_notes_of_the_app_go():
    line = "1/4/23, 7:05\u202fPM - "
    chat = [
        line + 'Ann changed the subject from "Mill: old" to "Mill: new"',
        line + "Ann: IMG-1.jpg (file attached)\nLook, an owl",
        line + 'Bob "Mill" B: Yes',
        line + 'Bob "Mill" B: Indeed',
        line + "Ann: report.pdf • \u200e2 pages \u200edocument omitted",
        line + "Ann: video omitted",
        line + "Ann: Waiting for this message. This may take a while.",
        line + "Ann: location: https://maps.example/?q=1,2",
    ]
    assert documents("chat.txt", "\n".join(chat)) == ["Look, an owl", "Yes", "Indeed"]


def test_bots_of_slack_are_left_out_however_they_write():
    day = [{"type": "message", "user": "U1", "ts": "1", "text": "Hi"}]
    day.append({"type": "message", "user": "U2", "bot_id": "B1", "ts": "2", "text": "Deployed."})
    assert documents("general/1.json", day) == ["Hi"]


def test_one_broken_line_of_json_lines_is_left_out_and_named():
    """It used to refuse the whole file, as where a download was cut off."""
    read = source("p.jsonl", '{"text": "One"}\n{"text": "Two"}\n{"text": "cut of')
    assert read.documents == ["One", "Two"] and "left out 1 broken line (line 3" in " ".join(read.report)
    with pytest.raises(JaneLMError, match="no JSON lines"):
        source("p.jsonl", "One\nTwo\nThree\n")


def test_a_column_of_lists_is_no_text():
    """It used to be read as Python writes lists, or to be said not to be there."""
    import pyarrow
    import pyarrow.parquet

    with pytest.raises(UsageError, match="no text in 'messages', but lists"):
        documents("p.jsonl", '{"messages": [{"role": "user"}]}\n', column="messages")
    pyarrow.parquet.write_table(pyarrow.table({"messages": [[{"role": "user"}]]}), "t.parquet")
    with pytest.raises(UsageError, match="no text in 'messages', but lists"):
        read_source(Path("t.parquet"), DataConfig(column="messages"))


def test_an_author_of_nothing_is_answered_with_those_who_wrote():
    """A folder used to be "without a text in it" then."""
    for day in (1, 2):
        Path("slack").mkdir(exist_ok=True)
        Path(f"slack/{day}.json").write_text(json.dumps([{"type": "message", "user": "Ann", "ts": "1", "text": "Hi"}]))
    with pytest.raises(JaneLMError, match=r"slack has nothing by Zoe: its messages are by Ann 2$"):
        load_sources(("slack",), DataConfig(author=("Zoe",)))


def test_a_letter_that_was_saved_by_itself_is_what_its_sender_wrote():
    """Its headers, and what packs it, were learnt as text."""
    letter = (
        "Received: from x; Wed, 4 Jan 2023 19:05:00 +0000\r\nFrom: Ann <ann@x.example>\r\nTo: Bob\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        "SXQgcmFpbmVkIGFsbCBjYWbDqS4=\r\n"
    )
    assert documents("a.eml", letter) == documents("letter", letter) == ["It rained all café."]


def test_what_a_telephone_adds_to_a_letter_is_left_out():
    """So is who wrote what is quoted, where that takes two lines."""
    mail = MBOX.partition("On Tue")[0].replace("café", "cafe") + (
        "Sent from my iPhone\n\nOn Tue, 3 Jan 2023 at 10:00, Bob\n<bob@x.example> wrote:\n\n> And there?\n"
    )
    assert documents("in.mbox", mail) == ["It rained all café.\n\nFrom here it looks so."]


def test_telegrams_export_as_a_page_is_refused_with_what_to_do():
    """Its times, and the letters in place of pictures, were learnt between the messages."""
    page = "<!DOCTYPE html><html><body><div class='page_wrap'><div class=\"page_body chat_page\">AB 19:05</div></div>"
    with pytest.raises(JaneLMError, match="export it as JSON"):
        source("messages.html", page)


@given(st.text(alphabet=st.sampled_from('ab\n\r\u0301,"é'), max_size=300), st.integers(1, 9))
def test_the_lines_of_a_file_are_those_of_its_text(text, size):
    said, again = [], []
    file = File("a.txt", text.encode(), DataConfig())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "BLOCK", size)
        assert list(file.lines(said)) == file.text(again).split("\n") and said == again
