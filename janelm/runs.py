"""What a training run leaves on disk, and how it is read back safely.

A run is a folder that is complete in itself:

    config.json        shape, data, training settings, split, versions
    tokenizer.json     the whole tokenizer
    best.safetensors   the weights with the lowest validation loss
    resume.pt          the last weights and their average, the optimizers' state and where training stands
    metrics.csv        a row for each evaluation
    results.json       the final figures
    samples.txt        what the model wrote at each evaluation, from the same start
    loss.png, sample.txt, README.md

Every file is written as a whole or not at all, so a kill at any instant leaves a run that loads. Nothing read here can
run code: weights are safetensors or torch's tensors and nothing else, settings are JSON, and the pickled config that
`--config_file` names may hold plain data only.

Reading a run does not import torch: that takes a second and 180 MB, and writing text can do without.
"""

from __future__ import annotations

import csv
import io
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import load_file, save_file

from .checkpoints import read_checkpoint
from .config import MODEL_CONFIGS, DataConfig, ModelConfig, TrainingConfig, from_dict, to_dict
from .errors import JaneLMError
from .files import MODELS, write_atomically
from .tokenizers import Tokenizer, tokenizer_from_json

if TYPE_CHECKING:
    import torch

    from .architectures import LanguageModel

FORMAT = 1
SAMPLES = Path(__file__).parent / "samples"  # runs that come with the package, by architecture
SAMPLE_FILES = (
    "config.json",
    "tokenizer.json",
    "metrics.csv",
    "results.json",
    "samples.txt",
    "loss.png",
    "sample.txt",
    "README.md",
)


@dataclass(frozen=True)
class RunConfig:
    """All settings of a run."""

    model: ModelConfig
    data: DataConfig
    training: TrainingConfig

    def to_json(self) -> dict:
        return {"format": FORMAT} | {name: to_dict(getattr(self, name)) for name in ("model", "data", "training")}

    @staticmethod
    def from_json(values: dict) -> RunConfig:
        if values.get("format", FORMAT) > FORMAT:
            raise JaneLMError("the run was made by a later version of JaneLM: upgrade this one to read it")
        return RunConfig(
            from_dict(MODEL_CONFIGS, values["model"]),
            from_dict(DataConfig, values["data"]),
            from_dict(TrainingConfig, values["training"]),
        )


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
        run = cls(name, config, tokenizer, _arrays(model), model.device)
        run.model, run._weights = model, None
        return run

    @property
    def weights(self) -> dict[str, np.ndarray]:
        """Each trained array once, by name, float32: tied weights have one name."""
        if "model" in vars(self):
            return _arrays(self.model)
        if self._weights is None:
            raise RuntimeError(f"the weights of {self.name} have been released: load the run again")
        return self._weights

    def release_weights(self) -> None:
        """Let go of the arrays, for who has made an engine of them and wants no more than config and tokenizer."""
        self._weights = None

    @cached_property
    def model(self) -> LanguageModel:
        """The model in torch, on the device, in evaluation mode. Raises UsageError where the device does not exist."""
        from .architectures import build_model
        from .hardware import choose_device

        device = choose_device(str(self.device))
        model = build_model(self.config.model, self.tokenizer.vocab_size, self.tokenizer.pad_token)
        load_weights(model, self.weights)
        self._weights = None
        return model.to(device).eval()


class Run:
    """A run's folder."""

    def __init__(self, folder: Path, silent: bool = False) -> None:
        """A `silent` one writes nothing: that of a process which helps the first one to measure."""
        self.folder, self._silent = Path(folder), silent

    @property
    def name(self) -> str:
        return self.folder.name

    def write_settings(self, config: RunConfig, tokenizer: Tokenizer, facts: dict[str, Any]) -> None:
        """Write config.json (with `facts` about the text and the machine beside it) and tokenizer.json."""
        self._write_json("tokenizer.json", tokenizer.to_json())
        self._write_json("config.json", config.to_json() | {"facts": facts})

    def _write(self, name: str, content: Any) -> None:
        if not self._silent:
            write_atomically(self.folder / name, content)

    def _write_json(self, name: str, values: Any) -> None:
        self._write(name, json.dumps(values, indent=1, ensure_ascii=False) + "\n")

    def write_best(self, model: LanguageModel) -> None:
        weights = _arrays(model)
        self._write("best.safetensors", lambda path: save_file(weights, path))

    def write_resume_state(self, state: dict[str, Any]) -> None:
        import torch

        self._write("resume.pt", lambda path: torch.save(state, path))

    def write_metrics(self, rows: list[dict[str, float]]) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        self._write("metrics.csv", text.getvalue())

    def write_samples(self, rows: list[dict[str, float]], samples: list[str]) -> None:
        """What the model wrote from the same start, with the same seed, at each evaluation."""
        parts = [
            f"--- step {row['step']:,}, validation {row['validation_bits_per_byte']:.3f} bits per byte ---\n{sample}\n"
            for row, sample in zip(rows, samples, strict=True)
        ]
        self._write("samples.txt", "\n".join(parts))

    def write_results(self, results: dict[str, Any]) -> None:
        self._write_json("results.json", results)

    def read_json(self, name: str) -> dict:
        """config.json, tokenizer.json or results.json. Raises JaneLMError where it is missing or damaged."""
        path = self.folder / name
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise JaneLMError(
                f"there is no {name} in {self.folder}, so it is not a finished run: {_choices()}"
            ) from None
        except (OSError, ValueError) as error:
            raise JaneLMError(f"{path} is damaged ({error}): train the model again") from error

    def config(self) -> RunConfig:
        values = self.read_json("config.json")
        try:
            return RunConfig.from_json(values)
        except (KeyError, TypeError) as error:
            raise JaneLMError(f"{self.folder / 'config.json'} is not a run's config ({error!r})") from error

    def tokenizer(self) -> Tokenizer:
        return tokenizer_from_json(self.read_json("tokenizer.json"))

    def metrics(self) -> list[dict[str, float]]:
        """The rows of metrics.csv. Raises JaneLMError where there are none."""
        path = self.folder / "metrics.csv"
        try:
            with open(path, newline="", encoding="utf-8") as file:
                rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
        except (OSError, ValueError, TypeError) as error:
            raise JaneLMError(f"{path} cannot be read ({error}): name the folder of a run. {_choices()}") from error
        if not rows:
            raise JaneLMError(f"{path} has no rows yet: let the run reach its first evaluation")
        return rows

    def resume_state(self) -> dict[str, Any]:
        """What `write_resume_state` wrote. Raises JaneLMError where it is missing or damaged."""
        import torch

        def load(path: Path) -> Any:
            return torch.load(path, map_location="cpu", weights_only=True)

        remedy = "the run cannot be resumed: start it again without --resume"
        return _load_tensors(self.folder / "resume.pt", load, remedy)

    def load(self, which: str = "best", device: torch.device | str = "cpu") -> LoadedRun:
        """The run's model with its best or its last weights.

        Raises JaneLMError where a file is missing, damaged, or does not fit the others.
        """
        config, tokenizer = self.config(), self.tokenizer()
        if which == "last":
            state = self.resume_state()
            tensors = state.get("average") or state["weights"]
            weights = _widened({name: tensor.numpy() for name, tensor in tensors.items()})
        else:
            weights = self.best_weights()
        return LoadedRun(self.name, config, tokenizer, weights, device)

    def best_weights(self) -> dict[str, np.ndarray]:
        """The arrays that `write_best` wrote, as float32. Raises JaneLMError where they are missing or damaged."""
        path = self.folder / "best.safetensors"
        try:
            return _widened(load_file(path))
        except FileNotFoundError:
            raise JaneLMError(f"{self.folder} has no weights yet: train it first. {_choices()}") from None
        except Exception as error:
            raise JaneLMError(f"{path} is damaged ({error}): train the model again or fetch it anew") from error

    def write_pair(self, model_file: Path, config_file: Path) -> None:
        """The best model again, as the two files that `inference.py --model_file --config_file` takes."""
        import torch

        run = self.load()
        settings = {"config": run.config.to_json(), "tokenizer": run.tokenizer.to_json()}
        write_atomically(model_file, lambda path: torch.save(weights_of(run.model), path))
        write_atomically(config_file, pickle.dumps(settings, protocol=4))


def same_text(facts: dict[str, Any], others: dict[str, Any]) -> bool:
    """Whether two runs, by the facts in their config.json, had the same text with splits of the same sizes."""
    return all(facts[name] == others[name] for name in ("text_sha256", "split"))


def weights_of(model: LanguageModel) -> dict[str, torch.Tensor]:
    """Each trained tensor once, whole, by name: tied weights have one name."""
    from .sharding import whole

    return {name: whole(parameter.detach()).contiguous() for name, parameter in model.named_parameters()}


def load_weights(model: LanguageModel, weights: dict[str, np.ndarray] | dict[str, torch.Tensor]) -> None:
    """Copy `weights` into the model. Raises JaneLMError unless names and shapes are exactly the model's."""
    import torch

    from .sharding import share_of

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
        raise JaneLMError(
            f"the weights do not fit the config and tokenizer ({wrong[0]}{more}): they are of another model, so give "
            "the model file and the config file of the same run"
        )


def _arrays(model: LanguageModel) -> dict[str, np.ndarray]:
    """The model's weights as float32; on the CPU they are its own memory."""
    return {name: tensor.float().cpu().numpy() for name, tensor in weights_of(model).items()}


def _widened(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: array.astype(np.float32, copy=False) for name, array in weights.items()}


def load_pair(model_file: Path, config_file: Path, device: torch.device | str = "cpu") -> LoadedRun:
    """The model in a `.pth` and `.pkl` pair that `Run.write_pair` wrote.

    Raises JaneLMError where a file is missing, damaged, would run code, or does not fit the other.
    """
    settings = _load_plain_pickle(config_file)
    try:
        config = RunConfig.from_json(settings["config"])
        tokenizer = tokenizer_from_json(settings["tokenizer"])
    except (KeyError, TypeError, AttributeError) as error:
        raise JaneLMError(
            f"{config_file} is not a JaneLM config ({error!r}): give the one its training wrote"
        ) from error
    remedy = "train it first, or give the .pth file that training wrote"
    weights = _widened(_load_tensors(model_file, read_checkpoint, remedy))
    return LoadedRun(model_file.stem, config, tokenizer, weights, device)


def load_run(name: str | Path, which: str = "best", device: torch.device | str = "cpu") -> LoadedRun:
    """A run by its folder, or by its name under `models`."""
    return find_run(name).load(which, device)


def find_run(name: str | Path) -> Run:
    """The run in the folder `name`, in `models/name`, or the sample of that name. Raises JaneLMError where there is
    none."""
    for folder in (Path(name), MODELS / name, SAMPLES / name):
        if (folder / "config.json").exists():
            return Run(folder)
    raise JaneLMError(f"there is no run at {name} nor at {MODELS / name}: {_choices()}")


def sample_run(architecture: str = "transformer") -> Run | None:
    """The trained model of this architecture that comes with the package, if it does."""
    folder = SAMPLES / architecture
    return Run(folder) if (folder / "best.safetensors").exists() else None


def write_sample(run: Run, folder: Path) -> Run:
    """Copy a finished run without what only resuming needs, its weights in half precision: half the size on disk.

    Loading widens them to float32 again.
    """
    for name in SAMPLE_FILES:
        if (run.folder / name).exists():
            write_atomically(folder / name, (run.folder / name).read_bytes())
    weights = {name: weight.astype(np.float16) for name, weight in run.load().weights.items()}
    write_atomically(folder / "best.safetensors", lambda path: save_file(weights, path))
    return Run(folder)


def _choices() -> str:
    names = sorted(path.parent.name for path in MODELS.glob("*/config.json"))
    return f"runs here are {', '.join(names)}" if names else "train one with python traineval.py"


def _load_tensors(path: Path, load: Callable[[Path], Any], remedy: str) -> Any:
    try:
        return load(path)
    except FileNotFoundError:
        raise JaneLMError(f"there is no {path}: {remedy}") from None
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise JaneLMError(f"{path} is damaged or holds more than tensors ({reason[:100]}): {remedy}") from error


class _PlainUnpickler(pickle.Unpickler):
    """Reads numbers, text, lists and dictionaries, and refuses to construct anything else."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it would run {module}.{name}")


def _load_plain_pickle(path: Path) -> Any:
    try:
        with open(path, "rb") as file:
            return _PlainUnpickler(file).load()
    except FileNotFoundError:
        raise JaneLMError(
            f"there is no {path}: train a model first, or give the .pkl file that training wrote"
        ) from None
    except Exception as error:
        raise JaneLMError(f"{path} is not a safe config file ({error}): give the one that training wrote") from error
