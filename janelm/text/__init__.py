"""From what a person has to batches of tokens: a text by name or from files goes in, its tokenizer and its batches come
out."""

from ..lazy import handed_on

__getattr__, __all__ = handed_on(
    __name__,
    sources="Source",
    corpora="load_sources",
    tokenizers="Tokenizer tokenizer_from_json train_tokenizer",
    encoded="EncodedText text_digest",
    data="Dataset load_dataset",
)
