"""Trainings in other people's dashboards: settings, figures, samples and the picture of the losses.

Each library is an extra. Whatever fails in one is told once, and the training goes on without it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import to_dict
from ..errors import UsageError
from ..measuring.plots import plot_losses
from .callbacks import Callback

if TYPE_CHECKING:
    from .loop import Trainer


class Board:
    """What each library must be told, in its own words; made when a training starts."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        """`folder` is the run's, `settings` are all of its config by name."""
        raise NotImplementedError

    def figures(self, step: int, values: dict[str, float]) -> None: ...

    def sample(self, step: int, text: str) -> None: ...

    def picture(self, step: int, path: Path) -> None: ...

    def close(self) -> None: ...


class TensorBoard(Board):
    """In the run's folder: `tensorboard --logdir models`."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder / "tensorboard"))
        self._writer.add_text("settings", "\n".join(f"    {name}: {value}" for name, value in settings.items()))

    def figures(self, step: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def sample(self, step: int, text: str) -> None:
        self._writer.add_text("sample", text.replace("\n", "  \n"), step)

    def picture(self, step: int, path: Path) -> None:
        from matplotlib.image import imread

        self._writer.add_image("losses", imread(path), step, dataformats="HWC")

    def close(self) -> None:
        self._writer.close()


class MLflow(Board):
    """Where MLflow's own settings say (MLFLOW_TRACKING_URI)."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self._mlflow: Any = importlib.import_module("mlflow")
        self._mlflow.set_experiment("janelm")
        self._mlflow.start_run(run_name=folder.name)
        self._mlflow.log_params({name: str(value)[:500] for name, value in settings.items()})

    def figures(self, step: int, values: dict[str, float]) -> None:
        self._mlflow.log_metrics(values, step=step)

    def sample(self, step: int, text: str) -> None:
        self._mlflow.log_text(text, f"samples/{step}.txt")

    def picture(self, step: int, path: Path) -> None:
        self._mlflow.log_artifact(str(path))

    def close(self) -> None:
        self._mlflow.end_run()


class WandB(Board):
    """Where wandb's own settings say (WANDB_MODE=offline keeps all of it here)."""

    library = "wandb"

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self._library: Any = importlib.import_module(self.library)
        self._run = self._library.init(project="janelm", name=folder.name, config=settings)

    def figures(self, step: int, values: dict[str, float]) -> None:
        self._library.log(values, step=step)

    def sample(self, step: int, text: str) -> None:
        self._library.log({"sample": self._library.Table(columns=["step", "text"], data=[[step, text]])}, step=step)

    def picture(self, step: int, path: Path) -> None:
        self._library.log({"losses": self._library.Image(str(path))}, step=step)

    def close(self) -> None:
        self._library.finish()


class Trackio(WandB):
    """wandb's interface, kept on this machine."""

    library = "trackio"

    def sample(self, step: int, text: str) -> None:
        self._library.log({"sample": text}, step=step)


BOARDS: dict[str, type[Board]] = {"tensorboard": TensorBoard, "mlflow": MLflow, "wandb": WandB, "trackio": Trackio}


class Tracker(Callback):
    """Tells a board what happens, and never ends a training."""

    def __init__(self, name: str, say: Callable[[str], None]) -> None:
        """Raises UsageError where there is no board of this name, or its library is not installed."""
        if name not in BOARDS:
            raise UsageError(f"there is no tracker {name!r}, but {', '.join(BOARDS)}")
        if importlib.util.find_spec(name) is None:
            raise UsageError(f'--track {name} needs {name}: install it with pip install "janelm[{name}]"')
        self.name, self._say, self._failed = name, say, False
        self._board: Board | None = None

    def start(self, trainer: Trainer) -> None:
        config = trainer.run.config()
        parts = [to_dict(getattr(config, name)) for name in ("data", "training", "model")]
        settings = {name: value for part in parts for name, value in part.items()}
        self._try(lambda: self._open(trainer.run.folder, settings))

    def _open(self, folder: Path, settings: dict[str, Any]) -> None:
        self._board = BOARDS[self.name](folder, settings)

    def evaluation(self, trainer: Trainer) -> None:
        row, sample = trainer.state.rows[-1], trainer.state.samples[-1]
        figures = {name: float(value) for name, value in row.items() if name != "step" and value == value}
        for told in (partial(self._told, "figures", figures), partial(self._told, "sample", sample)):
            self._try(partial(told, trainer.state.step))

    def end(self, trainer: Trainer, results: dict[str, Any]) -> None:
        step, picture = trainer.state.step, trainer.run.folder / "loss.png"
        figures = {f"final/{name}": part["bits_per_byte"] for name, part in results["losses"].items()}
        self._try(partial(self._told, "figures", figures, step))
        self._try(lambda: plot_losses([trainer.run], picture))
        self._try(partial(self._told, "picture", picture, step))
        if self._board is not None:
            self._try(self._board.close)

    def _told(self, what: str, value: Any, step: int) -> None:
        if self._board is not None:
            getattr(self._board, what)(step, value)

    def _try(self, act: Callable[[], object]) -> None:
        if self._failed:
            return
        try:
            act()
        except Exception as error:  # of any kind: it is other people's code, and perhaps a network
            self._failed = True
            reason = " ".join(str(error).split())[:160] or type(error).__name__
            self._say(f"{self.name} does not work here ({reason}): the training goes on without it")
