"""What a text is like: its parts and their measures, words, feeling, and who is named in it."""

from ..lazy import handed_on

__getattr__, __all__ = handed_on(
    __name__,
    report="Report read_text",
)
