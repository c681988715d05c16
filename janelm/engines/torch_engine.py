"""A model of this package, stepped by PyTorch."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from typing import Any

import numpy as np
import torch
from torch import nn

from ..architectures import LanguageModel
from ..errors import JaneLMError
from ..machine.hardware import can_compile, compiled
from ..machine.trust import ATTEMPTS, TIMES_NOISE
from .base import Engine, State
from .twins import PackedLinear, packing_pays, plain_linear, twin_of

TRIAL = 4  # tokens that compiled steps are tried with


class TorchEngine(Engine):
    """A model of this package, on its device. The model is put into evaluation mode.

    Where oneDNN is there, the products are oneDNN's: the model that is passed in stays as it is, and its matrices are
    kept a second time, in the order in which oneDNN reads them.
    """

    def __init__(self, model: LanguageModel) -> None:
        self.model = model.eval()
        twin: Any = twin_of(model, PackedLinear) if packing_pays(model) else model
        self._chunks = self._steps = twin
        self.config = model.config
        self.vocab_size = model.vocab_size

    @torch.inference_mode()
    def initial_state(self, batch_size: int, memory: int | None = None) -> State:
        memory = self._memory(memory)
        return memory + 1, self.model.initial_state(batch_size, memory)

    def _longest_chunk(self, state: State) -> int | None:
        return state[0]

    def _reach(self, state: State) -> int | None:
        return getattr(state[1], "reach", None)

    def _pass_over(self, count: int, state: State) -> None:
        state[1].pass_over(count)

    @torch.inference_mode()
    def _step(self, tokens: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        chunk, inner = state
        twin = self._steps if tokens.shape[1] == 1 else self._chunks
        x, inner = twin.features(torch.from_numpy(np.ascontiguousarray(tokens)).to(self.model.device), inner)
        return self._chunks.head(x[:, -1]).float().cpu().numpy(), (chunk, inner)


class CompiledTorchEngine(TorchEngine):
    """The same with the step of a single token compiled: twice as fast, after up to half a minute for each number of
    texts and each memory, before their first token.

    Compiled steps are held against plain ones before the first token (`trust.py`); where they are wrong, plain ones
    write, and `say` hears of it. Raises JaneLMError where torch.compile finds no C++ compiler.
    """

    def __init__(
        self, model: LanguageModel, say: Callable[[str], None] = lambda line: print(line, file=sys.stderr)
    ) -> None:
        if not can_compile(model.device):
            raise JaneLMError("the engine torch-compiled needs a C++ compiler (g++): install one, or take engine torch")
        super().__init__(model)
        self._say, self._plain = say, self._steps
        self._twins: dict[tuple[int, int], nn.Module] = {}

    def initial_state(self, batch_size: int, memory: int | None = None) -> State:
        state = super().initial_state(batch_size, memory)
        shape = batch_size, state[0]
        if shape not in self._twins:
            self._twins[shape] = self._compiled(*shape)
        self._steps = self._twins[shape]
        return state

    def _compiled(self, batch_size: int, slots: int) -> nn.Module:
        """A twin whose steps are compiled for so many texts and so long a memory, and right; or the plain one."""
        tokens = np.arange(TRIAL * batch_size).reshape(batch_size, TRIAL) % self.vocab_size
        self._steps = self._plain
        wanted, at_once = self._read(tokens, slots, 1), self._read(tokens, slots, min(slots, TRIAL))
        size, noise = np.linalg.norm(wanted), np.linalg.norm(at_once[-1] - wanted[-1]) / np.linalg.norm(wanted[-1])
        allowed = TIMES_NOISE * max(noise, 8 * np.finfo(np.float32).eps)
        for name, options in ATTEMPTS:
            self._steps = twin_of(self.model, plain_linear)
            part = self.model.step_part
            # That the modules are as they were is not asked at each step, which would take a fifth of its time.
            options = options | {"guard_filter_fn": torch.compiler.skip_guard_on_all_nn_modules_unsafe}
            setattr(self._steps, part, compiled(getattr(self._steps, part), many_shapes=False, **options))
            try:
                with _compiling():
                    said = self._read(tokens, slots, 1)
            except Exception as error:  # the compiler's own have no common class
                self._say(f"torch-compiled: {name} it failed with {type(error).__name__}")
                continue
            apart = np.linalg.norm(said - wanted) / size
            if apart <= allowed:
                return self._steps
            self._say(f"torch-compiled: {name} its logits are {apart:.2g} off, where rounding allows {allowed:.2g}")
        self._say("torch-compiled: torch writes without compiling")
        return self._plain

    def _read(self, tokens: np.ndarray, slots: int, chunk: int) -> np.ndarray:
        """The logits after each chunk of these tokens (B, T) in so many slots, from the start: (chunks, B, V)."""
        state, said = super().initial_state(len(tokens), max(1, slots - 1)), []
        for start in range(0, tokens.shape[1], chunk):
            logits, state = self._step(tokens[:, start : start + chunk], state)
            said.append(logits)
        return np.stack(said)


@contextmanager
def _compiling() -> Iterator[None]:
    """What torch.compile is to do here. It works when a function is first called."""
    import torch._inductor.config

    # Weights are constants, and products with a row or a few are made by the compiler where that is faster than MKL: it
    # most often is, and is told apart by trying both.
    settings = torch._inductor.config.patch(freezing=True, max_autotune=True, max_autotune_gemm_backends="CPP,ATEN")
    with settings, redirect_stderr(StringIO()), warnings.catch_warnings(action="ignore"):
        yield
