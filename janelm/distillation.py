"""Trained models as teachers of a new one (Hinton et al. 2015, "Distilling the knowledge in a neural network").

The text says which token came; the teachers also say which others could have. On a text that is read many times that is
what keeps a model from learning it by heart, and one small model comes near to what several score together.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .config import TrainingConfig
from .errors import UsageError
from .runs import Run, find_run
from .tokenizers import Tokenizer


class Teachers(nn.Module):
    """Finished runs that read the same tokens."""

    def __init__(self, runs: list[Run], device: torch.device) -> None:
        super().__init__()
        self.models = nn.ModuleList(run.load(device=device).model for run in runs)
        self.requires_grad_(False)

    @torch.no_grad()
    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (B, T) int64 -> the mean of the teachers' probabilities of the next token (B, T, V) float32."""
        return torch.stack([model(tokens)[0].float().softmax(-1) for model in self.models]).mean(0)


def find_teachers(
    pupil: Run, config: TrainingConfig, tokenizer: Tokenizer, facts: dict, device: torch.device
) -> Teachers | None:
    """The teachers that `config` names, if any; `tokenizer` and `facts` (what config.json says of its text) are the
    new model's, `pupil` its run.

    Raises UsageError unless each teacher has the same tokens, and was trained on the same text with the same split:
    one that has seen what is held out here would tell of it. Raises JaneLMError where there is no such run.
    """
    runs = [find_run(name) for name in config.teachers]
    for run in runs:
        theirs = run.read_json("config.json")["facts"]
        if run.folder.resolve() == pupil.folder.resolve():
            raise UsageError(f"{run.folder} cannot teach itself: give the new model a --model_file of its own")
        if any(theirs[name] != facts[name] for name in ("text_sha256", "split")):
            raise UsageError(f"the teacher {run.name} was trained on another text or split than this model is to be")
        if run.tokenizer().to_json() != tokenizer.to_json():
            raise UsageError(f"the teacher {run.name} has other tokens: train with its --tokenization and vocabulary")
    return Teachers(runs, device) if runs else None
