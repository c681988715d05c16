"""How well models expect a text: bits per byte and perplexity of any file, read piece by piece.

Besides one model that reads with carried state there are two kinds of scores, each to be labelled as what it is:

- dynamic evaluation (Krause et al. 2018): after each chunk has been judged, the model takes a step of learning on it;
- an ensemble: several models of one tokenizer read side by side, and their probabilities are averaged.

No token is ever judged by anything that has seen it. For one model the twin of this is web/engine/reading.js:
tests/browser/test_exactness.py compares their bits per byte.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..architectures import LanguageModel
from ..config import DataConfig
from ..errors import UsageError
from ..runs.loaded import LoadedRun
from ..text.corpora import read_source
from ..text.data import Dataset, Documents, RunningText
from ..text.documents import read_documents
from ..text.sources import blocks
from ..text.tokenizers import Tokenizer
from .evaluation import Losses

# Learning rates of dynamic evaluation, found on a tenth of Austen's held-out text: see docs/experiments.md.
DYNAMIC_RATES = {"transformer": 1e-4, "lstm": 3e-4}


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
    """A model that reads one text with carried state."""

    def __init__(self, model: LanguageModel) -> None:
        self.model = model
        self.restart()

    def restart(self) -> None:
        """Forget what was read."""
        self.state = self.model.initial_state(1)

    @torch.inference_mode()
    def read(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """The log-probabilities (T, V) float32 of what follows each of the next inputs (T,); targets (T,) do follow."""
        logits, self.state = self.model(inputs[None], self.state)
        return logits[0].float().log_softmax(-1)


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

    def restart(self) -> None:
        super().restart()
        self._before = torch.empty(0, dtype=torch.int64, device=self.model.device)

    def read(self, inputs: Tensor, targets: Tensor) -> Tensor:
        if self.model.config.bounded_memory:
            self._before = torch.cat((self._before, inputs))[-self.model.config.context_length :]
            logits, _ = self.model(self._before[None])
        else:
            logits, state = self.model(inputs[None], self.state)
            self.state = self.model.hand_on(state, self._go_on)
        scores = logits[0, -len(inputs) :].float().log_softmax(-1)
        F.nll_loss(scores, targets).backward()
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
    chunk = max(1, min(reader.model.config.context_length for reader in readers) // 4)
    device = readers[0].model.device
    first = before or tokenizer.started([])
    for begin in range(0, len(first) - 1, chunk):
        part = torch.tensor(first[begin : begin + chunk + 1], device=device)
        for reader in readers:
            reader.read(part[:-1], part[1:])
    previous = torch.tensor(first[-1:], device=device)
    for block in text:
        losses.bytes += block.bytes
        if block.fresh:
            previous = torch.tensor(tokenizer.started([]), device=device)
            for reader in readers:
                reader.restart()
        for targets in torch.from_numpy(block.tokens).to(device).split(chunk):
            inputs = torch.cat((previous, targets[:-1]))
            previous = targets[-1:]
            scores = torch.stack([reader.read(inputs, targets) for reader in readers])  # (readers, T, V)
            scores = scores.logsumexp(0) - math.log(len(readers))
            nats = -scores.gather(1, targets[:, None])[:, 0]
            losses.nats += nats.sum().item()
            losses.tokens += len(targets)
            losses.correct += int((scores.argmax(-1) == targets).sum())
            losses.unknown += targets.tolist().count(tokenizer.unknown_token)
            yield from map(ScoredToken, targets.tolist(), nats.tolist())


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


def read_whole_documents(path: Path, tokenizer: Tokenizer, config: DataConfig) -> Iterator[Block]:
    """The documents of a file, read and cut as those were that the model was trained on, each a block."""
    for document in read_documents([read_source(path, config)], config):
        tokens = np.append(tokenizer.encode(document), tokenizer.started([]))
        yield Block(tokens, len(document.encode("utf-8", "replace")) + 1, fresh=True)


def read_blocks(path: Path, tokenizer: Tokenizer, config: DataConfig | None = None) -> Iterator[Block]:
    """The text of a file block by block, read and cleaned as training does: the file may be larger than memory.

    Raises JaneLMError for a file that cannot be read.
    """
    for text in blocks(read_source(path, config).pieces()):
        yield Block(tokenizer.encode(text), len(text.encode("utf-8", "replace")))
