"""Posts: archives of Twitter (X), Mastodon and Bluesky."""

from __future__ import annotations

import html
import json
import re
from typing import Any

from .base import File, Message, Reading, as_documents
from .markup import page_text

TWITTER = re.compile(rb"^\s*window\.YTD\.(?:tweets?|community_tweet)\.part\d+\s*=\s*")
HANDLES = re.compile(r"^(?:@\w+\s+)+")


def is_twitter(file: File) -> bool:
    return bool(TWITTER.match(file.raw[:200]))


def read_twitter(file: File) -> Reading:
    """The tweets of an archive's tweets.js, oldest first; without retweets unless they are asked for."""
    entries = json.loads(TWITTER.sub(b"", file.raw, count=1))
    tweets = [entry.get("tweet", entry) for entry in entries]
    tweets.sort(key=lambda tweet: int(tweet.get("id_str") or tweet.get("id") or 0))
    messages, retweets, replies = [], 0, 0
    for tweet in tweets:
        text = html.unescape(tweet.get("full_text") or tweet.get("text") or "")
        if text.startswith("RT @") and not file.options.retweets:
            retweets += 1
            continue
        if tweet.get("in_reply_to_status_id_str") or tweet.get("in_reply_to_status_id"):
            if not file.options.replies:
                replies += 1
                continue
            text = HANDLES.sub("", text)
        messages.append(Message(text, own=True))
    said = [f"is a Twitter archive of {len(tweets):,} tweets"]
    said += [f"left out {retweets:,} retweets (--retweets keeps them)"] if retweets else []
    said += [f"left out {replies:,} replies"] if replies else []
    return as_documents(messages, file.options, said)


def is_outbox(data: Any) -> bool:
    return isinstance(data, dict) and "orderedItems" in data and "type" in data


def read_outbox(file: File, data: Any) -> Reading:
    """The posts of a Mastodon outbox (ActivityPub); boosts are others', and direct messages stay private."""
    messages, boosts, private, replies = [], 0, 0, 0
    for item in data["orderedItems"]:
        note = item.get("object")
        if item.get("type") != "Create" or not isinstance(note, dict):
            boosts += 1
            continue
        readers = [*_listed(note.get("to")), *_listed(note.get("cc"))]
        if readers and not any("#Public" in who or who.endswith("/followers") or who == "as:Public" for who in readers):
            private += 1
            continue
        text = page_text(note.get("content") or "")[0]
        if note.get("inReplyTo"):
            if not file.options.replies:
                replies += 1
                continue
            text = re.sub(r"^(?:@[\w.@-]+\s+)+", "", text)
        messages.append(Message(text, own=True))
    said = [f"is a Mastodon archive of {len(data['orderedItems']):,} activities"]
    said += [f"left out {boosts:,} boosts"] if boosts else []
    said += [f"left out {private:,} direct messages"] if private else []
    said += [f"left out {replies:,} replies"] if replies else []
    return as_documents(messages, file.options, said)


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])
