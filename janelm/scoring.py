"""How well a model expects a text: bits per byte and perplexity of any file, read piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import torch
import torch.nn.functional as F

from .errors import JaneLMError
from .evaluation import Losses
from .generation import prompt_tokens
from .runs import LoadedRun

BLOCK = 1 << 16  # characters read at once: the file itself may be larger than memory


@dataclass(frozen=True)
class ScoredToken:
    """One token of the text, and what it cost the model to expect it."""

    token: int
    nats: float
    likeliest: bool


def read_blocks(path: Path) -> Iterator[str]:
    """The text of a UTF-8 file in blocks that end at a line break where there is one.

    Tokens are found within blocks, so a word is not cut. Raises JaneLMError for a file that is not UTF-8 text.
    """
    try:
        with open(path, encoding="utf-8-sig", newline=None) as file:
            yield from _blocks(file)
    except FileNotFoundError:
        raise JaneLMError(f"there is no text at {path}: name a text file") from None
    except UnicodeDecodeError as error:
        raise JaneLMError(f"{path} is not UTF-8 (near byte {error.start}): save it as UTF-8 to score it") from error
    except OSError as error:
        raise JaneLMError(f"cannot read {path} ({error.strerror}): check the name and the permissions") from error


def _blocks(file: IO[str]) -> Iterator[str]:
    rest = ""
    while block := file.read(BLOCK):
        rest += block
        end = rest.rfind("\n") + 1
        if end or len(rest) > 4 * BLOCK:
            end = end or len(rest)
            yield rest[:end]
            rest = rest[end:]
    if rest:
        yield rest


@torch.inference_mode()
def score(run: LoadedRun, blocks: Iterator[str], losses: Losses) -> Iterator[ScoredToken]:
    """Read the blocks of one text with carried state, and yield what each token cost; `losses` adds it all up.

    The first token is judged after what writing starts from: a line break, or the start of a document.
    """
    model, tokenizer = run.model, run.tokenizer
    chunk = max(1, model.config.context_length // 4)
    state = model.initial_state(1)
    previous = prompt_tokens(tokenizer, "")
    for block in blocks:
        tokens = tokenizer.encode(block)
        losses.bytes += len(block.encode("utf-8", "replace"))
        for begin in range(0, len(tokens), chunk):
            targets = torch.from_numpy(tokens[begin : begin + chunk])
            inputs = torch.tensor([previous + targets[:-1].tolist()], device=model.device)
            previous = targets[-1:].tolist()
            logits, state = model(inputs, state)
            logits = logits[0].float().cpu()  # (T, V)
            nats = F.cross_entropy(logits, targets, reduction="none")
            hits = logits.argmax(-1) == targets
            losses.nats += nats.sum().item()
            losses.tokens += len(targets)
            losses.correct += int(hits.sum())
            losses.unknown += targets.tolist().count(tokenizer.unknown_token)
            yield from map(ScoredToken, targets.tolist(), nats.tolist(), hits.tolist())
