"""What this machine is good at: each choice comes with its reason, and each can be forced."""

from __future__ import annotations

import math
import os
import platform
import re
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from types import FunctionType, MethodType
from typing import Any

import torch

from ..config import TrainingConfig
from ..errors import UsageError
from .compiler import compiler, compiles, keep_what_torch_compiles
from .cores import cores

# The budgets from which torch.compile pays: for batches of one shape, and for those of many, which take it a minute.
COMPILE_WORTH = {"one": {"minutes": 2, "steps": 500}, "many": {"minutes": 5, "steps": 1000}}

NOT_FOR = {("lstm", "mps"): "torch's LSTM leaks memory there"}  # pytorch issue 145374


def processor() -> str:
    """The processor's name where the system tells it, otherwise its kind."""
    try:
        found = re.search(r"^model name\s*: *(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def choose_device(
    name: str, kind: str = "", say: Callable[[str], None] = lambda line: print(line, file=sys.stderr)
) -> torch.device:
    """The device called `name`, or for "auto" the best one here for a model of this kind.

    One that is there but fails at its first product, as cards do that are older than this torch, is refused by name and
    passed over by "auto", of which `say` hears. Raises UsageError where the device does not exist or work.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        for name in [one for one, there in available.items() if there]:
            trouble = _trouble(name) or NOT_FOR.get((kind, name))
            if not trouble:
                break
            say(f"{name} is there but is passed over: {trouble}")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or not available.get(device.type, False):
        here = ", ".join(kind for kind, there in available.items() if there)
        raise UsageError(f"device is {name}, but this machine has {here}: name one of these with --device")
    if trouble := _trouble(str(device)):
        raise UsageError(f"device is {name}, but {trouble}: take --device cpu, or install a torch made for it")
    return device


@cache
def _trouble(device: str) -> str:
    """Why a device cannot multiply two matrices, or nothing."""
    if device.startswith("cpu"):
        return ""
    try:
        with warnings.catch_warnings(action="ignore"):
            ones = torch.ones(8, 8, device=device)
            total = (ones @ ones).sum().item()
    except (RuntimeError, AssertionError) as error:
        return f"its first product fails ({(str(error).strip() or type(error).__name__).splitlines()[0][:160]})"
    return "" if total == 8**3 else f"its first product is wrong ({total:g} instead of {8**3})"


def choose_threads() -> tuple[int, str]:
    """How many threads torch works with on the CPU, no more than this process has cores, and why."""
    free = cores()
    if torch.get_num_threads() > free:  # torch counts those of the whole machine
        torch.set_num_threads(free)
    sleep = "GOMP_SPINCOUNT" in os.environ or os.environ.get("OMP_WAIT_POLICY", "").lower() == "passive"
    return torch.get_num_threads(), f"of {free} cores{'; idle ones sleep, so that others can work' if sleep else ''}"


def choose_precision(config: TrainingConfig, device: torch.device) -> tuple[torch.dtype, str]:
    """The number format of matrix products, and why."""
    if config.precision != "auto":
        return {"fp32": torch.float32, "bf16": torch.bfloat16}[config.precision], "as asked"
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device.type == "cpu":
        native = any(
            getattr(torch.cpu, probe, bool)() for probe in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        )
    else:
        native = True
    if native:
        return torch.bfloat16, f"this {device.type} multiplies bf16 natively"
    return torch.float32, f"this {device.type} has no bf16 of its own, where it would be slower"


def autocast(device: torch.device, dtype: torch.dtype) -> AbstractContextManager:
    """Within it products are made in `dtype`: bf16, or that of the weights."""
    return torch.autocast(device.type, dtype) if dtype == torch.bfloat16 else nullcontext()


def choose_compile(config: TrainingConfig, device: torch.device, pays: bool, many_shapes: bool) -> tuple[bool, str]:
    """Whether to use torch.compile, and why."""
    if config.compile != "auto":
        return config.compile == "on", "as asked"
    if config.shard:
        return False, "it is not tried where each process has but a share of the model"
    if not pays:
        return False, "it does not speed up this architecture"
    for budget, worth in COMPILE_WORTH["many" if many_shapes else "one"].items():
        given = getattr(config, budget)
        if given is not None and given < worth:
            return False, f"under {worth:,} {budget} it costs more than it gains"
    if not can_compile(device):
        return False, "it needs a C++ compiler, and there is none"
    if device.type == "mps":
        return False, "it does not pay on mps"
    return True, f"{'a minute' if many_shapes else 'half a minute'} once, then steps are faster"


def can_compile(device: torch.device) -> bool:
    """Whether torch.compile finds what it needs for this device."""
    command = compiler()
    return device.type != "cpu" or (command is not None and compiles(command))


def compiled(function: Callable, many_shapes: bool, **options: Any) -> Callable:
    """`function` by torch.compile, for arguments of one shape or of many, with these options of the compiler."""
    # The processor says which vector instructions it has; torch would also compile programs to try each: ten seconds.
    os.environ.setdefault("TORCHINDUCTOR_VEC_ISA_OK", "1")
    keep_what_torch_compiles()
    if "cpp.march" not in torch._inductor.list_options():  # an older torch
        options.pop("cpp.march", None)
    return torch.compile(_own_copy(function), dynamic=many_shapes, options=options or None)


def _own_copy(function: Callable) -> Callable:
    """The same function with code of its own, beside which torch keeps what it compiles: that of another model would
    count against the eight times that it compiles one function, and stay in memory with it."""
    if isinstance(function, MethodType):
        return MethodType(_own_copy(function.__func__), function.__self__)
    if not isinstance(function, FunctionType):
        return function
    own = FunctionType(function.__code__.replace(), function.__globals__, function.__name__, function.__defaults__)
    own.__kwdefaults__ = function.__kwdefaults__
    return own


def settle_threads(work: Callable[[], object]) -> None:
    """Let torch work with one thread where several do this work slower.

    They do where other programs have the cores: at the end of each operation all wait for the one that has none.
    """
    several = torch.get_num_threads()
    seconds = {several: math.inf, 1: math.inf}
    for threads in (several, 1) * 2 if several > 1 else ():
        torch.set_num_threads(threads)
        began = time.perf_counter()
        work()
        seconds[threads] = min(seconds[threads], time.perf_counter() - began)
    torch.set_num_threads(min(seconds, key=seconds.__getitem__))
