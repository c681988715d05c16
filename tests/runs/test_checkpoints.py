"""torch's file format, read without torch: the same numbers, and nothing but numbers."""

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small import SHAPES, random_run
from torch import nn

from janelm.errors import JaneLMError
from janelm.runs import Run, load_pair, weights_of
from janelm.runs.checkpoints import read_checkpoint
from janelm.runs.loaded import check_weights
from janelm.runs.pair import write_pair

FILE = Path("some.pth")
NUMBERS = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
KINDS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


@pytest.mark.parametrize(
    "tensors",
    [
        {"one": NUMBERS, "two": NUMBERS[0], "three": torch.tensor(2.5), "four": NUMBERS[:, None, :, None]},
        {str(kind): NUMBERS.to(kind) for kind in KINDS},
        {"rows of one storage": NUMBERS[1:3], "the last of them": NUMBERS[3, 2:]},
        OrderedDict(nn.LSTM(3, 4).state_dict()),
        {f"tensor {number}": torch.full((2,), float(number)) for number in range(1000)},
        {},
    ],
    ids=["shapes", "kinds", "one storage", "state_dict", "many", "none"],
)
def test_it_holds_what_torch_reads_in_it(tensors):
    torch.save(tensors, FILE)
    found, expected = read_checkpoint(FILE), torch.load(FILE, weights_only=True)
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        tensor = tensor.float() if tensor.dtype == torch.bfloat16 else tensor
        assert found[name].dtype == tensor.numpy().dtype
        np.testing.assert_array_equal(found[name], tensor.numpy())


def test_tensors_of_one_storage_stay_in_one():
    torch.save({"whole": NUMBERS, "row": NUMBERS[2]}, FILE)
    found = read_checkpoint(FILE)
    assert np.shares_memory(found["whole"], found["row"])


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ({"a": NUMBERS.T}, "not contiguous"),
        ({"a": NUMBERS[:, ::2]}, "not contiguous"),
        ({"a": NUMBERS[0, :1].expand(1000)}, "not contiguous"),
        ({"a": torch.ones(3, dtype=torch.int64)}, "LongStorage"),
        ({"a": nn.Parameter(NUMBERS)}, "_rebuild_parameter"),
        ({"a": 3}, "more than names and tensors"),
        ({3: NUMBERS}, "more than names and tensors"),
        ([NUMBERS], None),
        (nn.Linear(2, 3), None),
    ],
)
def test_all_else_is_refused(what, says):
    torch.save(what, FILE)
    with pytest.raises(Exception, match=says):
        read_checkpoint(FILE)


def rewritten(change, compression=zipfile.ZIP_STORED):
    """The file again, its parts as `change` (name, content) gives them."""
    with zipfile.ZipFile(FILE) as archive:
        parts = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    with zipfile.ZipFile(FILE, "w", compression) as archive:
        for name, content in parts.items():
            archive.writestr(name, change(name, content))


@pytest.mark.parametrize(
    ("change", "compression", "says"),
    [
        (lambda name, raw: b"big" if name.endswith("byteorder") else raw, zipfile.ZIP_STORED, "byte order"),
        (lambda name, raw: raw[:-4] if name.endswith("data/0") else raw, zipfile.ZIP_STORED, "cut short"),
        (lambda name, raw: raw, zipfile.ZIP_DEFLATED, "compressed"),
    ],
)
def test_a_file_that_torch_did_not_write_so_is_refused(change, compression, says):
    torch.save({"a": NUMBERS}, FILE)
    rewritten(lambda name, raw: raw)
    np.testing.assert_array_equal(read_checkpoint(FILE)["a"], NUMBERS.numpy())
    rewritten(change, compression)
    with pytest.raises(ValueError, match=says):
        read_checkpoint(FILE)


@pytest.mark.parametrize("arguments", [(0, (5, 6), (6, 1)), (20, (5,), (1,)), (-4, (2,), (1,)), (0, ("a", 9), (9, 1))])
def test_a_tensor_cannot_reach_beyond_its_numbers(arguments):
    class Forged:
        def __reduce__(self):
            hooks = OrderedDict()
            return torch._utils._rebuild_tensor_v2, (NUMBERS.untyped_storage(), *arguments, False, hooks)

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing):
            storage = isinstance(thing, torch.UntypedStorage)
            return ("storage", torch.FloatStorage, "0", "cpu", NUMBERS.numel()) if storage else None

    torch.save({"a": NUMBERS}, FILE)
    forged = io.BytesIO()
    Pickler(forged, 2).dump({"a": Forged()})
    rewritten(lambda name, raw: forged.getvalue() if name.endswith("data.pkl") else raw)
    with pytest.raises(ValueError, match=r"beyond its numbers|no size"):
        read_checkpoint(FILE)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A model's two files, and its weights."""
    folder = tmp_path_factory.mktemp("pair")
    made = random_run(SHAPES["lstm"])
    run = Run(folder / "run")
    run.write_settings(made.config, made.tokenizer, {})
    run.write_best(made.model)
    write_pair(run, folder / "model.pth", folder / "model-config.pkl")
    return folder / "model.pth", folder / "model-config.pkl", made.weights


def read_damaged(pair, raw):
    """The weights in the pair where the first file is `raw`, or None where that is one clear sentence."""
    damaged = pair[0].with_name("damaged.pth")
    damaged.write_bytes(raw)
    try:
        return load_pair(damaged, pair[1]).weights
    except JaneLMError as error:
        assert "damaged.pth" in str(error) or "do not fit" in str(error)
        assert "\n" not in str(error)


def test_a_line_break_in_the_name_of_a_weight_stays_out_of_the_sentence(pair):
    weights = {name.replace("head.bias", "head.bi\ns"): weight for name, weight in pair[2].items()}
    with pytest.raises(JaneLMError, match=r"head\.bi s is not known") as refused:
        check_weights({name: weight.shape for name, weight in pair[2].items()}, weights)
    assert "\n" not in str(refused.value)


edits = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=4)), min_size=1, max_size=4
)


@settings(max_examples=60)
@given(edits, st.floats(0, 1))
def test_of_a_damaged_file_there_is_the_truth_or_one_clear_sentence(pair, edits, length):
    whole = bytearray(pair[0].read_bytes())
    for place, content in edits:
        start = int(place * len(whole))
        whole[start : start + len(content)] = content
    for raw in (bytes(whole), bytes(whole[: int(length * len(whole))])):
        weights = read_damaged(pair, raw)
        if weights is not None:
            assert all(np.array_equal(weights[name], pair[2][name]) for name in pair[2])


@settings(max_examples=150)
@given(edits)
def test_whatever_stands_in_its_pickle_the_answer_is_weights_or_one_clear_sentence(pair, edits):
    """Here the checksums are right, so that the reader itself must see what is wrong."""
    with zipfile.ZipFile(pair[0]) as archive:
        parts = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    changed = io.BytesIO()
    with zipfile.ZipFile(changed, "w") as archive:
        for name, content in parts.items():
            if name.endswith("data.pkl"):
                content = bytearray(content)
                for place, piece in edits:
                    start = int(place * len(content))
                    content[start : start + len(piece)] = piece
            archive.writestr(name, bytes(content))
    read_damaged(pair, changed.getvalue())


@given(st.binary(max_size=300))
def test_bytes_of_any_kind_are_one_clear_sentence(pair, raw):
    assert read_damaged(pair, raw) is None


def test_the_weights_of_the_pair_are_the_models(pair):
    loaded = load_pair(*pair[:2])
    assert all(np.array_equal(loaded.weights[name], pair[2][name]) for name in pair[2])
    assert all(np.array_equal(tensor.numpy(), pair[2][name]) for name, tensor in weights_of(loaded.model).items())
