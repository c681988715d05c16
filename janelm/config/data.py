"""Which text, and what is made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class DataConfig:
    """Which text, and how it is cut up."""

    data: tuple[str, ...] = ("austen",)
    """A corpus by name (austen, bible), files, archives or folders of them; what is read stands in docs/texts.md."""
    documents: Literal["lines", "paragraphs", "whole"] | None = None
    """Train on documents, one to a line, to a paragraph, or each whole post, message, cell or file, instead of windows
    of running text. Posts, chats and tables are whole documents by themselves."""
    running_text: bool = False
    """Read posts, chats and tables as one running text after all."""
    separator: str | None = None
    """What stands between two documents, such as <|endoftext|> or ---; it is not part of them."""
    long_documents: Literal["cut", "drop"] = "cut"
    """What becomes of documents longer than the context: cut into windows that carry on, or left out."""
    titles: Literal["keep", "shorten", "drop"] = "keep"
    """What becomes of a title such as <Genesis> and a tab at the start of a document: kept, Genesis and a tab, or
    the tab alone."""
    align: Literal["left", "right"] = "left"
    """Side on which shorter documents of a batch stand; the rest is padding that counts for nothing."""
    split: Literal["90/5/5", "90/10"] = "90/5/5"
    """Per cent of the text for training, for validation, which steers, and for test, which is read once at the end;
    90/10 has no test, as some published figures have none."""
    split_seed: int = 0
    """Which documents are held out; running text is split by position and needs no seed."""
    text_encoding: str | None = None
    """The encoding of the files, where it is not made out rightly, such as cp1250."""
    author: tuple[str, ...] = ()
    """Of chats and posts, only what these wrote; me is the export's owner where the format knows."""
    speakers: bool = False
    """Put who speaks, and a tab, before each message of a chat, so that a dialogue can be written."""
    column: str | None = None
    """The column or field of a table that is the text, by name or number."""
    replies: bool = True
    """Posts that answer others are read too."""
    retweets: bool = False
    """Retweets are read too."""
    links: bool = False
    """Links stay in posts and messages."""
    keep_frame: bool = False
    """What Project Gutenberg puts around a book stays there."""
    after: str | None = None
    """The text begins where this stands first; it is kept."""
    before: str | None = None
    """The text ends before where this stands last."""
    first: int | None = None
    """Only so many characters of each text, or documents, from its beginning: for quick trials."""
    last: int | None = None
    """Only so many from its end."""
    drop_front_matter: bool = False
    """Leave out what stands before the first chapter."""
    drop_headings: bool = False
    """Leave out headings of chapters."""
    unwrap: bool = False
    """Join lines of fixed width into paragraphs."""
    straighten_quotes: bool = False
    """Write all quotes as ' and "."""
    lower_case: bool = False
    """Write everything in lower case."""
    blank_out: tuple[Literal["email", "phone", "handle", "link", "name"], ...] = ()
    """Write [email] and so on in their place, before a private text becomes a public model; name is the names of those
    who speak in a chat."""
    rules: Literal[1, 2] = 2
    """By which rules text is read: 1 are those of runs made before there were any but plain files, which have no
    normal form and may have the same document in training and held out."""

    def problems(self) -> list[str]:
        """What is wrong with these values, a sentence for each."""
        found = [] if self.data else ["data names no text: give a file, a folder of files, or a corpus by name"]
        if self.separator is not None and (not self.separator.strip() or self.running_text):
            found.append("separator must be some signs, and parts documents: it does not go with running_text")
        found += [
            f"{name} is {value}, but must be at least 1"
            for name in ("first", "last")
            if (value := getattr(self, name)) is not None and value < 1
        ]
        if self.running_text and self.documents:
            found.append(f"running_text and documents {self.documents} are two ways to read: choose one")
        return found + ([f"split_seed is {self.split_seed}, but must be at least 0"] if self.split_seed < 0 else [])
