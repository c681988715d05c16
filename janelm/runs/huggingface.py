"""Models as `transformers` keeps them: a folder with config.json, weights and tokenizer files, or a name at the hub.

    config.json                               shape
    model.safetensors, or pytorch_model.bin   weights; the latter is read as tensors and nothing else
    tokenizer.json, or vocab.json with merges.txt

GPT-2 is read, whoever made it, and what `janelm export --format huggingface` wrote.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..config import DataConfig, TrainingConfig
from ..config.plain import misfit
from ..errors import JaneLMError, UsageError
from ..text.interchange import byte_pairs, from_tokenizers
from ..text.tokenizers import Tokenizer
from . import gpt2, nanochat
from .folder import load_tensors
from .loaded import LoadedRun, RunConfig

if TYPE_CHECKING:
    import torch

DIALECTS: Mapping[str, ModuleType] = {"transformer": nanochat, "gpt2": gpt2}  # by the kind of our config
BY_TYPE = {dialect.MODEL_TYPE: dialect for dialect in DIALECTS.values()}
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
TOKENS = (("tokenizer.json",), ("vocab.json", "merges.txt"))
VOCABULARY = 50_257  # of GPT-2, where a config.json names none
WAIT = 10  # seconds for the hub to answer


def load_gpt2(name: str | Path, device: torch.device | str = "cpu") -> LoadedRun:
    """The model in the folder `name`, or of that name at the hub, with the tokenizer that belongs to it.

    Its tokens are in our order, byte pairs as they merge and then special ones, and the rows of its tables with them.
    Raises JaneLMError where files are missing or damaged, would run code, or do not fit each other, where the model
    computes otherwise than ours, or where there is neither the folder nor a network.
    """
    folder = Path(name) if (Path(name) / "config.json").exists() else _fetched(str(name))
    try:
        config, rows, dialect = _config(folder)
        weights = dialect.from_weights(config, rows, _weights(folder))
        tokenizer, order = _tokenizer(folder, rows)
    except JaneLMError as error:
        raise JaneLMError(f"{name} cannot be read: {error}") from error
    if order != list(range(rows)):
        for table in {"embedding.weight", "head.weight"} & weights.keys():
            weights[table] = weights[table][order]
    data = DataConfig(documents="whole") if tokenizer.documents else DataConfig()
    settings = RunConfig(config, data, TrainingConfig(steps=1))
    return LoadedRun(Path(name).name, settings, tokenizer, weights, device)


def _config(folder: Path) -> tuple[Any, int, ModuleType]:
    """The shape as a config of ours, how many tokens there are, and how to read the rest."""
    values = _read(folder / "config.json")
    if (kind := values.get("model_type")) not in BY_TYPE:
        raise JaneLMError(f"it is a model of the type {kind!r}, and only {' and '.join(BY_TYPE)} can be read")
    dialect = BY_TYPE[kind]
    if found := misfit(values, dialect.Stored):
        raise JaneLMError(f"its config.json {found}")
    try:
        return dialect.from_config(values), values.get("vocab_size", VOCABULARY), dialect
    except UsageError as error:
        raise JaneLMError(f"its config.json makes no sense ({error})") from error


def _weights(folder: Path) -> dict[str, np.ndarray]:
    """All tensors by name, as float32."""
    for name, load in zip(WEIGHTS, (_safetensors, _tensors), strict=True):
        if (folder / name).exists():
            return load_tensors(folder / name, load, "fetch it anew")
    raise JaneLMError(f"there is neither {' nor '.join(WEIGHTS)} in it")


def _safetensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors.torch import load_file

    return _arrays(load_file(path))


def _tensors(path: Path) -> dict[str, np.ndarray]:
    import torch

    found = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(found, dict) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise ValueError("it is no dictionary of tensors")
    return _arrays(found)


def _arrays(tensors: Mapping[str, torch.Tensor]) -> dict[str, np.ndarray]:
    return {str(name): tensor.detach().float().numpy() for name, tensor in tensors.items()}


def _tokenizer(folder: Path, rows: int) -> tuple[Tokenizer, list[int]]:
    """A tokenizer of ours, and the model's row of each of its tokens."""
    if (folder / "tokenizer.json").exists():
        return from_tokenizers(_read(folder / "tokenizer.json"), rows)
    if not (folder / "vocab.json").exists() or not (folder / "merges.txt").exists():
        raise JaneLMError("there is no tokenizer in it: tokenizer.json, or vocab.json and merges.txt")
    vocabulary = _read(folder / "vocab.json")
    if found := misfit(vocabulary, dict[str, int]):
        raise JaneLMError(f"its vocab.json {found}")
    try:
        lines = (folder / "merges.txt").read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError) as error:
        raise JaneLMError(f"its merges.txt is damaged ({error}): fetch it anew") from error
    return byte_pairs(vocabulary, [line.split(" ") for line in lines if line and not line.startswith("#version")], rows)


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise JaneLMError(f"its {path.name} is damaged ({error}): fetch it anew") from error
    if not isinstance(values, dict):
        raise JaneLMError(f"its {path.name} is damaged (it is a {type(values).__name__}): fetch it anew")
    return values


def _fetched(name: str) -> Path:
    """The folder in which the hub's own library keeps the model of this name."""
    import huggingface_hub as hub
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    def fetch(file: str) -> Path:
        try:
            return Path(hub.hf_hub_download(name, file, local_files_only=True))
        except LocalEntryNotFoundError:
            hub.get_hf_file_metadata(hub.hf_hub_url(name, file), timeout=WAIT)  # the download itself tries for a minute
            return Path(hub.hf_hub_download(name, file))

    def either(first: tuple[str, ...], second: tuple[str, ...]) -> None:
        try:
            list(map(fetch, first))
        except EntryNotFoundError:
            list(map(fetch, second))

    try:
        folder = fetch("config.json").parent
        either(WEIGHTS[:1], WEIGHTS[1:])
        either(*TOKENS)
    except Exception as error:  # whatever the network stack of the day raises
        raise JaneLMError(
            f"there is no folder {name} with a config.json, and the hub did not give out a model of this name "
            f"({type(error).__name__}): connect to the network, or name a folder with its config.json, "
            "model.safetensors and tokenizer files"
        ) from error
    return folder
