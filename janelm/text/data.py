"""Tokens cut into splits, batches and evaluation windows: as running text, or as whole documents.

The split is 90/5/5: training; validation, which steers; test, which is read once at the end. Running text is split by
position, documents by a seeded shuffle. Everything here is a pure function of the text, the settings and a step
number, so that a resumed run sees exactly the batches of an uninterrupted one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from ..architectures.crossentropy import IGNORED
from ..config import CharacterTokenizerConfig, DataConfig, TiktokenTokenizerConfig, TokenizerConfig, TrainingConfig
from ..errors import JaneLMError, UsageError, counted
from .documents import describe_copies, split_documents
from .encoded import SPLITS, EncodedText, RunningSplits
from .extending import Extension
from .sources import Source
from .tokenizers import CharacterTokenizer, TiktokenTokenizer, Tokenizer, train_tokenizer, undo_merges

TOKENIZER_TEXT = 1 << 26  # characters that byte pairs are learnt from: of a longer text, blocks spread evenly over it
BPE_DROPOUT_STREAM = 1  # sets its random numbers apart from those of other uses of the seed
LEAST = 31  # characters of running text, from which each split has two: one to be judged after the other
PAD = 8  # the lengths of documents are padded to a multiple of this
LONGER, USUAL = 4, 0.99  # how much longer than asked for a context may become, and the share of documents it is for
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

    context_length: int
    batches_per_epoch: int
    train_tokens: int
    tokens_per_step: int
    """Tokens in a training batch, padding not counted; of documents on average."""
    split_bytes: dict[str, int]
    held_out: tuple[str, ...]
    """The splits that training does not see: validation and, if there is one, test."""
    report: list[str]
    """What there is to say of how the text was cut."""
    many_shapes: bool = False
    """Whether training batches differ in their shapes."""

    def __init__(self, tokenizer: Tokenizer, training: TrainingConfig, device: torch.device) -> None:
        self.tokenizer, self._seed, self._bpe_dropout = tokenizer, training.seed, training.bpe_dropout
        self.device, self.report = device, []

    def batch(self, step: int) -> Batch:
        """The training batch of this step, drawn without replacement within each epoch."""
        raise NotImplementedError

    def respelled(self, rows: list[np.ndarray], step: int) -> list[np.ndarray]:
        """The rows of this step's batch with some byte pairs undone, if that is asked for."""
        if not self._bpe_dropout:
            return rows
        assert isinstance(self.tokenizer, TiktokenTokenizer)  # or load_dataset had refused
        random = np.random.default_rng((self._seed, step, BPE_DROPOUT_STREAM))
        return [undo_merges(row, self.tokenizer.pairs, self._bpe_dropout, random) for row in rows]

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
    tokenizer: TokenizerConfig | Tokenizer | Extension,
    context_length: int,
    training: TrainingConfig,
    device: torch.device,
    final: bool = False,
) -> Dataset:
    """Split the text, train or extend a tokenizer on the training split (unless one is given), and encode it all.

    With `training.carry_state`, each row of a training batch of running text goes on where it ended in the batch
    before; documents longer than the context length may raise it, unless it is `final`, as a run's own is. With
    `training.bpe_dropout`, byte pairs come undone in training batches: see `tokenizers.undo_merges`.
    Raises JaneLMError where the text is too short for the context length, and UsageError where characters should come
    undone.
    """
    known = tokenizer.tokenizer if isinstance(tokenizer, Extension) else tokenizer
    if training.bpe_dropout and not isinstance(known, (TiktokenTokenizer, TiktokenTokenizerConfig)):
        raise UsageError("bpe_dropout undoes byte pairs, of which these tokens have none: take --tokenization tiktoken")
    if config.documents:
        pieces = split_documents(sources, config)
        tokenizer = _ready(tokenizer, pieces[0], documents=True)
        return Documents(pieces, tokenizer, config, context_length, training, device, final)
    splits = RunningSplits(sources, config.split)
    characters = isinstance(known, (CharacterTokenizer, CharacterTokenizerConfig))
    every = 1 if characters else -(-splits.length // TOKENIZER_TEXT)
    tokenizer = _ready(tokenizer, islice(splits.blocks("train"), 0, None, every))
    text = EncodedText(splits, tokenizer)
    return RunningText(text, tokenizer, context_length, training, device)


def _ready(
    tokenizer: TokenizerConfig | Tokenizer | Extension, texts: Iterable[str], documents: bool = False
) -> Tokenizer:
    if isinstance(tokenizer, Tokenizer):
        return tokenizer
    if isinstance(tokenizer, Extension):
        return tokenizer.learn(texts, documents)
    return train_tokenizer(tokenizer, texts, documents)


class RunningText(Dataset):
    """One long text. Training reads windows of it without replacement, from a new random offset in each epoch: in
    shuffled order, or so that each row of a batch goes on where it ended in the one before."""

    def __init__(
        self,
        text: EncodedText,
        tokenizer: Tokenizer,
        context_length: int,
        training: TrainingConfig,
        device: torch.device,
    ) -> None:
        super().__init__(tokenizer, training, device)
        self.context_length, self._text, self._carry_state = context_length, text, training.carry_state
        self.split_bytes = dict(zip(SPLITS, text.extent.bytes, strict=True))
        bounds = text.extent.bounds
        # The first token of all has nothing before it, so it is never scored.
        self._bounds = {"train": (1, bounds[1]), "validation": (bounds[1], bounds[2])}
        if bounds[3] > bounds[2]:
            self._bounds["test"] = (bounds[2], bounds[3])
        self.held_out = tuple(self._bounds)[1:]
        self.train_tokens = bounds[1]
        windows = (self.train_tokens - context_length) // context_length
        held_out = {name: self._bounds[name][1] - self._bounds[name][0] for name in self.held_out}
        if short := [f"{name} has {tokens}" for name, tokens in held_out.items() if tokens < 2]:
            raise JaneLMError(
                f"the text is too short to hold some of it out: of {bounds[-1]:,} tokens {' and '.join(short)}, but 2 "
                f"are needed. Give a text of at least {LEAST} tokens, with a --context_length of at most {LEAST // 4}; "
                "some thousand are a good deal better"
            )
        if windows < 1:
            raise JaneLMError(
                f"the training text has {self.train_tokens:,} tokens, too few for a context length of "
                f"{context_length}: give a longer text, or a --context_length of at most {self.train_tokens // 2}"
            )
        self._rows = max(1, min(training.batch_tokens // context_length, windows))
        self.batches_per_epoch = windows // self._rows
        self.tokens_per_step = self._rows * context_length
        self._epoch: tuple[int, np.ndarray] | None = None

    def _starts(self, epoch: int) -> np.ndarray:
        """Where this epoch's windows start, in the order in which they are read."""
        if self._epoch is None or self._epoch[0] != epoch:
            rng = np.random.default_rng((self._seed, epoch))
            T = self.context_length
            offset = rng.integers(T)
            count = (self.train_tokens - T) // T
            if self._carry_state:
                # The text as a ring, opened at a random place and cut into one stretch for each row.
                ring = np.roll(np.arange(count), rng.integers(count))
                order = ring[: self.batches_per_epoch * self._rows].reshape(self._rows, -1).T.ravel()
            else:
                order = rng.permutation(count)
            self._epoch = epoch, order * T + offset
        return self._epoch[1]

    def batch(self, step: int) -> Batch:
        epoch, index = divmod(step, self.batches_per_epoch)
        starts = self._starts(epoch)[index * self._rows : (index + 1) * self._rows]
        T = self.context_length + 1
        rows = [self._text.tokens[start : start + T].astype(np.int64) for start in starts]
        tokens = torch.from_numpy(np.stack([row[:T] for row in self.respelled(rows, step)])).to(self.device)
        return tokens[:, :-1], tokens[:, 1:]

    def take(self, places: np.ndarray) -> Tensor:
        """The tokens at these places of the text, int64 of the same shape."""
        return torch.from_numpy(self._text.tokens[places].astype(np.int64)).to(self.device)

    def training_tokens(self) -> np.ndarray:
        return self._text.tokens[: self.train_tokens].astype(np.int64)

    def range(self, split: str) -> tuple[int, int]:
        """The places of the first token that is scored and of the one after the last."""
        return self._bounds[split]

    def weigh(self, first: int, last: int) -> tuple[int, int]:
        """Bytes and unknown characters of the tokens from place `first` to before `last`."""
        return self._text.weigh(first, last)

    def evaluation(self, split: str, limit: int | None = None) -> Iterator[Scored]:
        first, last = self._bounds[split]
        T = self.context_length
        starts = np.arange(first, last, T)
        if limit is not None and len(starts) * T > limit:
            whole = len(starts) - 1
            starts = starts[np.linspace(0, whole - 1, max(1, limit // T)).astype(int)]
        for block in np.array_split(starts, -(-len(starts) // self._rows)):
            place = block[:, None] + np.arange(T)  # of the targets
            outside = torch.from_numpy(place >= last).to(self.device)
            place = np.minimum(place, last - 1)
            targets = self.take(place).masked_fill(outside, IGNORED)
            weights = [self.weigh(int(start), min(int(start) + T, last)) for start in block]
            yield Scored(self.take(place - 1), targets, *map(sum, zip(*weights, strict=True)))


class Documents(Dataset):
    """Verses, posts, tweets: each document is one sequence, from an end token to an end token.

    One that is longer than the context is cut into windows, each of which begins with the last token of the one before.
    """

    many_shapes = True

    def __init__(
        self,
        pieces: tuple[list[str], list[str], list[str]],
        tokenizer: Tokenizer,
        config: DataConfig,
        context_length: int,
        training: TrainingConfig,
        device: torch.device,
        final: bool = False,
    ) -> None:
        super().__init__(tokenizer, training, device)
        self._right = config.align == "right"
        assert tokenizer.end_token is not None  # it was made for documents
        end = np.array([tokenizer.end_token])
        self._batch_tokens = training.batch_tokens
        if config.rules > 1:
            self.report += describe_copies(pieces)
        encoded = [[np.concatenate((end, tokenizer.encode(d), end)) for d in piece] for piece in pieces]
        self.context_length = context_length if final else self._choose_context(encoded, context_length)
        texts: tuple[list[str], ...] = pieces
        if config.long_documents == "drop":
            texts, encoded = self._without_long(texts, encoded)
        self._documents = dict(zip(SPLITS, encoded, strict=True))
        # The end token stands for the newline (or blank line) after a document: one byte.
        self._bytes = {
            name: [len(document.encode("utf-8", "replace")) + 1 for document in piece]
            for name, piece in zip(SPLITS, texts, strict=True)
        }
        sizes = np.array([len(token) for token in tokenizer.vocabulary], np.int64)
        rows = {name: self._windows(name, sizes) for name in SPLITS}
        self._rows = {name: [row for row, _ in found] for name, found in rows.items()}
        self._row_bytes = {name: [size for _, size in found] for name, found in rows.items()}
        self._say_windows()
        self.split_bytes = {name: sum(sizes) for name, sizes in self._bytes.items()}
        self.held_out = tuple(name for name in SPLITS[1:] if self._documents[name])
        train = self._rows["train"]
        self.train_tokens = sum(len(row) - 1 for row in train)
        self.batches_per_epoch = len(self._batches(train, np.arange(len(train))))
        self.tokens_per_step = round(self.train_tokens / self.batches_per_epoch)
        self._epoch: tuple[int, list[np.ndarray]] | None = None

    def _choose_context(self, encoded: list[list[np.ndarray]], asked: int) -> int:
        """The context length: as asked, or what the documents need, where that is at most four times as much.

        Where a few are longer than that, it is what 99 of 100 need.
        """
        lengths = np.array([len(document) - 1 for part in encoded for document in part])
        most = max(asked, min(LONGER * asked, self._batch_tokens))
        longest, usual = padded_length(int(lengths.max())), padded_length(int(np.quantile(lengths, USUAL)))
        chosen = max(asked, longest if longest <= most else min(most, usual))
        if chosen > asked:
            self.report.append(
                f"the context length is {chosen:,} tokens instead of {asked:,}, so that documents fit in"
            )
        return chosen

    def _without_long(
        self, pieces: tuple[list[str], ...], encoded: list[list[np.ndarray]]
    ) -> tuple[tuple[list[str], ...], list[list[np.ndarray]]]:
        fit = [[len(document) - 1 <= self.context_length for document in part] for part in encoded]
        dropped = sum(map(len, fit)) - sum(map(sum, fit))
        if dropped:
            self.report.append(f"left out {counted(dropped, 'document')} of more than {self.context_length:,} tokens")
        pieces = tuple(
            [d for d, fits in zip(piece, fits_, strict=True) if fits] for piece, fits_ in zip(pieces, fit, strict=True)
        )
        encoded = [
            [d for d, fits in zip(part, fits_, strict=True) if fits] for part, fits_ in zip(encoded, fit, strict=True)
        ]
        if not (pieces[0] and pieces[1]):
            raise JaneLMError("hardly a document is short enough: let them be cut, or raise --context_length")
        return pieces, encoded

    def _windows(self, split: str, sizes: np.ndarray) -> list[tuple[np.ndarray, int]]:
        """The documents of a split in rows (at most T + 1,), and the bytes that the targets of each stand for."""
        T, rows = self.context_length, []
        for document, left in zip(self._documents[split], self._bytes[split], strict=True):
            for start in range(0, len(document) - 1, T):
                row = document[start : start + T + 1]
                last = start + T + 1 >= len(document)
                size = left if last else min(left, int(sizes[row[1:]].sum()))
                rows.append((row, size))
                left -= size
        return rows

    def _say_windows(self) -> None:
        documents, rows = (sum(map(len, parts.values())) for parts in (self._documents, self._rows))
        cut = sum(len(document) - 1 > self.context_length for part in self._documents.values() for document in part)
        if cut:
            self.report.append(
                f"cut {cut:,} of {documents:,} documents, of more than {self.context_length:,} tokens, into "
                f"{counted(rows - documents + cut, 'window')} that carry on (--long_documents drop leaves them out)"
            )

    def _batches(self, rows: list[np.ndarray], chosen: np.ndarray) -> list[np.ndarray]:
        """The chosen rows (numbers) in batches of about equal length and as many tokens, padding counted.

        Longest first, otherwise in their order: so all epochs have batches of the same few shapes, where each new
        shape would cost memory for good.
        """
        lengths = np.array([padded_length(len(rows[number]) - 1) for number in chosen])
        order = np.argsort(-lengths, kind="stable")
        cuts, start = [], 0
        while start < len(chosen):
            start += max(1, self._batch_tokens // lengths[order[start]])
            cuts.append(start)
        return np.split(chosen[order], cuts[:-1])

    def _plan(self, epoch: int) -> list[np.ndarray]:
        """This epoch's batches as numbers of rows, in shuffled order."""
        if self._epoch is None or self._epoch[0] != epoch:
            rng = np.random.default_rng((self._seed, epoch))
            train = self._rows["train"]
            batches = self._batches(train, rng.permutation(len(train)))
            self._epoch = epoch, [batches[number] for number in rng.permutation(len(batches))]
        return self._epoch[1]

    def batch(self, step: int) -> Batch:
        epoch, index = divmod(step, self.batches_per_epoch)
        train = self._rows["train"]
        return self._padded(self.respelled([train[number] for number in self._plan(epoch)[index]], step))

    def training_tokens(self) -> np.ndarray:
        return np.concatenate([document[1:] for document in self._documents["train"]])

    def whole(self, split: str) -> Iterator[tuple[np.ndarray, int]]:
        """Each document of a split: its tokens (T,), the end token last, and the bytes that they stand for."""
        for document, size in zip(self._documents[split], self._bytes[split], strict=True):
            yield document[1:], size

    def _padded(self, rows: list[np.ndarray]) -> Batch:
        T = padded_length(max(map(len, rows)) - 1)
        inputs = np.full((len(rows), T), self.tokenizer.pad_token, np.int64)
        targets = np.full((len(rows), T), IGNORED, np.int64)
        for number, row in enumerate(rows):
            size = len(row) - 1
            place = slice(T - size, T) if self._right else slice(0, size)
            inputs[number, place] = row[:-1]
            targets[number, place] = row[1:]
        return torch.from_numpy(inputs).to(self.device), torch.from_numpy(targets).to(self.device)

    def evaluation(self, split: str, limit: int | None = None) -> Iterator[Scored]:
        rows, sizes = self._rows[split], self._row_bytes[split]
        mean = sum(len(row) - 1 for row in rows) / len(rows)
        count = len(rows) if limit is None else min(len(rows), max(1, round(limit / mean)))
        for block in self._batches(rows, np.linspace(0, len(rows) - 1, count).astype(int)):
            batch = [rows[number] for number in block]
            unknown = sum(int((row[1:] == self.tokenizer.unknown_token).sum()) for row in batch)
            yield Scored(*self._padded(batch), sum(sizes[number] for number in block), unknown)


def padded_length(tokens: int) -> int:
    """The length that so many tokens are padded to."""
    return -(-tokens // PAD) * PAD
