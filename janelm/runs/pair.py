"""A finished model as the two files that `--model_file` and `--config_file` name: weights (.pth) and settings (.pkl).

The weights are torch's file format, the settings a pickle of plain data; reading them can construct nothing else.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config.own import SOURCES
from ..errors import JaneLMError
from ..machine.files import write_atomically
from ..text.tokenizers import tokenizer_from_json
from .checkpoints import read_checkpoint
from .folder import Run, load_tensors
from .loaded import LoadedRun, RunConfig, weights_of, widened

if TYPE_CHECKING:
    import torch


def write_pair(run: Run, model_file: Path, config_file: Path) -> None:
    """The best model of a run, again, as a pair."""
    import torch

    loaded = run.load()
    settings: dict[str, Any] = {"config": loaded.config.to_json(), "tokenizer": loaded.tokenizer.to_json()}
    if loaded.config.model.kind in SOURCES:
        settings["code"] = SOURCES[loaded.config.model.kind].decode()
    write_atomically(model_file, lambda path: torch.save(weights_of(loaded.model), path))
    write_atomically(config_file, pickle.dumps(settings, protocol=4))


def load_pair(model_file: Path, config_file: Path, device: torch.device | str = "cpu") -> LoadedRun:
    """The model in a `.pth` and `.pkl` pair that `write_pair` wrote.

    Raises JaneLMError where a file is missing, damaged, would run code, or does not fit the other.
    """
    settings = _load_plain_pickle(config_file)
    try:
        source = settings["code"].encode() if "code" in settings else None
        config = RunConfig.from_json(settings["config"], config_file, source)
        tokenizer = tokenizer_from_json(settings["tokenizer"])
    except (KeyError, TypeError, AttributeError) as error:
        raise JaneLMError(
            f"{config_file} is not a JaneLM config ({error!r}): give the one its training wrote"
        ) from error
    remedy = "train it first, or give the .pth file that training wrote"
    weights = widened(load_tensors(model_file, read_checkpoint, remedy))
    return LoadedRun(model_file.stem, config, tokenizer, weights, device)


class _PlainUnpickler(pickle.Unpickler):
    """Reads numbers, text, lists and dictionaries, and refuses to construct anything else."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it would run {module}.{name}")


def _load_plain_pickle(path: Path) -> Any:
    try:
        content = path.read_bytes()
        for opcode, argument, _ in pickletools.genops(content):
            places = int(argument or 0) if "PUT" in opcode.name else 0
            if places > len(content):  # a list of so many would fill memory
                raise pickle.UnpicklingError(f"it would remember {places:,} values")
        return _PlainUnpickler(io.BytesIO(content)).load()
    except FileNotFoundError:
        raise JaneLMError(
            f"there is no {path}: train a model first, or give the .pkl file that training wrote"
        ) from None
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise JaneLMError(f"{path} is not a safe config file ({reason}): give the one that training wrote") from error
