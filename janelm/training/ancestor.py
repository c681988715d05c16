"""A finished model that a training goes on from, on a new text: its weights, its tokens, and what it was trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..architectures import LanguageModel
from ..config import ModelConfig, to_dict
from ..errors import JaneLMError, UsageError, named
from ..machine.hardware import autocast
from ..measuring.evaluation import Losses, cold_losses
from ..runs.dataset import earlier_text
from ..runs.figures import Ancestor as AncestorFacts
from ..runs.figures import EarlierText, OnBothTexts
from ..runs.folder import Run, digest_of, find_run
from ..runs.huggingface import load_gpt2
from ..runs.loaded import LoadedRun, RunConfig, check_weights, load_weights
from ..text.data import Dataset, load_dataset
from ..text.extending import Extension, describe_extension, origins
from ..text.mixing import Mixed
from ..text.sources import Source
from ..text.tokenizers import Tokenizer
from .presets import for_vocabulary

HUB_NAMES = {"gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl", "distilgpt2"}  # fetched, where there is no such run
BOTH_TOKENS = 1 << 16  # of each held-out split that is read to compare before and after


def ancestor_of(name: str, device: torch.device | str = "cpu") -> LoadedRun:
    """The finished model of this name: a run, or a GPT-2 by name or in a folder of Hugging Face's form.

    Raises JaneLMError where there is none.
    """
    if not _elsewhere(name):
        return find_run(name).load(device=device)
    return load_gpt2(name, device)


def _elsewhere(name: str) -> bool:
    """Whether it is a model of other people's making."""
    try:
        find_run(name).tokenizer()
    except JaneLMError:
        return name in HUB_NAMES or (Path(name) / "config.json").exists()
    return False


def texts_of(name: str) -> list[EarlierText]:
    """The texts that the model of this name was trained on, as far as it is a run: its own, then its ancestors'."""
    if _elsewhere(name):
        return []
    run = find_run(name)
    facts = run.facts()
    own: EarlierText = {
        "sources": facts["sources"],
        "text_sha256": facts["text_sha256"],
        "data": to_dict(run.config().data),
    }
    return [own, *(facts["ancestor"]["texts"] if "ancestor" in facts else [])]


@dataclass
class Ancestor:
    """The model that a new one starts as."""

    run: LoadedRun
    texts: list[EarlierText]
    more: int
    """How many byte pairs are to be learnt besides its own."""

    rank: int = 0
    """Of the adapter, if it is to be one."""

    @property
    def tokens(self) -> Extension | Tokenizer:
        """What the new model reads by; an adapter has no rows for new tokens."""
        return self.run.tokenizer if self.rank else Extension(self.run.tokenizer, self.more)

    def start(self, network: LanguageModel, tokenizer: Tokenizer) -> None:
        """Give the new model the ancestor's weights; rows of new tokens start from the mean of their origins."""
        load_weights(network, start_weights(self.run, network.config, tokenizer))

    def describe(self, tokenizer: Tokenizer) -> AncestorFacts:
        """What config.json keeps of it."""
        config = self.run.config.model
        sizes = map(np.prod, config.weight_shapes(self.run.tokenizer.vocab_size).values())
        found: AncestorFacts = {
            "name": self.run.name,
            "architecture": config.kind,
            "parameters": int(sum(sizes)),
            "added": describe_extension(self.run.tokenizer, tokenizer),
            "texts": self.texts,
        }
        if self.rank:
            found["weights_sha256"] = digest_of(self.run.weights)
        return found


def find_ancestor(pupil: Run, config: RunConfig, device: torch.device) -> Ancestor | None:
    """The model that the settings of a new one name as its ancestor, if they do; `pupil` is the new one's run.

    Raises UsageError where the new model has another shape, or is to lie where the ancestor does.
    """
    name = config.training.ancestor
    if name is None:
        return None
    run = ancestor_of(name, device)
    if not _elsewhere(name) and pupil.folder.resolve() == find_run(name).folder.resolve():
        raise UsageError(f"{pupil.folder} is the run to go on from: give the new model a --model_file of its own")
    size, theirs = run.tokenizer.vocab_size, run.config.model
    ours = for_vocabulary(config.model, size, theirs)
    if ours.kind != theirs.kind or ours.weight_shapes(size) != theirs.weight_shapes(size):
        raise UsageError(f"{name} is {named(theirs.kind)} of another shape: leave out the options of the model's shape")
    texts = texts_of(name)
    if config.training.keep and not texts:
        raise UsageError(f"keep mixes in the text of {name}, but it is not known: leave --keep out")
    if config.training.adapter and (_elsewhere(name) or bool(config.data.documents) != run.tokenizer.documents):
        raise UsageError(f"an adapter has the tokens of a run: {name} has none for documents, or for running text")
    return Ancestor(run, texts, config.training.extend_vocab, config.training.adapter)


def start_weights(ancestor: LoadedRun, config: ModelConfig, tokenizer: Tokenizer) -> dict[str, np.ndarray]:
    """The ancestor's weights for a model with the tokens of `tokenizer`, which extends its own.

    Whatever has a number or a row for each token, embedding, head or bias, is made of the rows of `origins`.
    """
    old, weights = ancestor.tokenizer.vocab_size, ancestor.weights
    check_weights(config.weight_shapes(old), weights)
    if tokenizer.to_json() == ancestor.tokenizer.to_json():
        return weights
    made_of = origins(ancestor.tokenizer, tokenizer)
    wider, found = config.weight_shapes(old + 1), {}
    for name, weight in weights.items():
        axes = [axis for axis, size in enumerate(weight.shape) if wider[name][axis] != size]
        for axis in axes:
            rows = [weight.take(of[0], axis) if len(of) == 1 else weight.take(of, axis).mean(axis) for of in made_of]
            weight = np.stack(rows, axis)
        found[name] = np.ascontiguousarray(weight)
    return found


class BothTexts:
    """The text that a model goes on with, and the one that its ancestor had, which may not be there any more."""

    def __init__(self, facts: AncestorFacts, config: RunConfig, dataset: Dataset) -> None:
        self.facts, self.new, self.problem = facts, dataset, ""
        self.earlier: list[Dataset] = []
        for text in facts["texts"]:
            try:
                self.earlier.append(
                    earlier_text(text, dataset.tokenizer, config.model.context_length, config.training, dataset.device)
                )
            except JaneLMError as error:
                self.problem = str(error)
                break
        if config.training.keep and not self.earlier:
            raise JaneLMError(f"keep mixes in the ancestor's text, but it cannot be read: {self.problem}")
        self.mixed = Mixed(dataset, self.earlier[0], config.training.keep) if config.training.keep else dataset

    def before(
        self, ancestor: Ancestor, network: LanguageModel, sources: list[Source], config: RunConfig, dtype: torch.dtype
    ) -> None:
        """Measure the ancestor on both, with its own tokens wherever it has those for the end of documents."""
        model, new, old = network, self.new, self.earlier[0] if self.earlier else None
        tokens, given = ancestor.run.tokenizer, (config.model.context_length, config.training, self.new.device)
        if tokens.to_json() != self.new.tokenizer.to_json() and tokens.documents == self.new.tokenizer.documents:
            model, new = ancestor.run.model, load_dataset(sources, config.data, tokens, *given, final=True)
            old = earlier_text(self.facts["texts"][0], tokens, *given) if old else None
        self.facts["before"] = _measured(model, new, old, dtype)

    def after(self, network: LanguageModel, dtype: torch.dtype) -> OnBothTexts:
        """The figures before, and of the finished model."""
        old = self.earlier[0] if self.earlier else None
        found: OnBothTexts = {
            "before": self.facts.get("before", {}),
            "after": _measured(network, self.new, old, dtype),
        }
        return found | {"not_measured": self.problem} if self.problem else found


def _measured(model: LanguageModel, new: Dataset, old: Dataset | None, dtype: torch.dtype) -> dict[str, float]:
    """Held-out bits per byte, cold windows, of at most BOTH_TOKENS tokens of each split."""
    found = {}
    with autocast(model.device, dtype):
        for name, data in (("new", new), ("old", old)):
            if data is not None:
                parts = [cold_losses(model, data.evaluation(split, BOTH_TOKENS)) for split in data.held_out]
                found[name] = sum(parts, Losses()).bits_per_byte
    return found


def say_both(measured: OnBothTexts, say: Callable[[str], None]) -> None:
    """Held-out bits per byte of both texts before and after, in a line each."""
    for name, title in (("new", "this text"), ("old", "the ancestor's text")):
        if name in measured["after"]:
            before, after = (measured[when].get(name, float("nan")) for when in ("before", "after"))
            say(f"{title}, held out: {before:.4f} bits per byte before, {after:.4f} after")
    if measured.get("not_measured"):
        say(f"the ancestor's text is not measured: {measured['not_measured']}")
