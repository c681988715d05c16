"""How well models expect a text: bits per byte and perplexity of any file, read piece by piece.

Besides one model that reads with carried state there are two kinds of scores, each to be labelled as what it is:

- dynamic evaluation (Krause et al. 2018): after each chunk has been judged, the model takes a step of learning on it;
- an ensemble: several models of one tokenizer read side by side, and their probabilities are averaged.

No token is ever judged by anything that has seen it. Where a model looks back no further than so many tokens, parts of
a text are read side by side, each behind as many tokens as can have any part in it: the figures are those of reading it
in one go. For one model the twin of this is web/engine/reading.js:
tests/browser/test_exactness.py compares their bits per byte.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..architectures import LanguageModel
from ..architectures.transformer import SlidingCache
from ..config import DataConfig
from ..errors import UsageError
from ..runs.loaded import LoadedRun
from ..text.data import Dataset, Documents, RunningText
from ..text.documents import read_documents
from ..text.sources import Source, blocks
from ..text.tokenizers import Tokenizer
from .evaluation import Losses

# Learning rates of dynamic evaluation, found on a tenth of Austen's held-out text: see docs/experiments.md.
DYNAMIC_RATES = {"transformer": 1e-4, "lstm": 3e-4}
ROWS = 8  # parts of a text that are read side by side
SPAN, FIRST = 1 << 17, 1 << 14  # tokens that are judged at once at most, and in the beginning, for an estimate


@dataclass(frozen=True)
class ScoredToken:
    """One token of the text, and what it cost the model to expect it."""

    token: int
    nats: float


@dataclass(frozen=True)
class Block:
    """A part of the text to be scored."""

    tokens: np.ndarray  # (T,) int64
    bytes: int  # UTF-8 bytes that they stand for
    fresh: bool = False  # a document by itself: nothing before it is known


class Reader:
    """A model that reads one text with carried state, or several of one length side by side."""

    def __init__(self, model: LanguageModel) -> None:
        self.model = model
        self.restart()

    def restart(self, rows: int = 1) -> None:
        """Forget what was read."""
        self.state = self.model.initial_state(rows)

    @property
    def chunk(self) -> int:
        """How many tokens are read at once."""
        length = self.model.config.context_length
        return max(1, length // 4) if self.model.config.bounded_memory else length

    @property
    def reach(self) -> int | None:
        """How many tokens have any part in what is said after them, where that is all that counts of the past."""
        return self.state.reach if isinstance(self.state, SlidingCache) else None

    @torch.inference_mode()
    def pass_over(self, inputs: Tensor, targets: Tensor) -> None:
        """Read the next inputs (B, T) where nobody asks what follows them."""
        _, self.state = self.model.features(inputs, self.state)

    @torch.inference_mode()
    def read(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """The log-probabilities (B, T, V) float32 of what follows each of the next inputs (B, T); targets (B, T) do."""
        logits, self.state = self.model(inputs, self.state)
        return logits.float().log_softmax(-1)

    def try_once(self) -> None:
        """Read something, for how long that takes."""
        tokens = torch.zeros(1, self.chunk, dtype=torch.int64, device=self.model.device)
        self.read(tokens, tokens)


class DynamicReader(Reader):
    """A model that goes on learning from what it reads: a step on each chunk, once the chunk has been judged.

    It learns on a copy; the model itself stays as it is. A model of bounded memory reads each chunk together with the
    tokens before it, because its state would hold what older weights made of them. The steps are Adam's without
    momentum, which is what the paper's division by the root mean square of the gradients comes to.
    """

    def __init__(self, model: LanguageModel, learning_rate: float | None = None) -> None:
        super().__init__(copy.deepcopy(model))
        rate = DYNAMIC_RATES.get(model.config.kind, 1e-4) if learning_rate is None else learning_rate
        self._optimizer = torch.optim.Adam(self.model.parameters(), rate, betas=(0.0, 0.999))
        self._go_on = torch.zeros(1, dtype=torch.bool, device=model.device)

    def restart(self, rows: int = 1) -> None:
        super().restart()
        self._before = torch.empty(0, dtype=torch.int64, device=self.model.device)

    @property
    def chunk(self) -> int:
        """How many tokens are read before it learns from them."""
        return max(1, self.model.config.context_length // 4)

    @property
    def reach(self) -> None:
        """It learns from all that it has read."""
        return None

    def pass_over(self, inputs: Tensor, targets: Tensor) -> None:
        self.read(inputs, targets)

    def read(self, inputs: Tensor, targets: Tensor) -> Tensor:
        if self.model.config.bounded_memory:
            self._before = torch.cat((self._before, inputs[0]))[-self.model.config.context_length :]
            logits, _ = self.model(self._before[None])
        else:
            logits, state = self.model(inputs, self.state)
            self.state = self.model.hand_on(state, self._go_on)
        scores = logits[:, -inputs.size(1) :].float().log_softmax(-1)
        F.nll_loss(scores[0], targets[0]).backward()
        self._optimizer.step()
        self._optimizer.zero_grad()
        return scores.detach()


def score(
    readers: list[Reader], tokenizer: Tokenizer, text: Iterable[Block], losses: Losses, before: list[int] | None = None
) -> Iterator[ScoredToken]:
    """Read one text and yield what each token cost; `losses` adds it all up.

    Several readers are an ensemble: their probabilities are averaged. The first token is judged after `before`, which
    is read and not scored; by default what writing starts from: a line break, or the start of a document. Documents are
    blocks of their own, each read from a fresh start.
    """
    chunk, device = min(reader.chunk for reader in readers), readers[0].model.device
    reaches = [reader.reach for reader in readers]
    reach = 0 if None in reaches else -(-max(filter(None, reaches)) // chunk) * chunk  # 0: all in one go
    past = torch.tensor(before or tokenizer.started([]), device=device)
    ready = False  # whether the readers have read what is past, but for its last token
    in_a_row = max(1, 1024 // chunk) * chunk
    for block in _spans(text, min(FIRST, SPAN) if reach else in_a_row, SPAN if reach else in_a_row):
        if block.fresh:
            past, ready = torch.tensor(tokenizer.started([]), device=device), False
        tokens, read = torch.from_numpy(block.tokens).to(device), 0
        for part in filter(len, tokens.tensor_split([max(0, reach + 1 - len(past))])):
            rows = min(ROWS, len(part) // (4 * reach)) if 0 < reach < len(past) else 1
            ready = ready and rows <= 1
            nats, hits = _judge(readers, past, part, max(1, rows), chunk, ready)
            past, ready = torch.cat((past, part))[-reach - 1 :], rows <= 1
            losses.nats += nats.double().sum().item()
            losses.tokens += len(part)
            losses.bytes += _bytes_of(block, read, read := read + len(part))
            losses.correct += int(hits.sum())
            losses.unknown += part.tolist().count(tokenizer.unknown_token)
            yield from map(ScoredToken, part.tolist(), nats.tolist())
        losses.bytes += 0 if read else block.bytes  # of a block without tokens


def _spans(text: Iterable[Block], size: int, most: int) -> Iterator[Block]:
    """The blocks in parts of `size` tokens, each twice as long as the one before up to the most."""
    for block in text:
        begin, total = 0, max(1, len(block.tokens))
        while begin < total:
            end = min(begin + size, total)
            yield Block(block.tokens[begin:end], _bytes_of(block, begin, end), block.fresh and begin == 0)
            begin, size = end, min(2 * size, most)


def _bytes_of(block: Block, begin: int, end: int) -> int:
    """What tokens `begin` to `end` of a block count of its bytes: all of them together count all."""
    total = max(1, len(block.tokens))
    return block.bytes * end // total - block.bytes * begin // total


def _judge(
    readers: list[Reader], past: Tensor, tokens: Tensor, rows: int, chunk: int, ready: bool
) -> tuple[Tensor, Tensor]:
    """What each of the tokens (T,) costs in nats (T,) float32, and whether it was held likeliest (T,) bool.

    They are read in `rows` parts side by side, each behind the len(past) - 1 tokens before it; where the readers are
    `ready`, they have read these.
    """
    whole, base, size = torch.cat((past, tokens)), len(past), -(-len(tokens) // rows)
    begins = base + size * torch.arange(rows, device=tokens.device)[:, None]
    if not ready:
        for reader in readers:
            reader.restart(rows)
    nats = torch.empty(rows, size, device=tokens.device)
    hits = nats.bool()
    begin = 0 if ready else 1 - base
    while begin < size:
        end = min(begin + chunk, size if begin >= 0 else 0)
        places = (begins + torch.arange(begin, end, device=tokens.device)).clamp(max=len(whole) - 1)
        inputs, targets = whole[places - 1], whole[places]  # (rows, end - begin)
        if begin < 0:
            for reader in readers:
                reader.pass_over(inputs, targets)
        else:
            scores = torch.stack([reader.read(inputs, targets) for reader in readers])  # (readers, rows, T, V)
            scores = scores.logsumexp(0) - math.log(len(readers))
            nats[:, begin:end] = -scores.gather(-1, targets[..., None])[..., 0]
            hits[:, begin:end] = scores.argmax(-1) == targets
        begin = end
    return nats.flatten()[: len(tokens)], hits.flatten()[: len(tokens)]


def shared_tokenizer(runs: list[LoadedRun]) -> Tokenizer:
    """The tokenizer of all these runs. Raises UsageError where they differ: there is then nothing to average."""
    first, *others = runs
    for other in others:
        if other.tokenizer.to_json() != first.tokenizer.to_json():
            raise UsageError(
                f"{first.name} and {other.name} have different tokenizers, so their probabilities cannot be averaged: "
                "name runs that were trained with the same tokenization on the same text"
            )
    return first.tokenizer


def held_out(data: Dataset, context_length: int) -> tuple[Iterable[Block], list[int] | None]:
    """Validation and test in a row, and the training tokens before them that give their first token a past: documents
    have none."""
    if isinstance(data, Documents):
        return (Block(*document, fresh=True) for split in data.held_out for document in data.whole(split)), None
    assert isinstance(data, RunningText)
    first, last = data.range(data.held_out[0])[0], data.range(data.held_out[-1])[1]
    before = data.take(np.arange(max(0, first - 2 * context_length), first)).tolist()
    return [Block(data.take(np.arange(first, last)).cpu().numpy(), data.weigh(first, last)[0])], before


def read_whole(source: Source, tokenizer: Tokenizer, config: DataConfig) -> Iterator[Block]:
    """All of a text, which may be larger than memory, block by block; or, where the model was trained on documents, its
    documents, cut as those were, each a block."""
    if not tokenizer.documents:
        for text in blocks(source.pieces()):
            yield Block(tokenizer.encode(text), len(text.encode("utf-8", "replace")))
        return
    for document in read_documents([source], config):
        tokens = np.append(tokenizer.encode(document), tokenizer.started([]))
        yield Block(tokens, len(document.encode("utf-8", "replace")) + 1, fresh=True)
