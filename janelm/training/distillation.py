"""Trained models as teachers of a new one (Hinton et al. 2015, "Distilling the knowledge in a neural network").

The text says which token came; the teachers also say which others could have. On a text that is read many times that is
what keeps a model from learning it by heart, and one small model comes near to what several score together.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from ..architectures import LanguageModel, State
from ..architectures.crossentropy import IGNORED, cross_entropy, taught_cross_entropy
from ..errors import UsageError
from ..runs.dataset import same_text
from ..runs.figures import Facts
from ..runs.folder import Run, find_run
from ..runs.loaded import RunConfig
from ..text.tokenizers import Tokenizer


class Teachers(nn.Module):
    """Finished runs that read the same tokens."""

    def __init__(self, runs: list[Run], device: torch.device) -> None:
        super().__init__()
        self.models = nn.ModuleList(run.load(device=device).model for run in runs)
        self.requires_grad_(False)

    @torch.no_grad()
    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (B, T) int64 -> the mean of the teachers' probabilities of the next token (B, T, V) float32."""
        first, *others = (model(tokens)[0].float().softmax(-1) / len(self.models) for model in self.models)
        for other in others:
            first = first + other
        return first


def training_loss(
    model: LanguageModel,
    inputs: Tensor,
    targets: Tensor,
    state: State | None = None,
    count: Tensor | None = None,
    teachers: Teachers | None = None,
    taught: float = 0.0,
) -> tuple[Tensor, State | None]:
    """Mean cross-entropy in nats per token of (B, T) inputs and targets, and the state after them.

    `count` is how many tokens the mean is over, where these rows are but a part of the batch; `taught` the share of the
    loss that is the teachers'.
    """
    x, state = model.features(inputs, state)
    count = (targets != IGNORED).sum() if count is None else count
    if teachers is None:
        loss = cross_entropy(model.head, x, targets)
    else:
        loss = taught_cross_entropy(model.head, x, targets, teachers(inputs), taught)
    return loss / count, state


def find_teachers(pupil: Run, config: RunConfig, tokenizer: Tokenizer, facts: Facts) -> list[Run]:
    """The finished runs that the settings of a new model name as its teachers; `pupil` is its run, `tokenizer` its
    tokens, and `facts` what its config.json says of the text.

    Raises UsageError unless each teacher has the same tokens, and was trained on the same text with the same split:
    one that has seen what is held out here would tell of it. Raises JaneLMError where there is no such run.
    """
    runs = [find_run(name) for name in config.training.teachers]
    for run in runs:
        if pupil.folder.resolve() in (run.folder / "config.json").resolve().parents:
            raise UsageError(f"{run.folder} lies where the new model is to be: give that a --model_file of its own")
        theirs = replace(run.config().data, data=config.data.data)  # which text it is, its digest says
        if theirs != config.data or not same_text(run.facts(), facts):
            raise UsageError(f"the teacher {run.name} was trained on another text or split than this model is to be")
        if run.tokenizer().to_json() != tokenizer.to_json():
            raise UsageError(f"the teacher {run.name} has other tokens: train with its --tokenization and vocabulary")
        run.results()  # or it says that the run is not finished
    return runs


def describe_teacher(run: Run) -> dict[str, Any]:
    """What the results of a run say of one that taught it."""
    results = run.results()
    return {
        "name": run.name,
        "architecture": run.config().model.kind,
        "steps": results["steps"],
        "seconds": results["seconds"],
        "heldout": results["losses"]["heldout"]["bits_per_byte"],
    }
