"""Signs that a text is still in the wrapping it was exported in, which a model would learn along with it."""

from __future__ import annotations

import re

# 1/4/23, 7:05 PM - Ann: Hello; [04.01.23, 19:05:12] Ann: Hello. Marks and narrow spaces may stand anywhere.
CHAT_LINE = re.compile(r"\W*\d{1,4}[./-]\d{1,2}[./-]\d{2,4},?\s+(?:um )?\d{1,2}[:.]\d{2}.{0,14}?(?:\]| -) [^:\n]+: ")
JSON_START = re.compile(r'\s*(?:window\.\S+ = )?(?:\{\s*"|\[\s*\{)')
BEGINNING = 100_000  # characters, whose lines are looked at
SHARE = 0.2  # of the lines, from which a kind of line is what the file is made of
SEPARATORS = ("<|endoftext|>", "<|startoftext|>", "<s>", "</s>", "[SEP]")  # that other programs put between documents


def wrapping(name: str, text: str) -> list[str]:
    """For each sign that the file `name` holds more than its text, a line that says so."""
    lines = [line for line in text[:BEGINNING].splitlines() if line.strip()]
    found = []
    if sum(bool(CHAT_LINE.match(line)) for line in lines) > SHARE * len(lines):
        found.append("looks like an exported chat: the model will learn its dates and names too; take them out first")
    if name.lower().endswith((".csv", ".tsv")):
        found.append("is a table: the model will learn its commas and quotes too; save the column with the text alone")
    if name.lower().endswith((".json", ".jsonl", ".js")) or JSON_START.match(text):
        found.append("looks like JSON: the model will learn its keys and brackets too; take the texts out of it first")
    for separator in SEPARATORS:
        if count := text.count(separator):
            found.append(f"has {separator} {count:,} times: the model will learn it as text; put blank lines there")
    return found
