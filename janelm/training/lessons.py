"""A training that first trains its own teachers, in shares of its minutes, and that can be gone on with in any of them.

Beside the run, `NAME-lessons.json` says what the whole command was and how far it has got; it goes when the model's own
training has begun.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from ..config import DataConfig, ModelConfig, TokenizerConfig, TrainingConfig
from ..errors import JaneLMError
from ..machine.files import write_atomically
from .pipeline import Finished, resume, train
from .presets import model_preset, training_preset

TEACHERS_PRESET = "medium"
THEIRS = ("batch_tokens", "bpe_dropout", "seed", "device", "precision", "compile")  # settings that teachers share


@dataclass
class Plan:
    """What there is to do of a training with lessons, and how far it has got."""

    path: Path
    arguments: list[str]
    """Of the whole command."""
    taken: list[str] = field(default_factory=list)
    """The folders of the teachers that are finished."""
    begun: str = ""
    """The folder of the one whose lesson has begun."""

    @classmethod
    def of(cls, folder: Path, arguments: list[str]) -> Plan:
        """A new one, for the run that is to be in `folder`."""
        return cls(_path(folder), arguments)

    @classmethod
    def read(cls, folder: Path) -> Plan:
        """The one that is on disk. Raises JaneLMError where it is damaged."""
        path = _path(folder)
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            plan = cls(path, list(values["arguments"]), list(values["taken"]), values["begun"])
            if not all(isinstance(part, str) for part in [*plan.arguments, *plan.taken, plan.begun]):
                raise ValueError("it holds more than text")
            return plan
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise JaneLMError(f"{path} is damaged ({error}): remove it and start the training again") from error

    def begin(self, folder: Path) -> None:
        self.begun = str(folder)
        self._write()

    def take(self, folder: Path) -> None:
        self.taken, self.begun = [*self.taken, str(folder)], ""
        self._write()

    def _write(self) -> None:
        values = {"arguments": self.arguments, "taken": self.taken, "begun": self.begun}
        write_atomically(self.path, json.dumps(values, indent=1) + "\n")

    def close(self) -> None:
        """The model's own training has begun."""
        self.path.unlink(missing_ok=True)


def unfinished(folder: Path) -> bool:
    """Whether the training of the run that is to be in `folder` was left in one of its lessons."""
    return _path(folder).exists()


def _path(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}-lessons.json")


@dataclass(frozen=True)
class Pupil:
    """What is to be trained once its teachers are."""

    folder: Path
    model: ModelConfig
    training: TrainingConfig
    data: DataConfig
    tokenizer: TokenizerConfig


def teach(
    pupil: Pupil, shares: dict[str, float], plan: Plan, *, say: Callable[[str], None], started: float, command: str
) -> TrainingConfig | None:
    """Train a teacher of each architecture in its share of the pupil's minutes, as far as the plan says that it is not
    done; returns the pupil's training, in the rest of them. None if Ctrl-C ended a lesson."""
    all_minutes = pupil.training.minutes
    assert all_minutes is not None  # lessons are shares of them
    for kind, share in shares.items():
        folder = pupil.folder.with_name(f"{pupil.folder.name}-{kind}")
        if str(folder) in plan.taken:
            continue
        told: dict[str, Any] = {"say": say, "started": started, "command": command}
        if str(folder) == plan.begun and (folder / "resume.pt").exists():
            say(f"on with the {kind} that is to be one of its teachers: {folder}")
            finished = resume(folder, **told)
        else:
            minutes = share * all_minutes
            say(f"first the {kind} that is to be one of its teachers, {minutes:.1f} minutes: {folder}")
            finished = _lesson(pupil, kind, minutes, folder, begun=partial(plan.begin, folder), **told)
        if finished is None or finished.interrupted:
            return None
        plan.take(folder)
        started = time.perf_counter()
    rest = all_minutes * (1 - sum(shares.values()))
    say(f"now the model itself, {rest:.1f} minutes:")
    return replace(pupil.training, teachers=tuple(plan.taken), minutes=rest)


def _lesson(pupil: Pupil, kind: str, minutes: float, folder: Path, **more: Any) -> Finished | None:
    preset = replace(model_preset(kind, TEACHERS_PRESET), context_length=pupil.model.context_length)
    shared: dict[str, Any] = {name: getattr(pupil.training, name) for name in THEIRS}
    return train(
        pupil.model if kind == pupil.model.kind else preset,
        replace(training_preset(kind, TEACHERS_PRESET), minutes=minutes, **shared),
        folder,
        data=pupil.data,
        tokenizer=pupil.tokenizer,
        **more,
    )
