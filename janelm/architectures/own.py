"""Architectures of people's own: a class in a file that this package knows nothing of.

The file is Python and runs when it is loaded. So that of a run is never loaded silently: whoever types its path, or
`--trust-code`, says so. Its kind is the name of the class with the beginning of the file's SHA-256: two versions of a
file can stand side by side.
"""

from __future__ import annotations

import hashlib
import sys
import types
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch

from ..config import MODEL_CONFIGS, ModelConfig
from ..config.own import SOURCES, Code, trusted
from ..config.plain import misfit
from ..errors import JaneLMError, UsageError
from .base import LanguageModel
from .registry import build_model, register


@dataclass(frozen=True)
class OwnConfig:
    """What the settings of an architecture of one's own start from: a frozen dataclass, whose fields become options."""

    kind: ClassVar[str] = ""
    bounded_memory: ClassVar[bool] = False

    context_length: int = 256
    """Tokens in a training window; where memory is bounded, those that a prediction can look back on."""

    def weight_shapes(self, vocab_size: int) -> dict[str, tuple[int, ...]]:
        """The shapes of a model's weights by name."""
        config: Any = self
        with torch.device("meta"):
            return {name: tuple(one.shape) for name, one in build_model(config, vocab_size).named_parameters()}

    def problems(self) -> list[str]:
        """What is wrong with these settings, in a sentence each."""
        return [] if self.context_length > 1 else [f"context_length is {self.context_length}, but must be at least 2"]


def load_architecture(where: str) -> type[ModelConfig]:
    """Run the file of `my_file.py:MyModel`, make its class known, and return its config.

    The class is a `LanguageModel` with its config, an `OwnConfig`, as the attribute `Config`. Raises UsageError where
    there is no such thing.
    """
    path, _, name = where.rpartition(":")
    try:
        source = Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"the architecture {where} cannot be read ({error.strerror})") from error
    return _loaded(source, name, Path(path))


def make_known(code: Any, kind: str, path: Path, source: bytes | None = None) -> None:
    """Load the architecture that a run brings with it: `code` is what its config says of the file at `path`, which
    `source` may hold.

    Raises JaneLMError unless the file is trusted, and is the one that the run was trained with.
    """
    if found := misfit(code, Code):
        raise JaneLMError(f"the code of {path} {found}: train the model again, or fetch it anew")
    if not trusted():
        raise JaneLMError(
            f"{path} brings code of the model's maker, which would run here: read it (architecture.py in the run's "
            "folder), and if you trust it, add --trust-code"
        )
    try:
        source = path.read_bytes() if source is None else source
    except OSError as error:
        raise JaneLMError(f"{path} cannot be read ({error.strerror}), without which the model is none") from error
    if hashlib.sha256(source).hexdigest() != code["sha256"]:
        raise JaneLMError(f"{path} is not the file that the model was trained with: fetch the run anew")
    if _loaded(source, code["name"], path).kind != kind:
        raise JaneLMError(f"{path} has no architecture {kind}: fetch the run anew")


def _loaded(source: bytes, name: str, path: Path) -> type[ModelConfig]:
    digest = hashlib.sha256(source).hexdigest()
    kind = f"{name}-{digest[:8]}"
    if kind in MODEL_CONFIGS:
        return MODEL_CONFIGS[kind]
    model = getattr(_run(source, f"janelm_own_{digest[:16]}", path), name, None)
    if not (isinstance(model, type) and issubclass(model, LanguageModel)):
        raise UsageError(f"{path} has no class {name} that is a janelm.architectures.LanguageModel")
    config: Any = getattr(model, "Config", None)
    if not (isinstance(config, type) and issubclass(config, OwnConfig) and is_dataclass(config)):
        raise UsageError(f"{name} in {path} lacks its Config, a dataclass that is a janelm.architectures.OwnConfig")
    config.kind = kind
    register(config, model)  # type: ignore[arg-type]
    SOURCES[kind] = source
    return config  # type: ignore[return-value]


def _run(source: bytes, name: str, path: Path) -> types.ModuleType:
    """The module that a file is. Raises UsageError where it fails."""
    module = types.ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # where dataclasses look up what their hints name
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)
    except Exception as error:
        del sys.modules[name]
        reason = " ".join(str(error).split())[:200]
        raise UsageError(f"{path} does not run ({type(error).__name__}: {reason})") from error
    return module
