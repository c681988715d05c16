"""The text of a run, found again where it was and cut up as its training did."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ..config import DataConfig, TrainingConfig, from_dict
from ..errors import JaneLMError, UsageError
from ..text.corpora import load_sources
from ..text.data import Dataset, load_dataset
from ..text.encoded import text_digest
from ..text.sources import Source
from ..text.tokenizers import Tokenizer
from .figures import EarlierText, Facts
from .folder import Run
from .loaded import RunConfig


def training_tokens(run: Run, data: tuple[str, ...] = ()) -> np.ndarray:
    """The tokens (T,) int64 that a run was trained on. Raises JaneLMError where its text has changed since."""
    return run_data(run, data=data).training_tokens()


def earlier_tokens(run: Run, text: EarlierText) -> np.ndarray:
    """The same of a text that an ancestor of the run was trained on, in the run's tokens."""
    config = run.config()
    place = (config.model.context_length, config.training, torch.device("cpu"))
    return earlier_text(text, run.tokenizer(), *place).training_tokens()


def earlier_text(
    text: EarlierText, tokenizer: Tokenizer, context_length: int, training: TrainingConfig, device: torch.device
) -> Dataset:
    """A text that an ancestor was trained on, split as it was then, in these tokens.

    Raises JaneLMError where it is not there any more, has changed, or is of documents while these tokens are of running
    text.
    """
    data, names = from_dict(DataConfig, {"rules": 1} | text["data"]), ", ".join(text["sources"])
    if data.documents and tokenizer.end_token is None:
        raise JaneLMError(f"{names} was read as documents, for whose ends this running text has no token")
    sources = load_sources(data.data, data)
    if text_digest(sources) != text["text_sha256"]:
        raise JaneLMError(f"{names} is not the text any more that the ancestor was trained on")
    return load_dataset(sources, data, tokenizer, context_length, training, device, final=True)


def run_data(run: Run, *others: Run, data: tuple[str, ...] = ()) -> Dataset:
    """The text of a run, split and encoded as its training did; `data` says where it lies now, if it has moved.

    Raises JaneLMError where the text has changed since, and UsageError where other runs had another text or split.
    """
    config = run.config()
    facts = run.facts()
    for other in others:
        if not same_text(facts, other.facts()):
            raise UsageError(f"{run.name} and {other.name} were trained on different texts or splits: name a file")
    return dataset_of(run, config, sources_of(config, data), torch.device("cpu"))


def sources_of(config: RunConfig, data: tuple[str, ...] = ()) -> list[Source]:
    """The text that a run was trained on, from where it lay or from `data`. Raises JaneLMError if it is not there."""
    try:
        return load_sources(data or config.data.data, config.data)
    except UsageError:
        raise
    except JaneLMError as error:
        raise JaneLMError(f"{error} (if the text has moved, say where it is now with --data)") from error


def dataset_of(run: Run, config: RunConfig, sources: list[Source], device: torch.device) -> Dataset:
    """The data of a run as it was, from the same text."""
    if text_digest(sources) != run.facts()["text_sha256"]:
        raise JaneLMError(f"the text is not the one that {run.folder} was trained on: restore it, or start a new run")
    context_length = config.model.context_length
    return load_dataset(sources, config.data, run.tokenizer(), context_length, config.training, device, final=True)


class Texts:
    """What runs were trained on: each text is read once, and cut up once for each run, however often it is asked."""

    def __init__(self) -> None:
        self._sources: dict[DataConfig, list[Source]] = {}
        self._data: dict[Path, Dataset] = {}

    def sources(self, run: Run) -> list[Source]:
        """Raises JaneLMError where they are not there any more."""
        config = run.config().data
        if config not in self._sources:
            self._sources[config] = load_sources(config.data, config)
        return self._sources[config]

    def data(self, run: Run) -> Dataset:
        """The same cut up and encoded as the run's training did. Raises JaneLMError where the text has changed."""
        if run.folder not in self._data:
            self._data[run.folder] = dataset_of(run, run.config(), self.sources(run), torch.device("cpu"))
        return self._data[run.folder]


def same_text(facts: Facts, others: Facts) -> bool:
    """Whether two runs, by the facts in their config.json, had the same text with splits of the same sizes."""
    return facts["text_sha256"] == others["text_sha256"] and facts["split"] == others["split"]
