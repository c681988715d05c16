"""Writing text: one token after the other, each in one step of the model, without end."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from .config import SamplingConfig, check
from .errors import UsageError
from .runs import LoadedRun
from .sampling import Sampler
from .tokenizers import StreamDecoder


def generate(
    run: LoadedRun, prompt: str = "", num_tokens: int = 500, sampling: SamplingConfig | None = None
) -> Iterator[str]:
    """Write up to `num_tokens` tokens after `prompt`, and yield the text piece by piece as it is written.

    A piece is whole characters, never part of one. The prompt itself is not yielded. A model of documents starts a
    new document with the prompt and stops where it ends it. Raises UsageError on settings that make no sense.
    """
    sampling = sampling or SamplingConfig()
    check(sampling, also=[f"num_tokens is {num_tokens}, but must be at least 1"] if num_tokens < 1 else [])
    decoder = StreamDecoder(run.tokenizer)
    for token in generate_tokens(run, prompt, num_tokens, sampling):
        piece = decoder.feed(token)
        if piece:
            yield piece
    rest = decoder.finish()
    if rest:
        yield rest


def generate_tokens(run: LoadedRun, prompt: str, num_tokens: int, sampling: SamplingConfig) -> Iterator[int]:
    """The tokens behind `generate`."""
    tokenizer = run.tokenizer
    context = prompt_tokens(run, prompt)
    sampler = Sampler(sampling, tokenizer.never_written)
    sampler.note(context)
    state = run.model.initial_state(1)
    logits = None
    size = run.model.config.context_length
    for start in range(0, len(context), size):  # a prompt of any length, in chunks
        logits, state = _step(run, context[start : start + size], state)
    for _ in range(num_tokens):
        token = sampler.draw(logits)
        if token == tokenizer.end_token:
            return
        yield token
        logits, state = _step(run, [token], state)


@torch.inference_mode()
def _step(run: LoadedRun, tokens: list[int], state: object) -> tuple[object, object]:
    logits, state = run.model(torch.tensor([tokens], device=run.model.device), state)
    return logits[0, -1].float().cpu().numpy(), state


def prompt_tokens(run: LoadedRun, prompt: str) -> list[int]:
    """The tokens that generation starts from: a document begins with the end token, other text with a line break.

    Raises UsageError where the vocabulary knows nothing of the prompt.
    """
    tokenizer = run.tokenizer
    unknown = tokenizer.unknown_characters(prompt)
    if unknown and all(character in unknown for character in prompt):
        raise UsageError(
            f"the model knows none of the characters of the prompt {prompt!r}: it was trained on other ones, so start "
            "with a word of its own text"
        )
    tokens = tokenizer.encode(prompt).tolist()
    if tokenizer.end_token is not None:
        return [tokenizer.end_token, *tokens]
    return tokens or tokenizer.encode("\n").tolist()
