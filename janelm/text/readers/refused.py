"""Kinds of files that people have and that are not read: each with a sentence on what to do."""

from __future__ import annotations

from ...errors import JaneLMError
from .base import ZIP, File, Reading

# By the place at which a file's mark stands, and the mark.
MARKS = {
    (0, b"\xd0\xcf\x11\xe0"): "an Office file of the old kind, or a locked one: save it as .docx without a password",
    (0, b"Rar!\x1a\x07"): "a RAR archive: unpack it, and name the folder",
    (0, b"7z\xbc\xaf\x27\x1c"): "a 7z archive: unpack it, and name the folder",
    (257, b"ustar"): "a tar archive: unpack it, and name the folder",
    (0, b"\x28\xb5\x2f\xfd"): "packed with zstd: unpack it first",
    (60, b"BOOKMOBI"): "a Kindle book: make an epub of it first",
    (0, b"AT&TFORM"): "a DjVu scan: only a file with text in it can be read",
    (0, b"SQLite format 3\0"): "a database: export what you want of it as CSV or JSON lines",
}
# By a file inside a zip, and by what OpenDocument says of itself.
INSIDE = {
    "xl/workbook.xml": "a spreadsheet: save it as CSV",
    "xl/workbook.bin": "a spreadsheet: save it as CSV",
    "ppt/presentation.xml": "a presentation: save its text as .docx or .txt",
    "Index/Document.iwa": "a file of Apple's Pages: export it as Word or EPUB",
}
KINDS = {
    b"application/vnd.oasis.opendocument.spreadsheet": "a spreadsheet: save it as CSV",
    b"application/vnd.oasis.opendocument.presentation": "a presentation: save its text as .odt or .txt",
}
CAR = "a Bluesky repository (CAR): export your posts as JSON lines"


def why_refused(file: File) -> str | None:
    """What a file is that is not read, and what to do with it; None where it is none of these."""
    if file.raw.startswith(ZIP):
        names = file.members
        inside = (what for name, what in INSIDE.items() if name in names)
        return next(inside, next((what for kind, what in KINDS.items() if kind in file.raw[:200]), None))
    found = (what for (place, mark), what in MARKS.items() if file.raw.startswith(mark, place))
    return next(found, CAR if file.ending == ".car" else None)


def is_refused(file: File) -> bool:
    return why_refused(file) is not None


def refuse(file: File) -> Reading:
    raise JaneLMError(f"{file.name} is {why_refused(file)}")
