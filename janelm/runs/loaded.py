"""A model with its tokenizer and its settings, in memory: what is read from a run, and what writes text.

None of this imports torch, which takes a second and 180 MB, before a model in torch is asked for: writing needs none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired, TypedDict

import numpy as np

from ..config import MODEL_CONFIGS, DataConfig, ModelConfig, TrainingConfig, check, from_dict, to_dict
from ..config.own import code_of
from ..config.plain import misfit
from ..errors import JaneLMError
from ..text.tokenizers import Tokenizer

if TYPE_CHECKING:
    import torch

    from ..architectures import LanguageModel

FORMAT = 1  # of config.json and of the pair's config


class _Stored(TypedDict):
    model: dict
    data: dict
    training: dict
    format: NotRequired[int]


@dataclass(frozen=True)
class RunConfig:
    """All settings of a run."""

    model: ModelConfig
    data: DataConfig
    training: TrainingConfig

    def to_json(self) -> dict:
        parts = {name: to_dict(getattr(self, name)) for name in ("model", "data", "training")}
        code = code_of(self.model.kind)
        return {"format": FORMAT} | parts | ({"code": code} if code else {})

    @staticmethod
    def from_json(values: dict, code: Path, source: bytes | None = None) -> RunConfig:
        """`code` is where the file of an architecture of one's own is, which `source` may hold.

        Raises JaneLMError where the values are of a later version, are no settings that make sense, or such a file is
        not trusted.
        """
        if found := misfit(values, _Stored):
            raise JaneLMError(f"the config {found}: train the model again, or fetch it anew")
        if values.get("format", FORMAT) > FORMAT:
            raise JaneLMError("the run was made by a later version of JaneLM: upgrade this one to read it")
        kind = values["model"].get("kind")
        if "code" in values and isinstance(kind, str) and kind not in MODEL_CONFIGS:
            from ..architectures.own import make_known

            make_known(values["code"], kind, code, source)
        model: ModelConfig = from_dict(MODEL_CONFIGS, values["model"])
        data = from_dict(DataConfig, {"rules": 1} | values["data"])  # a run without the number is older than it
        training = from_dict(TrainingConfig, values["training"])
        check(model, data, training)
        return RunConfig(model, data, training)


class LoadedRun:
    """A model ready to write, with its tokenizer and all settings.

    Its weights are arrays until `model` is first asked for, and the model's own from then on: never there twice.
    """

    def __init__(
        self,
        name: str,
        config: RunConfig,
        tokenizer: Tokenizer,
        weights: dict[str, np.ndarray],
        device: torch.device | str = "cpu",
    ) -> None:
        """`device` is where `model` will be: one that torch knows, or "auto".

        Raises JaneLMError unless names and shapes of the weights are those of config and tokenizer.
        """
        check_weights(config.model.weight_shapes(tokenizer.vocab_size), weights)
        self.name, self.config, self.tokenizer, self.device = name, config, tokenizer, device
        self._weights: dict[str, np.ndarray] | None = weights

    @classmethod
    def of(cls, name: str, model: LanguageModel, tokenizer: Tokenizer, config: RunConfig) -> LoadedRun:
        """The same around a model that is there already; while it learns, these are its weights of the moment."""
        run = cls(name, config, tokenizer, arrays_of(model), model.device)
        run.model, run._weights = model, None
        return run

    @property
    def weights(self) -> dict[str, np.ndarray]:
        """Each trained array once, by name, float32: tied weights have one name."""
        if "model" in vars(self):
            return arrays_of(self.model)
        if self._weights is None:
            raise RuntimeError(f"the weights of {self.name} have been released: load the run again")
        return self._weights

    def release_weights(self) -> None:
        """Let go of the arrays, for who has made an engine of them and wants no more than config and tokenizer."""
        self._weights = None

    @cached_property
    def model(self) -> LanguageModel:
        """The model in torch, on the device, in evaluation mode. Raises UsageError where the device does not exist."""
        from ..architectures import build_model
        from ..machine.hardware import choose_device

        device = choose_device(str(self.device), self.config.model.kind)
        model = build_model(self.config.model, self.tokenizer.vocab_size, self.tokenizer.pad_token)
        load_weights(model, self.weights)
        self._weights = None
        return model.to(device).eval()


def weights_of(model: LanguageModel) -> dict[str, torch.Tensor]:
    """Each trained tensor once, whole, by name: tied weights have one name."""
    from ..architectures.sharding import whole

    return {name: whole(parameter.detach()).contiguous() for name, parameter in model.named_parameters()}


def load_weights(model: LanguageModel, weights: dict[str, np.ndarray] | dict[str, torch.Tensor]) -> None:
    """Copy `weights` into the model. Raises JaneLMError unless names and shapes are exactly the model's."""
    import torch

    from ..architectures.sharding import share_of

    own = dict(model.named_parameters())
    check_weights({name: tuple(parameter.shape) for name, parameter in own.items()}, weights)
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(share_of(torch.as_tensor(weights[name]), parameter))


def check_weights(shapes: dict[str, tuple[int, ...]], weights: dict[str, np.ndarray] | dict[str, torch.Tensor]) -> None:
    """Raise JaneLMError unless `weights` have exactly these names and shapes."""
    wrong = [
        f"{name} is {'missing' if name in shapes else 'not known'}" for name in sorted(shapes.keys() ^ weights.keys())
    ]
    wrong += [
        f"{name} is {tuple(weights[name].shape)} instead of {shape}"
        for name, shape in shapes.items()
        if name in weights and tuple(weights[name].shape) != shape
    ]
    if wrong:
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        first = " ".join(wrong[0].split())  # in a damaged file a name may have a line break
        raise JaneLMError(
            f"the weights do not fit the config and tokenizer ({first}{more}): they are of another model, so give "
            "the model file and the config file of the same run"
        )


def arrays_of(model: LanguageModel) -> dict[str, np.ndarray]:
    """The model's weights as float32; on the CPU they are its own memory."""
    return {name: tensor.float().cpu().numpy() for name, tensor in weights_of(model).items()}


def widened(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: array.astype(np.float32, copy=False) for name, array in weights.items()}
