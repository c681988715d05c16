"""What a training run leaves on disk, and how it is read back safely.

A run is a folder that is complete in itself:

    config.json        shape, data, training settings, split, versions
    tokenizer.json     the whole tokenizer
    best.safetensors   the weights with the lowest validation loss; or, of an adapter, adapter.safetensors: what is
                       added to the ancestor's, which must be there
    resume.pt          the last weights and their average, the optimizers' state and where training stands
    metrics.csv        a row for each evaluation
    results.json       the final figures
    samples.txt        what the model wrote at each evaluation, from the same start
    loss.png, sample.txt, README.md
    architecture.py    only of an architecture of one's own: the file that it is written in

Every file is written as a whole or not at all, so a kill at any instant leaves a run that loads. Nothing read here can
run code but architecture.py, and that for who trusts it: weights are safetensors or torch's tensors and nothing else,
settings are JSON, and the pickled config that `--config_file` names may hold plain data only.

Reading a run does not import torch: that takes a second and 180 MB, and writing text can do without.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import load_file, save_file

from ..config.own import SOURCES
from ..errors import JaneLMError, UsageError
from ..machine.files import MODELS, write_atomically
from ..text.tokenizers import Tokenizer, tokenizer_from_json
from .adapters import Pairs, merged, read_pairs, write_pairs
from .figures import Facts, Results, Saved, checked
from .loaded import LoadedRun, RunConfig, arrays_of, widened

if TYPE_CHECKING:
    import torch

    from ..architectures import LanguageModel

SAMPLES = Path(__file__).parents[1] / "samples"  # runs that come with the package, by architecture
CODE, ADAPTER = "architecture.py", "adapter.safetensors"
SAMPLE_HEAD = re.compile(r"^--- step ([\d,]+), validation ([\d.]+|nan) bits per byte ---\n", re.MULTILINE)
SAMPLE_FILES = (
    "config.json",
    "tokenizer.json",
    "metrics.csv",
    "results.json",
    "samples.txt",
    "loss.png",
    "sample.txt",
    "README.md",
    CODE,
)


class Run:
    """A run's folder."""

    def __init__(self, folder: Path, silent: bool = False) -> None:
        """A `silent` one writes nothing: that of a process which helps the first one to measure."""
        self.folder, self._silent = Path(folder), silent

    @property
    def name(self) -> str:
        return self.folder.name

    def write_settings(self, config: RunConfig, tokenizer: Tokenizer, facts: Facts) -> None:
        """Write config.json (with `facts` about the text and the machine beside it) and tokenizer.json."""
        self._write_json("tokenizer.json", tokenizer.to_json())
        if config.model.kind in SOURCES:
            self._write(CODE, SOURCES[config.model.kind])
        self._write_json("config.json", config.to_json() | {"facts": facts})

    def _write(self, name: str, content: Any) -> None:
        if not self._silent:
            write_atomically(self.folder / name, content)

    def _write_json(self, name: str, values: Any) -> None:
        self._write(name, json.dumps(values, indent=1, ensure_ascii=False) + "\n")

    def write_best(self, model: LanguageModel) -> None:
        weights = arrays_of(model)
        self._write("best.safetensors", lambda path: save_file(weights, path))

    def write_adapter(self, parts: dict[str, np.ndarray]) -> None:
        """Write what is added to an ancestor's matrices: of each the two narrow ones, in half precision."""
        self._write(ADAPTER, lambda path: write_pairs(path, parts))

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

    def samples(self) -> list[dict[str, Any]]:
        """What `write_samples` wrote: "step", "validation" in bits per byte, and "text"; else nothing."""
        try:
            parts = SAMPLE_HEAD.split((self.folder / "samples.txt").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return []
        rows = zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
        return [
            {"step": int(step.replace(",", "")), "validation": float(bits), "text": text.removesuffix("\n")[:-1]}
            for step, bits, text in rows
        ]

    def write_results(self, results: dict[str, Any]) -> None:
        self._write_json("results.json", results)

    def read_json(self, name: str) -> dict:
        """config.json, tokenizer.json or results.json. Raises JaneLMError where it is missing or damaged."""
        path = self.folder / name
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(values, dict):
                raise ValueError(f"it holds a {type(values).__name__} where names and values should be")
            return values
        except FileNotFoundError:
            raise JaneLMError(
                f"there is no {name} in {self.folder}, so it is not a finished run: {_choices()}"
            ) from None
        except (OSError, ValueError, RecursionError) as error:
            raise JaneLMError(f"{path} is damaged ({error}): train the model again") from error

    def config(self) -> RunConfig:
        """All settings. Raises JaneLMError where they are missing, damaged, or make no sense."""
        values = self.read_json("config.json")
        if "model_type" in values:
            raise JaneLMError(
                f"{self.folder} is a folder for transformers, and not a run: go on from it with --from, or open it "
                "with janelm.load_gpt2"
            )
        try:
            return RunConfig.from_json(values, self.folder / CODE)
        except UsageError as error:  # of nobody's flags
            raise JaneLMError(f"{self.folder / 'config.json'} is damaged ({error}): train the model again") from error

    def facts(self) -> Facts:
        """What config.json says of the text and the machine. Raises JaneLMError where it is missing or damaged."""
        path = self.folder / "config.json"
        return checked(self.read_json("config.json").get("facts"), Facts, str(path))

    def results(self) -> Results:
        """The final figures. Raises JaneLMError where the run is not finished, or they are damaged."""
        return checked(self.read_json("results.json"), Results, str(self.folder / "results.json"))

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

    def learned(self) -> bool:
        """Whether any evaluation found better weights than the start's."""
        try:
            first, *later = (row["validation_loss"] for row in self.metrics())
        except (JaneLMError, KeyError):
            return False
        return any(loss < first for loss in later)

    def resume_state(self) -> dict[str, Any]:
        """What `write_resume_state` wrote. Raises JaneLMError where it is missing or damaged."""
        import torch

        def load(path: Path) -> Any:
            return torch.load(path, map_location="cpu", weights_only=True)

        remedy = "the run cannot be resumed: start it again without --resume"
        path = self.folder / "resume.pt"
        return checked(load_tensors(path, load, remedy), Saved, str(path))

    def load(self, which: str = "best", device: torch.device | str = "cpu") -> LoadedRun:
        """The run's model with its best or its last weights.

        Raises JaneLMError where a file is missing, damaged, or does not fit the others.
        """
        config, tokenizer = self.config(), self.tokenizer()
        if which == "last":
            state = self.resume_state()
            tensors = state.get("average") or state["weights"]
            weights = widened({name: tensor.detach().numpy() for name, tensor in tensors.items()})
        else:
            weights = self.best_weights()
        return LoadedRun(self.name, config, tokenizer, weights, device)

    def best_weights(self) -> dict[str, np.ndarray]:
        """The arrays that `write_best` wrote, as float32. Raises JaneLMError where they are missing or damaged."""
        if base := self.base():
            return self._merged(base.best_weights())
        path = self.folder / "best.safetensors"
        try:
            return widened(load_file(path))
        except FileNotFoundError:
            raise JaneLMError(f"{self.folder} has no weights yet: train it first. {_choices()}") from None
        except Exception as error:
            raise JaneLMError(f"{path} is damaged ({error}): train the model again or fetch it anew") from error

    def weight_files(self) -> list[Path]:
        """The files that `best_weights` reads: of an adapter, those of what it is for, too."""
        base = self.base()
        return [self.folder / "best.safetensors"] if base is None else [self.folder / ADAPTER, *base.weight_files()]

    def base(self) -> Run | None:
        """The run that this one is an adapter for; None where it has weights of its own. Raises JaneLMError where there
        is none any more, or this one goes back to itself."""
        chain: list[Run] = [self]
        while (chain[-1].folder / ADAPTER).exists():
            below = find_run(str(chain[-1].config().training.ancestor))
            if below.folder.resolve() in [run.folder.resolve() for run in chain]:
                raise JaneLMError(
                    f"{self.folder} is an adapter that goes back to {below.name} again and again: restore it"
                )
            chain.append(below)
        return chain[1] if len(chain) > 1 else None

    def adapter(self) -> Pairs:
        """What `write_adapter` wrote. Raises JaneLMError where it is damaged."""
        path = self.folder / ADAPTER
        try:
            return read_pairs(path)
        except Exception as error:
            raise JaneLMError(f"{path} is damaged ({error}): train the adapter again or fetch it anew") from error

    def _merged(self, base: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The ancestor's weights with what the adapter adds to them."""
        path, name = self.folder / ADAPTER, self.config().training.ancestor
        if digest_of(base) != self.facts().get("ancestor", {}).get("weights_sha256"):
            raise JaneLMError(f"{path} is an adapter for another model than {name} is now: restore that")
        try:
            return merged(base, self.adapter())
        except (KeyError, ValueError) as error:
            raise JaneLMError(f"{path} is damaged ({error}): train the adapter again or fetch it anew") from error


def digest_of(weights: dict[str, np.ndarray]) -> str:
    """SHA-256 of a model's weights by name."""
    found = hashlib.sha256()
    for name in sorted(weights):
        found.update(name.encode() + np.ascontiguousarray(weights[name]).tobytes())
    return found.hexdigest()


def load_run(name: str | Path, which: str = "best", device: torch.device | str = "cpu") -> LoadedRun:
    """The model of a run, by its folder, its name under `models`, or the name of a sample: "transformer", "lstm".

    `which` is "best" or "last", of its weights. Raises JaneLMError where there is no such run or a file of it is
    damaged.
    """
    return find_run(name).load(which, device)


def find_run(name: str | Path) -> Run:
    """The run in the folder `name`, in `models/name`, or the sample of that name; `.pth` may stand behind it.

    Raises JaneLMError where there is none.
    """
    path = Path(name)
    path = path.with_suffix("") if path.suffix == ".pth" else path
    for folder in (path, MODELS / path, SAMPLES / path):
        if (folder / "config.json").exists():
            return Run(folder)
    places = [path] if path.is_absolute() or path.parts[:1] == MODELS.parts else [path, MODELS / path]
    raise JaneLMError(f"there is no run at {' nor at '.join(map(str, places))}: {_choices()}")


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
    return f"the runs here are {', '.join(names)}" if names else "train one with python traineval.py"


def load_tensors(path: Path, load: Callable[[Path], Any], remedy: str) -> Any:
    try:
        return load(path)
    except FileNotFoundError:
        raise JaneLMError(f"there is no {path}: {remedy}") from None
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise JaneLMError(f"{path} is damaged or holds more than tensors ({reason[:100]}): {remedy}") from error
