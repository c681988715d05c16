"""What every architecture is: a function (tokens, state) -> (logits, state)."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

State = Any  # each architecture's own; whoever calls a model only passes it on


class LanguageModel(nn.Module):
    """The one interface of all architectures.

    Training passes no state, unless the setting `carry_state` says so: every row is then a text of its own, and no
    state comes back. Carried evaluation and generation start from `initial_state(B)`, under `torch.no_grad`, and pass
    on what they get, in chunks of any size up to `context_length`. The state that is passed in is used up: keep a
    `copy.deepcopy` to come back to it.
    """

    compile_pays: ClassVar[bool] = False
    """Whether torch.compile makes training steps faster."""
    step_part: ClassVar[str] = "features"
    """The method to compile where steps of one token are to be faster: it gets tensors of the same shapes each time."""

    def __init__(self, config: Any, vocab_size: int, pad_token: int | None = None) -> None:
        super().__init__()
        self.config = config
        self.vocab_size = vocab_size
        self.pad_token = pad_token

    head: nn.Linear
    """What makes logits of the last features."""

    def forward(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State | None]:
        """tokens (B, T) int64 -> logits (B, T, V), and the state after them if one was passed in."""
        x, state = self.features(tokens, state)
        return self.head(x), state

    def features(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State | None]:
        """tokens (B, T) int64 -> what the head reads (B, T, D), and the state after them if one was passed in."""
        raise NotImplementedError

    def initial_state(self, batch_size: int, memory: int | None = None) -> State:
        """The state before the first token of `batch_size` texts.

        `memory` is how many past tokens attention may look back on, where an architecture has any: by default, and at
        most, one less than the context length. Chunks may then be no longer than `memory` + 1.
        """
        raise NotImplementedError

    def hand_on(self, state: State, fresh: Tensor) -> State:
        """The state of one training window as the start of the next: cut off from the gradient, and the initial state
        in those rows where `fresh` (B,) is true. Only for architectures whose memory is not bounded."""
        raise NotImplementedError

    def parts(self) -> list[nn.Module]:
        """The modules that work one after the other and have most of the weights."""
        return []

    def hidden_matrices(self) -> list[nn.Parameter]:
        """The weights that Muon may take: matrices between hidden layers, not the embedding nor the head. By default
        there are none, and AdamW takes all."""
        return []

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def parameter_count(self) -> int:
        """Trained numbers; tied weights count once."""
        return sum(parameter.numel() for parameter in self.parameters())


def initialise(model: nn.Module, embedding_deviation: float, residual_outputs: tuple[str, ...] = ()) -> None:
    """Draw all start weights, here and nowhere else.

    | weight                                   | start                                                  |
    |------------------------------------------|--------------------------------------------------------|
    | embedding (V, D), also the tied head     | normal, standard deviation `embedding_deviation`: 0.02 |
    |                                          | where a norm follows; 0.1 for the LSTM, which has none |
    |                                          | and learns nothing for 250 steps from 0.02             |
    | linear (out, in)                         | uniform, standard deviation 1 / sqrt(in)               |
    | linear that writes to the residual stream| zero: each block starts as the identity                |
    | LSTM matrices (4D, D)                    | uniform in +-1 / sqrt(D), as in torch                  |
    | LSTM biases (4D)                         | zero, but one for the forget gate: it starts by        |
    |                                          | remembering (Jozefowicz et al. 2015, section 2.2)      |

    `residual_outputs` are the name endings of the linears that write to the residual stream.
    """
    for name, module in model.named_modules():
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=embedding_deviation)
        elif isinstance(module, nn.Linear):
            bound = 3**0.5 / module.in_features**0.5
            nn.init.uniform_(module.weight, -bound, bound)
            if residual_outputs and name.endswith(residual_outputs):
                nn.init.zeros_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.LSTM):
            width = module.hidden_size
            for weight_name, weight in module.named_parameters():
                if weight_name.startswith("weight"):
                    nn.init.uniform_(weight, -(width**-0.5), width**-0.5)
                else:
                    nn.init.zeros_(weight)
                    if weight_name.startswith("bias_ih"):  # torch orders the gates i, f, g, o
                        weight.data[width : 2 * width] = 1.0
