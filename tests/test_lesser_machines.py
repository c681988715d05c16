"""The core of training and writing on lesser machines, which this one imitates in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from small import write_text

from janelm.runs import Run

MACHINES = {
    "no vectors": {"ATEN_CPU_CAPABILITY": "default"},
    "AVX2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},  # torch's own loops, and its matrices
    "no compiler": {"CXX": "no-such-compiler"},
    "no /proc/cpuinfo": {},
}  # each of one thread
PROGRAM = """
import os, sys
from itertools import product

def unreadable(event, arguments):
    if event == "open" and str(arguments[0]) == "/proc/cpuinfo":
        raise PermissionError(13, "Permission denied", "/proc/cpuinfo")

if sys.argv[1] == "no /proc/cpuinfo":
    sys.addaudithook(unreadable)
from janelm.cli import main
from janelm.training import finish, pipeline

finish.COPYING_TOKENS, finish.SAMPLE_TOKENS, pipeline.PROGRESS_TOKENS = 4, 20, 4
FLAGS = "--data book.txt --device cpu --context_length 16 --width 32 --layers 2 --batch_tokens 256 --learning_rate 0.01"
FLAGS += " --steps 8 --evaluations 1 --evaluation_tokens 512 --warmup_steps 1"
for kind, precision in product(("transformer", "lstm"), ("fp32", "bf16")):
    name = f"{kind}-{precision}"
    shape = ["--heads", "2"] if kind == "transformer" else []
    compile = "on" if sys.argv[1] == "no compiler" and name == "transformer-fp32" else "off"
    made = ["--architecture", kind, "--precision", precision, "--compile", compile, "--model_file", f"{name}.pth"]
    assert main(["train", *FLAGS.split(), *shape, *made]) == 0, name
    for engine in ("torch", "onnx", "auto"):
        file = f"{name}-{engine}.txt"
        given = ["--model_file", f"{name}.pth", "--engine", engine, "--num_tokens", "30", "--output_file", file]
        assert main(["write", *given]) == 0, file
"""


@pytest.mark.parametrize("machine", MACHINES)
def test_both_architectures_train_and_write_on_a_machine_with(machine):
    Path("book.txt").write_text(write_text(300), encoding="utf-8")
    variables = os.environ | {"OMP_NUM_THREADS": "1"} | MACHINES[machine]
    command = [sys.executable, "-c", PROGRAM, machine]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    for kind in ("transformer", "lstm"):
        for precision in ("fp32", "bf16"):
            first, *_, last = Run(Path(f"models/{kind}-{precision}")).metrics()
            assert last["validation_loss"] < first["validation_loss"] - 0.1
            by_torch, by_onnx, by_auto = (
                Path(f"generated/{kind}-{precision}-{engine}.txt").read_text(encoding="utf-8")
                for engine in ("torch", "onnx", "auto")
            )
            assert len(by_torch) >= 30 and by_torch == by_onnx == by_auto
