"""Weights in torch's own file format, read without torch and without running anything.

A `.pth` file is a zip archive: `data.pkl` says which tensors there are, `data/0`, `data/1` and so on hold their numbers
one after the other (little-endian unless `byteorder` says otherwise), none of it compressed.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

# What a storage holds. numpy has no bfloat16: it is the upper half of a float32.
DTYPES = {"FloatStorage": "<f4", "HalfStorage": "<f2", "BFloat16Storage": "bfloat16", "DoubleStorage": "<f8"}
PIECE = 1 << 16  # bytes
OPCODES = (
    pickle.PROTO + pickle.GLOBAL + pickle.REDUCE + pickle.BINPERSID + pickle.STOP
    + pickle.EMPTY_DICT + pickle.EMPTY_TUPLE + pickle.MARK + pickle.SETITEM + pickle.SETITEMS
    + pickle.TUPLE + pickle.TUPLE1 + pickle.TUPLE2 + pickle.TUPLE3 + pickle.BINUNICODE
    + pickle.BININT + pickle.BININT1 + pickle.BININT2 + pickle.LONG1 + pickle.NEWTRUE + pickle.NEWFALSE
    + pickle.BINPUT + pickle.LONG_BINPUT + pickle.BINGET + pickle.LONG_BINGET
)  # fmt: skip


def read_checkpoint(path: Path) -> dict[str, np.ndarray]:
    """The tensors that `torch.save` wrote as a dictionary, by name: contiguous float16, bfloat16, float32 or float64;
    bfloat16 as float32.

    Raises FileNotFoundError where there is none, and exceptions of many kinds where it is damaged or holds anything
    else.
    """
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        for entry in archive.infolist():
            if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
                raise ValueError("it is compressed, which torch never does")
        folder = archive.namelist()[0].partition("/")[0]
        order = archive.read(f"{folder}/byteorder") if f"{folder}/byteorder" in names else b"little"
        if order != b"little":
            raise ValueError(f"its byte order is {order[:10]!r} instead of little")
        found = _Unpickler(archive, folder).load()
    if not isinstance(found, dict):
        raise ValueError(f"it holds a {type(found).__name__} instead of a dictionary")
    if not all(isinstance(name, str) and isinstance(value, np.ndarray) for name, value in found.items()):
        raise ValueError("its dictionary holds more than names and tensors")
    return found


class _Unpickler(pickle._Unpickler):
    """Reads dictionaries of tensors and refuses to construct anything else.

    It builds on the unpickler that is written in Python, for that can be restricted to some opcodes; and a damaged file
    cannot make it ask for more memory than the file is long.
    """

    dispatch: ClassVar[dict[int, Any]] = {code: pickle._Unpickler.dispatch[code] for code in OPCODES}
    dispatch[pickle.BUILD[0]] = lambda self: self.stack.pop()  # what torch hangs on a dictionary besides its items

    def __init__(self, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(io.BytesIO(archive.read(f"{folder}/data.pkl")))
        self._archive, self._folder = archive, folder
        self._storages: dict[str, np.ndarray] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        raise pickle.UnpicklingError(f"it would run {module}.{name}")

    def persistent_load(self, pid: Any) -> np.ndarray:
        """The numbers of one storage, which several tensors may share."""
        kind, dtype, key, _, count = pid
        if kind != "storage" or dtype not in DTYPES.values() or not isinstance(key, str):
            raise ValueError("it names a storage that is none")
        if key not in self._storages:
            raw = _numbers(self._archive, f"{self._folder}/data/{key}")
            self._storages[key] = _from_bfloat16(raw) if dtype == "bfloat16" else raw.view(dtype)
        if len(self._storages[key]) != count:
            raise ValueError(f"storage {key} is cut short")
        return self._storages[key]


def _numbers(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """A part of the archive as bytes; read piece by piece, for a second copy would stay with the process as a gap."""
    with archive.open(name) as file:
        whole = np.empty(archive.getinfo(name).file_size, np.uint8)
        for start in range(0, len(whole), PIECE):
            whole[start : start + PIECE] = np.frombuffer(file.read(PIECE), np.uint8)
    return whole


def _from_bfloat16(raw: np.ndarray) -> np.ndarray:
    """bfloat16 as float32, exactly."""
    return (raw.view("<u2").astype("<u4") << 16).view("<f4")


def _tensor(storage: np.ndarray, start: int, size: tuple, strides: tuple, *_: Any) -> np.ndarray:
    """The numbers of `storage` from `start` on, as an array of this size."""
    if not all(type(number) is int and number >= 0 for number in (start, *size, *strides)):
        raise ValueError("it holds a tensor whose size is no size")
    count = math.prod(size)
    contiguous = tuple(math.prod(size[axis + 1 :]) for axis in range(len(size)))
    steps = zip(size, strides, contiguous, strict=True)
    if any(length > 1 and stride != expected for length, stride, expected in steps):
        raise ValueError("it holds a tensor that is not contiguous")
    if start + count > len(storage):
        raise ValueError("it holds a tensor that reaches beyond its numbers")
    return storage[start : start + count].reshape(size)
