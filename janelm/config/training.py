"""How to train."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .base import positive


@dataclass(frozen=True)
class TrainingConfig:
    """How to train. Exactly one of minutes, steps and epochs is the budget."""

    minutes: float | None = None
    """Wall-clock of the whole command, final evaluation included."""
    steps: int | None = None
    """Optimizer steps."""
    epochs: float | None = None
    """Passes over the training text."""
    batch_tokens: int = 4096
    """Tokens in one optimizer step."""
    optimizer: Literal["auto", "muon", "adamw"] = "auto"
    """Muon for the hidden matrices and AdamW for all else, or AdamW for everything; auto takes Muon."""
    learning_rate: float = 0.01
    """Peak for AdamW: the embedding and all that is not a hidden matrix."""
    matrix_learning_rate: float = 0.02
    """Peak for the hidden matrices under Muon; AdamW takes a tenth of it for them."""
    weight_decay: float = 0.1
    """Share of a weight that is taken away each step, times the learning rate; matrices only."""
    warmup_steps: int = 20
    """Steps over which the learning rate climbs to its peak."""
    decay: float = 0.7
    """Last share of the budget, over which the learning rate falls in a line to zero."""
    gradient_clip: float = 1.0
    """Largest norm of the gradient of all weights together; 0 clips nothing."""
    ema: float = 0.0
    """Decay of a moving average of the weights, which is then what is measured and kept; 0 keeps no average."""
    carry_state: bool = False
    """Windows follow one another in the text and hand on the state, which now and then starts afresh; for an LSTM on
    running text."""
    bpe_dropout: float = 0.0
    """Probability with which a byte pair comes undone in a training batch, so that words are met in many spellings; for
    byte pairs that are read many times."""
    ancestor: str | None = None
    """A finished run to go on from. Its weights, tokens and shape are taken, and the text is a new one."""
    extend_vocab: int = 0
    """With an ancestor of byte pairs, how many more of them are learnt from the new text."""
    keep: float = 0.0
    """With an ancestor, the share of the batches that are of its text, so that it is not forgotten."""
    adapter: int = 0
    """With an ancestor, learn only what a product of two matrices of this rank adds to each of its hidden matrices;
    with 4 that is under 300 KB for the model that comes with the package."""
    teachers: tuple[str, ...] = ()
    """Finished runs on the same text and tokens, whose mean probabilities the model learns along with the text."""
    taught: float = 0.5
    """The share of the loss that is the teachers', where there are any."""
    evaluations: int = 20
    """How many times, evenly over the budget, losses are measured and the run is saved."""
    evaluation_tokens: int = 16_384
    """Tokens of each split that such an evaluation reads, always the same ones."""
    patience: int = 5
    """Evaluations without a better validation loss after which training stops."""
    seed: int = 1
    """Start weights, order of the batches, dropout."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Number format of the matrix products; auto takes bf16 where the processor computes in it."""
    compile: Literal["auto", "on", "off"] = "auto"
    """torch.compile: half a minute or more at the start for faster steps; auto weighs the two."""
    shard: bool = False
    """Under torchrun, each process keeps but its share of weights and optimizer state (FSDP2): for large models."""
    overfit_one_batch: bool = False
    """Train on the first batch alone, a check that the machinery can learn at all."""

    def problems(self) -> list[str]:
        """What is wrong with these values, a sentence for each."""
        found = []
        budgets = {name: getattr(self, name) for name in ("minutes", "steps", "epochs")}
        given = [name for name, value in budgets.items() if value is not None]
        if len(given) != 1:
            found.append(f"the budget must be one of minutes, steps and epochs, not {' and '.join(given) or 'none'}")
        found += [
            f"{name} is {budgets[name]}, but must be a number above 0" for name in given if not positive(budgets[name])
        ]
        for name, least in (
            ("batch_tokens", 1),
            ("warmup_steps", 0),
            ("evaluations", 1),
            ("evaluation_tokens", 1),
            ("patience", 1),
            ("gradient_clip", 0),
            ("weight_decay", 0),
            ("seed", 0),
            ("extend_vocab", 0),
            ("adapter", 0),
        ):
            if not getattr(self, name) >= least:
                found.append(f"{name} is {getattr(self, name)}, but must be at least {least}")
        for name in ("learning_rate", "matrix_learning_rate"):
            if not positive(getattr(self, name)):
                found.append(f"{name} is {getattr(self, name)}, but must be a number above 0")
        if not 0 <= self.decay <= 1:
            found.append(f"decay is {self.decay}, but must be from 0 to 1")
        if not 0 <= self.ema < 1:
            found.append(f"ema is {self.ema}, but must be from 0 (off) to under 1")
        if not 0 <= self.bpe_dropout < 1:
            found.append(f"bpe_dropout is {self.bpe_dropout}, but must be from 0 (off) to under 1")
        if not 0 <= self.taught <= 1:
            found.append(f"taught is {self.taught}, but must be from 0 to 1")
        if not 0 <= self.keep < 1:
            found.append(f"keep is {self.keep}, but must be from 0 to under 1")
        if self.ancestor is None:
            idle = [name for name in ("extend_vocab", "keep", "adapter") if getattr(self, name)]
            found += [f"{name} needs a run to go on from: --from" for name in idle]
        if self.adapter:
            given = [name for name in ("extend_vocab", "ema", "shard") if getattr(self, name)]
            found += [f"{name} changes more than an adapter can hold: leave one of them out" for name in given]
        if self.keep and self.carry_state:
            found.append("keep puts batches of another text in between, so that carry_state cannot read on")
        if self.bpe_dropout and self.carry_state:
            found.append("bpe_dropout makes windows end early, so that carry_state cannot go on from them")
        return found
