"""Tokens cut into splits, batches and evaluation windows: as running text, or as whole documents.

The split is 90/5/5: training; validation, which steers; test, which is read once at the end. Running text is split by
position, documents by a seeded shuffle. Everything here is a pure function of the text, the settings and a step
number, so that a resumed run sees exactly the batches of an uninterrupted one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .config import DataConfig, TokenizerConfig
from .corpora import Source
from .errors import JaneLMError
from .tokenizers import Tokenizer, train_tokenizer

IGNORED = -100  # the target of padding; torch's cross-entropy passes over it
SHARES = (0.9, 0.95)  # where validation and test begin
Batch = tuple[Tensor, Tensor]  # inputs and targets, each (B, T) int64


@dataclass(frozen=True)
class Scored:
    """A batch for evaluation, with what its targets weigh."""

    inputs: Tensor  # (B, T) int64
    targets: Tensor  # (B, T) int64, IGNORED where nothing is scored
    bytes: int  # UTF-8 bytes that the targets stand for
    unknown: int  # characters among them that the vocabulary lacks


class Dataset:
    """What the trainer asks of either kind of data."""

    tokenizer: Tokenizer
    context_length: int
    batches_per_epoch: int
    train_tokens: int
    split_bytes: dict[str, int]

    def batch(self, step: int) -> Batch:
        """The training batch of this step, drawn without replacement within each epoch."""
        raise NotImplementedError

    def training_tokens(self) -> np.ndarray:
        """All tokens of the training split in a row, int64 (T,)."""
        raise NotImplementedError

    def evaluation(self, split: str, limit: int | None = None) -> Iterator[Scored]:
        """Batches that score a split ("train", "validation", "test") from a cold start, each token once.

        With a limit, about that many tokens in windows or documents spread evenly over the split; always the same.
        """
        raise NotImplementedError


def load_dataset(
    sources: list[Source],
    config: DataConfig,
    tokenizer: TokenizerConfig | Tokenizer,
    context_length: int,
    batch_tokens: int,
    seed: int,
    device: torch.device,
) -> Dataset:
    """Split the text, train a tokenizer on the training split (unless one is given), and encode it all.

    Raises JaneLMError where the text is too short for the context length.
    """
    kind = Documents if config.documents else RunningText
    pieces = split_documents(sources, config) if config.documents else split_text(sources)
    if not isinstance(tokenizer, Tokenizer):
        tokenizer = train_tokenizer(tokenizer, pieces[0], documents=config.documents is not None)
    return kind(pieces, tokenizer, config, context_length, batch_tokens, seed, device)


def split_text(sources: list[Source]) -> tuple[list[str], list[str], list[str]]:
    """The sources joined with a blank line between, cut at 90% and 95% of the characters."""
    text = "\n\n".join(source.text for source in sources)
    first, second = (int(len(text) * share) for share in SHARES)
    return [text[:first]], [text[first:second]], [text[second:]]


TITLE = re.compile(r"<([^<>\t\n]+)>\t")


def split_documents(sources: list[Source], config: DataConfig) -> tuple[list[str], list[str], list[str]]:
    """One document to a line or to a paragraph, titles kept, shortened or dropped, split by a seeded shuffle."""
    separator = r"\n" if config.documents == "lines" else r"\n[ \t]*\n\s*"
    found = [piece.strip("\n ") for source in sources for piece in re.split(separator, source.text)]
    documents = [piece for piece in found if piece.strip()]
    if len(documents) < 20:
        raise JaneLMError(
            f"the text has {len(documents)} documents ({config.documents}), too few to hold some out (20 at least): "
            "choose the other kind of --documents, or leave it out to train on running text"
        )
    replacement = {"keep": None, "shorten": r"\1\t", "drop": "\t"}[config.titles]
    if replacement is not None:
        documents = [
            TITLE.sub(replacement, document, count=1) if document.startswith("<") else document
            for document in documents
        ]
    order = np.random.default_rng(config.split_seed).permutation(len(documents))
    first, second = (int(len(documents) * share) for share in SHARES)
    return tuple([documents[i] for i in part] for part in (order[:first], order[first:second], order[second:]))


def utf8_lengths(text: str, tokens: np.ndarray, tokenizer: Tokenizer) -> np.ndarray:
    """Bytes of text that each of its tokens stands for, int32 (T,)."""
    if tokenizer.unknown_token is None:
        return np.array([len(token) for token in tokenizer.vocabulary], np.int32)[tokens]
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    return (1 + (codes > 0x7F) + (codes > 0x7FF) + (codes > 0xFFFF)).astype(np.int32)


class RunningText(Dataset):
    """One long text. Training reads windows of it without replacement, from a new random offset in each epoch."""

    def __init__(
        self,
        pieces: tuple[list[str], list[str], list[str]],
        tokenizer: Tokenizer,
        config: DataConfig,
        context_length: int,
        batch_tokens: int,
        seed: int,
        device: torch.device,
    ) -> None:
        self.tokenizer, self.context_length, self.seed = tokenizer, context_length, seed
        texts = ["".join(piece) for piece in pieces]
        encoded = [tokenizer.encode(text) for text in texts]
        lengths = [utf8_lengths(*pair, tokenizer) for pair in zip(texts, encoded, strict=True)]
        self.split_bytes = {
            name: int(part.sum()) for name, part in zip(("train", "validation", "test"), lengths, strict=True)
        }
        self.tokens = torch.from_numpy(np.concatenate(encoded)).to(device)
        self._lengths = np.concatenate(lengths)
        bounds = np.cumsum([0, *map(len, encoded)]).tolist()
        # The first token of all has nothing before it, so it is never scored.
        self._bounds = {"train": (1, bounds[1]), "validation": tuple(bounds[1:3]), "test": tuple(bounds[2:4])}
        self.train_tokens = bounds[1]
        windows = (self.train_tokens - context_length) // context_length
        if windows < 1 or min(b - a for a, b in self._bounds.values()) < 2:
            raise JaneLMError(
                f"the training text has {self.train_tokens:,} tokens, too few for a context length of "
                f"{context_length}: give a longer text, or a --context_length of at most "
                f"{max(2, self.train_tokens // 4)}"
            )
        self._rows = max(1, min(batch_tokens // context_length, windows))
        self.batches_per_epoch = windows // self._rows
        self._epoch: tuple[int, np.ndarray] | None = None

    def _starts(self, epoch: int) -> np.ndarray:
        """Where this epoch's windows start, in their shuffled order."""
        if self._epoch is None or self._epoch[0] != epoch:
            rng = np.random.default_rng((self.seed, epoch))
            T = self.context_length
            offset = rng.integers(T)
            self._epoch = epoch, rng.permutation((self.train_tokens - T) // T) * T + offset
        return self._epoch[1]

    def batch(self, step: int) -> Batch:
        epoch, index = divmod(step, self.batches_per_epoch)
        starts = self._starts(epoch)[index * self._rows : (index + 1) * self._rows]
        return self._windows(torch.from_numpy(starts))

    def _windows(self, starts: Tensor) -> Batch:
        place = starts.to(self.tokens.device)[:, None] + torch.arange(self.context_length, device=self.tokens.device)
        return self.tokens[place], self.tokens[place + 1]

    def training_tokens(self) -> np.ndarray:
        return self.tokens[: self.train_tokens].cpu().numpy()

    def range(self, split: str) -> tuple[int, int]:
        """The places in `tokens` of the first token that is scored and of the one after the last."""
        return self._bounds[split]

    def weigh(self, first: int, last: int) -> tuple[int, int]:
        """Bytes and unknown characters of the tokens from place `first` to before `last`."""
        unknown = self.tokenizer.unknown_token
        found = 0 if unknown is None else int((self.tokens[first:last] == unknown).sum())
        return int(self._lengths[first:last].sum()), found

    def evaluation(self, split: str, limit: int | None = None) -> Iterator[Scored]:
        first, last = self._bounds[split]
        T = self.context_length
        starts = np.arange(first, last, T)
        if limit is not None and len(starts) * T > limit:
            whole = len(starts) - 1
            starts = starts[np.linspace(0, whole - 1, max(1, limit // T)).astype(int)]
        for block in np.array_split(starts, -(-len(starts) // self._rows)):
            place = torch.from_numpy(block)[:, None] + torch.arange(T)  # of the targets
            inside = place < last
            place = place.clamp(max=last - 1).to(self.tokens.device)
            targets = self.tokens[place].masked_fill(~inside.to(self.tokens.device), IGNORED)
            weights = [self.weigh(int(start), min(int(start) + T, last)) for start in block]
            yield Scored(self.tokens[place - 1], targets, *map(sum, zip(*weights, strict=True)))


class Documents(Dataset):
    """Verses, posts, tweets: each whole document is one sequence, from an end token to an end token, never split."""

    def __init__(
        self,
        pieces: tuple[list[str], list[str], list[str]],
        tokenizer: Tokenizer,
        config: DataConfig,
        context_length: int,
        batch_tokens: int,
        seed: int,
        device: torch.device,
    ) -> None:
        self.tokenizer, self.seed, self._device = tokenizer, seed, device
        self._right = config.align == "right"
        self._end = tokenizer.end_token
        names = ("train", "validation", "test")
        self._documents = {
            name: [tokenizer.encode(document) for document in piece] for name, piece in zip(names, pieces, strict=True)
        }
        # The end token stands for the newline (or blank line) after a document: one byte.
        self._bytes = {
            name: [len(document.encode("utf-8", "replace")) + 1 for document in piece]
            for name, piece in zip(names, pieces, strict=True)
        }
        self.split_bytes = {name: sum(sizes) for name, sizes in self._bytes.items()}
        longest = max(len(document) for part in self._documents.values() for document in part)
        self.context_length = max(context_length, longest + 1)
        train = self._documents["train"]
        self.train_tokens = sum(len(document) + 1 for document in train)
        self._rows = min(len(train), max(1, round(batch_tokens * len(train) / self.train_tokens)))
        self.batches_per_epoch = len(train) // self._rows
        self._epoch: tuple[int, list[np.ndarray]] | None = None

    def _plan(self, epoch: int) -> list[np.ndarray]:
        """This epoch's batches as document numbers: shuffled, then sorted by length within pools, to pad little."""
        if self._epoch is None or self._epoch[0] != epoch:
            rng = np.random.default_rng((self.seed, epoch))
            train = self._documents["train"]
            sizes = np.array([len(document) for document in train])
            order = rng.permutation(len(train))[: self.batches_per_epoch * self._rows]
            pools = np.array_split(order, -(-len(order) // (50 * self._rows)))
            order = np.concatenate([pool[np.argsort(sizes[pool], kind="stable")] for pool in pools])
            batches = order.reshape(self.batches_per_epoch, self._rows)
            self._epoch = epoch, list(rng.permutation(batches))
        return self._epoch[1]

    def batch(self, step: int) -> Batch:
        epoch, index = divmod(step, self.batches_per_epoch)
        train = self._documents["train"]
        return self._padded([train[number] for number in self._plan(epoch)[index]])

    def training_tokens(self) -> np.ndarray:
        return np.concatenate([part for document in self._documents["train"] for part in (document, [self._end])])

    def _padded(self, documents: list[np.ndarray]) -> Batch:
        end, pad = self._end, self.tokenizer.pad_token
        T = max(map(len, documents)) + 1
        inputs = np.full((len(documents), T), pad, np.int64)
        targets = np.full((len(documents), T), IGNORED, np.int64)
        for row, document in enumerate(documents):
            size = len(document) + 1
            place = slice(T - size, T) if self._right else slice(0, size)
            inputs[row, place] = np.concatenate(([end], document))
            targets[row, place] = np.concatenate((document, [end]))
        return torch.from_numpy(inputs).to(self._device), torch.from_numpy(targets).to(self._device)

    def evaluation(self, split: str, limit: int | None = None) -> Iterator[Scored]:
        documents, sizes = self._documents[split], self._bytes[split]
        mean = sum(map(len, documents)) / len(documents) + 1
        count = len(documents) if limit is None else min(len(documents), max(1, round(limit / mean)))
        chosen = np.linspace(0, len(documents) - 1, count).astype(int)
        chosen = sorted(chosen, key=lambda number: len(documents[number]))
        for block in np.array_split(np.array(chosen), -(-count // self._rows)):
            batch = [documents[number] for number in block]
            unknown = sum(int((document == self.tokenizer.unknown_token).sum()) for document in batch)
            yield Scored(*self._padded(batch), sum(sizes[number] for number in block), unknown)
