"""Chats as people export them from messengers: WhatsApp's text, and the JSON of others."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from .base import File, Message, Reading, as_documents

# --- WhatsApp: lines of text, whose dates and words are those of the phone's language --------------------------------

_DATE = r"\d{1,4}[./\-年 ]{1,2}\d{1,2}[./\-月 ]{1,2}\d{1,4}(?:[.日]| г\.)?"
_TIME = r"(?:[^\W\d]{1,6}\.? ?)?\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?: ?[^\W\d]{1,3}\.? ?(?:[^\W\d]{1,3}\.?)?| Uhr)?"
BEGINS = re.compile(rf"^(?:\[{_DATE}[,،]? +{_TIME}\] |{_DATE}[,،]? +(?:[^\W\d]{{1,4}} )?{_TIME} [-–] )(?P<rest>.*)$")
DIRECTIONS = "\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069\ufeff"  # marks that nobody sees
PLAIN_DATE = {ord("\u202f"): " ", ord("\xa0"): " ", **{ord(mark): None for mark in DIRECTIONS}}
QUOTED = re.compile('["“„«]')
SPEAKER = re.compile(r"^(?P<who>[^:\n]{1,60}?): (?P<said>.*)$|^(?P<silent>[^:\n]{1,60}?):$", re.DOTALL)
_FILE = (
    r"(?:[^\n]{1,120}\.\w{2,4} \u200e?)?<?"
    r"(?:attached|angehängt|adjunto|pièce jointe|allegato|anexado|bijgevoegd|załączono|прикреплено): [^>\n]+>?"
    r"|[^\n]{1,120}\.\w{2,4} \([^()\n]{4,40}\)"
)
FILE = re.compile(rf"^\u200e?(?:{_FILE})$", re.IGNORECASE)
MEDIA = re.compile(
    rf"^(?:<[^<>\n]{{4,50}}>|{_FILE}|null|[^\n]{{0,120}}\u200e[^<>\n]{{3,40}}|\u200f[^\n]{{3,40}}"
    r"|(?:image|video|audio|sticker|GIF|document|contact card) omitted"
    r"|(?:Bild|Video|Audio|Sticker|GIF|Dokument|Kontaktkarte) weggelassen"
    r"|(?:location|standort|ubicación|localização|posizione|localisation|locatie): ?https?://\S+)$",
    re.IGNORECASE,
)
DELETED = re.compile(  # whole sentences that stand for a message
    r"^(?:you deleted this message\.?|this message was deleted\.?"
    r"|diese nachricht wurde gelöscht\.?|du hast diese nachricht gelöscht\.?|se eliminó este mensaje\.?|este mensaje"
    r" fue eliminado\.?|eliminaste este mensaje\.?|ce message a été supprimé\.?|vous avez supprimé ce message\.?"
    r"|questo messaggio è stato eliminato\.?|hai eliminato questo messaggio\.?|esta mensagem foi apagada\.?"
    r"|mensagem apagada\.?"
    r"|dit bericht is verwijderd\.?|u hebt dit bericht verwijderd\.?|данное сообщение удалено\.?|вы удалили данное "
    r"сообщение\.?|ta wiadomość została usunięta\.?|bu mesaj silindi\.?|missed (?:voice|video) call.*"
    r"|waiting for this message\..*|auf diese nachricht warten\..*)$",
    re.IGNORECASE,
)
EDITED = re.compile(
    r"(?<!\s)\s*\u200e?<(?:This message was edited|Diese Nachricht wurde bearbeitet|[^<>\n]{8,50})>\s*$"
)


def _message(line: str) -> str | None:
    """What stands behind the date at which a message begins; the phone may write that from right to left, or with
    narrow blanks. None where no message begins."""
    if not (line[:1].isdigit() or line[:1] in "[" + DIRECTIONS):  # as of most lines of a long message
        return None
    begins = BEGINS.match(line if line.isascii() else line.translate(PLAIN_DATE))
    if begins is None:
        return None
    left = begins.start("rest")
    for place, character in enumerate(line):
        if left == 0:
            return line[place:]
        left -= character not in DIRECTIONS
    return ""


def is_whatsapp(file: File) -> bool:
    lines = [line for line in file.head.decode("utf-8", "replace").splitlines()[:200] if line.strip()]
    found = [rest for line in lines if (rest := _message(line)) is not None]
    return len(found) >= 2 and len(found) >= len(lines) / 10 and any(": " in rest for rest in found)


def read_whatsapp(file: File) -> Reading:
    """The messages, each with all its lines; without system lines, media and what was deleted."""
    said: list[str] = ["is a WhatsApp chat"]
    entries: list[list[str]] = []
    for line in file.lines(said):
        rest = _message(line)
        if rest is not None:
            entries.append([rest])
        elif entries:
            entries[-1].append(line)
    spoken = [SPEAKER.match("\n".join(entry).rstrip("\n")) for entry in entries]
    names = Counter(found["who"] or found["silent"] for found in spoken if found)
    messages, media = [], 0
    for found in spoken:
        name = (found["who"] or found["silent"]) if found else ""
        if not found or (QUOTED.search(name) and names[name] == 1):  # changed the subject from "Rain: one" to ...
            continue
        text, notes = _typed(found["said"] or "")
        media += notes
        if text is not None:
            messages.append(Message(text, name.strip(DIRECTIONS + " ~\u202f")))
    system = len(entries) - len(messages) - media
    said += [f"left out {system:,} system lines"] if system else []
    said += [f"left out {media:,} notes of media and of deleted messages"] if media else []
    return as_documents(messages, file.options, said)


def _typed(message: str) -> tuple[str | None, int]:
    """What a person typed of a message, or None, and how many notes of the app went with it."""
    text = message if MEDIA.match(message) else EDITED.sub("", message)
    if text.startswith("\u200e") or MEDIA.match(text) or DELETED.match(text.strip()):
        return None, 1
    first, _, caption = text.partition("\n")
    return (caption, 0) if caption and FILE.match(first) else (text, 0)


# --- the JSON of others ----------------------------------------------------------------------------------------------


def is_telegram(data: Any) -> bool:
    chats = data.get("chats", {}) if isinstance(data, dict) else {}
    if isinstance(chats, dict) and isinstance(chats.get("list"), list):
        return True
    return isinstance(data, dict) and "messages" in data and "type" in data and "id" in data


def read_telegram(file: File, data: Any) -> Reading:
    """One chat, or all of an account; forwarded messages are others'."""
    me = f"user{data.get('personal_information', {}).get('user_id', '')}"
    messages, other = [], 0
    for chat in data["chats"]["list"] if "chats" in data else [data]:
        for message in chat.get("messages", []):
            text = message.get("text", "")
            if isinstance(text, list):
                text = "".join(part if isinstance(part, str) else part.get("text", "") for part in text)
            if message.get("type") != "message" or not text or message.get("forwarded_from"):
                other += 1
                continue
            messages.append(Message(text, message.get("from") or "", message.get("from_id") == me))
    said = ["is a Telegram export"] + (
        [f"left out {other:,} without text, of the system or forwarded"] if other else []
    )
    return as_documents(messages, file.options, said)


def is_discord(data: Any) -> bool:
    if isinstance(data, list):
        return bool(data) and isinstance(data[0], dict) and {"ID", "Contents"} <= data[0].keys()
    return isinstance(data, dict) and "channel" in data and "messages" in data


def read_discord(file: File, data: Any) -> Reading:
    """What DiscordChatExporter writes, or Discord's own package of one's messages."""
    if isinstance(data, list):
        messages = [Message(str(message["Contents"]), own=True) for message in data]
        return as_documents(messages, file.options, ["is Discord's package of one's messages"])
    messages, other = [], 0
    for message in data["messages"]:
        author = message.get("author") or {}
        if message.get("type") not in ("Default", "Reply") or author.get("isBot") or not message.get("content"):
            other += 1
            continue
        messages.append(Message(message["content"], author.get("nickname") or author.get("name") or ""))
    said = ["is a Discord export"] + ([f"left out {other:,} without text, of the system or of bots"] if other else [])
    return as_documents(messages, file.options, said)


def is_slack(data: Any) -> bool:
    return (
        isinstance(data, list)
        and bool(data)
        and all(isinstance(m, dict) and "ts" in m and "type" in m for m in data[:20])
    )


def read_slack(file: File, data: Any) -> Reading:
    """A day of a channel; the names are in users.json beside its folder."""
    import json

    users = file.sibling("../users.json") or file.sibling("users.json")
    names = {user["id"]: _slack_name(user) for user in json.loads(users)} if users else {}
    messages, other = [], 0
    for message in data:
        kinds = (None, "thread_broadcast", "me_message")
        if message.get("type") != "message" or message.get("subtype") not in kinds or message.get("bot_id"):
            other += 1
            continue
        user = message.get("user", "")
        who = names.get(user) or (message.get("user_profile") or {}).get("real_name") or user
        messages.append(Message(_slack_text(message.get("text", ""), names), who))
    said = ["is a day of a Slack channel"] + ([f"left out {other:,} of the system or of bots"] if other else [])
    return as_documents(messages, file.options, said)


def _slack_name(user: dict) -> str:
    return user.get("profile", {}).get("real_name") or user.get("real_name") or user.get("name") or user["id"]


def _slack_text(text: str, names: dict[str, str]) -> str:
    text = re.sub(r"<@(\w+)(?:\|[^>]*)?>", lambda found: "@" + names.get(found[1], found[1]), text)
    text = re.sub(r"<[#!][^|>]*\|([^>]*)>", r"\1", text)
    text = re.sub(r"<!(\w+)>", r"@\1", text)
    text = re.sub(r"<((?:https?|mailto):[^|>]*)(?:\|([^>]*))?>", lambda found: found[2] or found[1], text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def is_facebook(data: Any) -> bool:
    if isinstance(data, dict) and isinstance(data.get("messages"), list) and "participants" in data:
        return True
    first = data[0] if isinstance(data, list) and data else None
    return isinstance(first, dict) and "timestamp" in first and isinstance(first.get("data"), list)


def read_facebook(file: File, data: Any) -> Reading:
    """Messages of Facebook and Instagram, or posts; their UTF-8, written as if it were Latin-1, is mended."""
    said, mended = ["is an export of Facebook or Instagram"], [0]
    if isinstance(data, list):
        posts = sorted(
            (entry for entry in data if isinstance(entry, dict)), key=lambda entry: entry.get("timestamp", 0)
        )
        texts = [
            part["post"]
            for entry in posts
            for part in entry.get("data", [])
            if isinstance(part, dict) and "post" in part
        ]
        messages = [Message(_latin(text, mended), own=True) for text in texts]
    else:
        messages = list(_facebook_messages(data, mended))
    left_out = len(data["messages"]) - len(messages) if isinstance(data, dict) else 0
    said += [f"mended the letters of {mended[0]:,} messages (UTF-8 that was written as Latin-1)"] if mended[0] else []
    said += [f"left out {left_out:,} calls, reactions and messages without text"] if left_out else []
    return as_documents(messages, file.options, said)


def _facebook_messages(data: dict, mended: list[int]) -> Iterator[Message]:
    ordered = sorted(data["messages"], key=lambda message: message.get("timestamp_ms", message.get("timestamp", 0)))
    for message in ordered:
        text = message.get("content") or message.get("text") or ""
        if not text or message.get("is_unsent") or message.get("isUnsent") or "call_duration" in message:
            continue
        text, who = _latin(text, mended), _latin(message.get("sender_name") or message.get("senderName") or "", [0])
        if re.match(r"^Reacted .{1,8} to your message\s*$|^Liked a message$|^\S.{0,60} sent an attachment\.$", text):
            continue
        yield Message(text, who)


def _latin(text: str, mended: list[int]) -> str:
    try:
        right = text.encode("latin-1").decode()
    except UnicodeError:
        return text
    mended[0] += right != text
    return right
