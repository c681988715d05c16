"""What tokens are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class CharacterTokenizerConfig:
    """One token for each character of the training text."""

    kind: ClassVar[str] = "character"

    def problems(self) -> list[str]:
        """What is wrong with these values, a sentence for each."""
        return []


# Words with the space before them, runs of digits, runs of other signs, and white space; each letter, digit and sign
# together with the marks and joiners on it, which make one letter with it for whoever reads Hindi, Thai or Hebrew. It
# is also a valid JavaScript regular expression (flag u), because the browser splits text with the very same pattern.
SPLIT_PATTERN = (
    r"'(?:[sdmt]|ll|ve|re)(?!\p{M})| ?\p{L}[\p{L}\p{M}\u200c\u200d]*| ?(?:\p{N}\p{M}*){1,3}"
    r"| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True)
class TiktokenTokenizerConfig:
    """Byte pairs: a vocabulary trained on the training text, or one of tiktoken's own by name."""

    kind: ClassVar[str] = "tiktoken"

    vocab_size: int = 1024
    """Tokens in a vocabulary that is trained here, the 256 bytes included."""
    encoding: str | None = None
    """A stock encoding such as gpt2, instead of one trained here."""
    pattern: str = SPLIT_PATTERN
    """Regular expression that cuts text into the pieces within which bytes are paired."""

    def problems(self) -> list[str]:
        """What is wrong with these values, a sentence for each."""
        if self.encoding is None and self.vocab_size < 256:
            return [f"vocab_size is {self.vocab_size}, but bytes alone need 256"]
        return []


@dataclass(frozen=True)
class WordTokenizerConfig:
    """The most frequent words of the training text, and characters for the rest."""

    kind: ClassVar[str] = "word"

    vocab_size: int = 4096
    """Tokens, the 256 bytes and the characters of the text included."""
    pattern: str = SPLIT_PATTERN
    """Regular expression that cuts text into words."""

    def problems(self) -> list[str]:
        """What is wrong with these values, a sentence for each."""
        return [] if self.vocab_size >= 256 else [f"vocab_size is {self.vocab_size}, but bytes alone need 256"]


TokenizerConfig = CharacterTokenizerConfig | TiktokenTokenizerConfig | WordTokenizerConfig
