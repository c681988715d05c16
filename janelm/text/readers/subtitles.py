"""Subtitles: srt and vtt."""

from __future__ import annotations

import re

from ...errors import counted
from .base import File, Reading, dense

TIMES = re.compile(r"^\s*(?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3}\s+-->\s+(?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3}.*$")
TAGS = re.compile(r"<[^<>\n]*>|\{\\[^{}\n]*\}")


def is_subtitles(file: File) -> bool:
    head = file.head.decode("utf-8", "replace").lstrip("\ufeff\n\r ")
    return head.startswith("WEBVTT") or bool(re.match(r"\d+\r?\n\d+:\d{2}:\d{2}[.,]\d+ +--> ", head))


def read_subtitles(file: File) -> Reading:
    """What is said, one line for each cue, without numbers, times and tags; a line that only repeats is left out."""
    said: list[str] = []
    spoken: list[str] = []
    cues = repeated = removed = 0
    for block in re.split(r"\n[ \t]*\n", file.text(said)):
        lines = block.strip("\n").split("\n")
        times = next((number for number, line in enumerate(lines[:3]) if TIMES.match(line)), None)
        if times is None:
            continue  # WEBVTT, NOTE, STYLE, REGION
        cues += 1
        text = [TAGS.sub("", line).strip() for line in lines[times + 1 :]]
        recent = set(spoken[-2:])  # captions that roll repeat the line before
        again = [line for line in text if line and line in recent]
        repeated, removed = repeated + len(again), removed + sum(map(dense, again))
        spoken += [line for line in text if line and line not in recent]
    said.append(f"read {counted(cues, 'subtitle')}")
    if repeated:
        said.append(f"left out {counted(repeated, 'line')} that only repeat what came before")
    whole = "\n".join(spoken) + "\n"
    return Reading(whole, None, said, dense(whole), removed)
