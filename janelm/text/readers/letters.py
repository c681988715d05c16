"""Mail (mbox) and short messages (SMS Backup & Restore)."""

from __future__ import annotations

import email
import email.utils
import re
from email.header import decode_header, make_header
from email.message import Message

from ...errors import counted
from .base import File, Reading, as_documents, local, parse_xml
from .base import Message as Written
from .markup import page_text

FROM_LINE = re.compile(rb"^From [^\n]*\d{4}[^\n]*\n", re.MULTILINE)
HEADER = re.compile(
    rb"^(?:From|To|Date|Subject|Message-ID|Received|Return-Path|Delivered-To|X-[\w-]+|MIME-Version)[^\n:]*:",
    re.I | re.M,
)
WROTE = re.compile(
    r"^(?:On .{5,120}(?:\n.{0,80})?\bwrote:"
    r"|Am .{5,120} schrieb.{0,80}:|Le .{5,120} a écrit ?:|El .{5,120} escribió:|.{5,120} пишет:"
    r"|-+ ?Original Message ?-+|-+ ?Ursprüngliche Nachricht ?-+|-{5,} Forwarded message -+)\s*$",
    re.MULTILINE | re.IGNORECASE,
)

PHONE = re.compile(
    r"^(?:Sent from my [\w ]{2,30}|Get Outlook for \w+|Von meinem \w+ gesendet|Envoyé de mon \w+)\.?$", re.MULTILINE
)


def is_mbox(file: File) -> bool:
    first = FROM_LINE.match(file.raw.lstrip(b"\r\n"))
    return bool(first) and bool(HEADER.search(file.raw[:4000]))


def read_mbox(file: File) -> Reading:
    """What each sender wrote: without quoted lines, signatures, headers and attachments."""
    raw = file.raw.replace(b"\r\n", b"\n")
    begins = [
        match for match in FROM_LINE.finditer(raw) if match.start() == 0 or raw.endswith(b"\n\n", 0, match.start())
    ]
    messages, unread = [], 0
    for number, begin in enumerate(begins):
        file.check_time()
        end = begins[number + 1].start() if number + 1 < len(begins) else len(raw)
        try:
            messages.append(_message(email.message_from_bytes(raw[begin.end() : end])))
        except Exception:  # one letter among thousands whose parts do not hold together
            unread += 1
    said = [f"is a mailbox of {counted(len(begins), 'letter')}; quoted lines and signatures are left out"]
    said += [f"could not read {unread:,} of them"] if unread else []
    return as_documents(messages, file.options, said)


def is_letter(file: File) -> bool:
    """A letter that was saved by itself begins with its headers."""
    head = file.head.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    return bool(HEADER.match(head)) and len(HEADER.findall(head)) >= 3 and b"\nMIME-Version:" in head


def read_letter(file: File) -> Reading:
    """What the sender wrote of one letter."""
    said = ["is a letter; quoted lines and signatures are left out"]
    return as_documents([_message(email.message_from_bytes(file.raw))], file.options, said)


def _message(letter: Message) -> Written:
    """What is written in a letter, and by whom. Only the headers that this takes are read: all of them take ten times
    as long."""
    body = _body(letter)
    text = "" if body is None else _decoded(body)
    if body is not None and body.get_content_subtype() == "html":
        text = page_text(text)[0]
    name, address = email.utils.parseaddr(str(letter.get("from", "")))
    return Written(written(text), str(make_header(decode_header(name))) if name else address)


def _body(letter: Message) -> Message | None:
    """The first part of plain text, or else of HTML, that is not attached."""
    parts = [
        part
        for part in letter.walk()
        if part.get_content_maintype() == "text" and part.get_content_disposition() != "attachment"
    ]
    kinds = {part.get_content_subtype(): part for part in reversed(parts)}
    return kinds.get("plain") or kinds.get("html")


def _decoded(part: Message) -> str:
    raw = part.get_payload(decode=True)
    assert isinstance(raw, bytes)
    try:
        return raw.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        return raw.decode("utf-8", "replace")


def written(text: str) -> str:
    """What the sender wrote of a letter."""
    text = text.replace("\r\n", "\n")
    found = WROTE.search(text)
    if found:
        answered_below = [line for line in text[found.end() :].split("\n") if line.strip() and not line.startswith(">")]
        text = text[: found.start()] + ("\n".join(answered_below) if ">" in text[found.end() :] else "")
    text = re.split(r"^-- $", text, maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line[1:] if line.startswith(">From ") else line for line in text.split("\n")]
    lines = [line for line in lines if not (line.startswith(">") or PHONE.match(line.strip()))]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


SURROGATES = re.compile(rb"&#(5[5-6]\d{3});&#(5[6-7]\d{3});")


def is_sms(file: File) -> bool:
    return b"<smses" in file.head


def read_sms(file: File) -> Reading:
    """The text messages of the backup; those that were sent are one's own."""
    # Signs beyond U+FFFF stand there as two halves, which no XML may have.
    raw = SURROGATES.sub(lambda m: b"&#%d;" % (0x10000 + (int(m[1]) - 0xD800 << 10) + int(m[2]) - 0xDC00), file.raw)
    messages, other = [], 0
    for element in parse_xml(raw):
        kind = local(element.tag)
        if kind == "sms":
            text, sent = element.get("body") or "", element.get("type") == "2"
        elif kind == "mms":
            parts = (part for part in element.iter() if local(part.tag) == "part" and part.get("ct") == "text/plain")
            text, sent = "\n".join(part.get("text") or "" for part in parts), element.get("msg_box") == "2"
        else:
            continue
        if not text or text == "null":
            other += 1
            continue
        name = element.get("contact_name")
        who = "me" if sent else name if name and name != "(Unknown)" else element.get("address") or ""
        messages.append(Written(text, who, sent))
    said = ["is a backup of short messages"] + ([f"left out {other:,} without text"] if other else [])
    return as_documents(messages, file.options, said)
