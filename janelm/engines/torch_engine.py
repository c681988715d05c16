"""A model of this package, stepped by PyTorch."""

from __future__ import annotations

import warnings
from contextlib import redirect_stderr
from io import StringIO

import numpy as np
import torch

from ..architectures import LanguageModel
from ..errors import JaneLMError
from ..hardware import can_compile, compiled
from .base import Engine, State
from .twins import PackedLinear, packing_pays, plain_linear, twin_of


class TorchEngine(Engine):
    """A model of this package, on its device. The model is put into evaluation mode.

    Where oneDNN is there, the products are oneDNN's: the model that is passed in stays as it is, and its matrices are
    kept a second time, in the order in which oneDNN reads them.
    """

    def __init__(self, model: LanguageModel) -> None:
        self.model = model.eval()
        self._chunks = self._steps = twin_of(model, PackedLinear) if packing_pays(model) else model
        self.config = model.config
        self.vocab_size = model.vocab_size

    @torch.inference_mode()
    def initial_state(self, batch_size: int, memory: int | None = None) -> State:
        memory = self._memory(memory)
        return memory + 1, self.model.initial_state(batch_size, memory)

    def _longest_chunk(self, state: State) -> int | None:
        return state[0]

    @torch.inference_mode()
    def _step(self, tokens: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        chunk, inner = state
        twin = self._steps if tokens.shape[1] == 1 else self._chunks
        x, inner = twin.features(torch.from_numpy(np.ascontiguousarray(tokens)).to(self.model.device), inner)
        return self._chunks.head(x[:, -1]).float().cpu().numpy(), (chunk, inner)


class CompiledTorchEngine(TorchEngine):
    """The same with the step of a single token compiled: twice as fast, after up to half a minute for each number of
    texts and each memory, before their first token.

    Raises JaneLMError where torch.compile finds no C++ compiler.
    """

    def __init__(self, model: LanguageModel) -> None:
        if not can_compile(model.device):
            raise JaneLMError("the engine torch-compiled needs a C++ compiler (g++): install one, or take engine torch")
        super().__init__(model)
        self._steps = twin_of(model, plain_linear)
        name = model.step_part
        # That the modules are as they were is not asked at each step, which would take a fifth of its time.
        same = torch.compiler.skip_guard_on_all_nn_modules_unsafe
        setattr(self._steps, name, compiled(getattr(self._steps, name), many_shapes=False, guard_filter_fn=same))
        self._compiled = set()

    def initial_state(self, batch_size: int, memory: int | None = None) -> State:
        state = super().initial_state(batch_size, memory)
        if (batch_size, state[0]) not in self._compiled:
            self._compile(np.zeros((batch_size, 1), np.int64), super().initial_state(batch_size, memory))
            self._compiled.add((batch_size, state[0]))
        return state

    def _compile(self, tokens: np.ndarray, state: State) -> None:
        """Take a first step, as torch.compile works when a function is called."""
        import torch._inductor.config

        # Weights are constants, and products with a row or a few are made by the compiler where that is faster than
        # MKL: it most often is, and is told apart by trying both.
        settings = torch._inductor.config.patch(freezing=True, max_autotune=True, max_autotune_gemm_backends="CPP,ATEN")
        with settings, redirect_stderr(StringIO()), warnings.catch_warnings(action="ignore"):
            self._step(tokens, state)
