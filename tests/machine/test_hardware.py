"""Devices that are there and do not work, and those that work but not for everything."""

import time

import pytest
import torch
from small import SHAPES, random_run

from janelm.errors import UsageError
from janelm.machine import hardware
from janelm.machine.hardware import can_compile, choose_device, choose_threads, settle_threads


@pytest.fixture
def card(monkeypatch):
    """A card that is there; returns what makes its products fail or come out wrong."""
    forget = hardware._trouble.cache_clear
    forget()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)

    def behaves(product):
        monkeypatch.setattr(torch, "ones", lambda *shape, device: product())

    yield behaves
    forget()


def too_old():
    raise RuntimeError("CUDA error: no kernel image is available for execution on the device\nCUDA kernel errors might")


def test_a_card_that_fails_at_its_first_product_is_passed_over_with_a_sentence(card):
    card(too_old)
    said = []
    assert choose_device("auto", say=said.append).type == "cpu"
    assert len(said) == 1 and "no kernel image is available" in said[0] and "\n" not in said[0]


def test_a_card_that_is_asked_for_by_name_and_fails_is_refused_in_one_sentence(card):
    card(too_old)
    with pytest.raises(
        UsageError, match=r"device is cuda, but its first product fails .*no kernel image.*--device cpu"
    ):
        choose_device("cuda")


def test_a_card_whose_product_is_wrong_is_passed_over(card):
    whole = torch.full((8, 8), 0.5)
    card(lambda: whole)
    said = []
    assert choose_device("auto", say=said.append).type == "cpu" and "128 instead of 512" in said[0]


def test_a_card_that_works_is_taken_and_tried_once(card):
    whole, tried = torch.ones(8, 8), []
    card(lambda: tried.append(1) or whole)
    assert choose_device("auto").type == choose_device("cuda").type == "cuda" and len(tried) == 1


def test_a_model_is_loaded_on_the_cpu_where_the_card_fails(card, monkeypatch, capsys):
    run = random_run(SHAPES["lstm"])
    weights = run.weights
    del run.model
    run._weights, run.device = weights, "auto"
    monkeypatch.setattr(hardware, "_trouble", lambda name: "its first product fails (x)" if name == "cuda" else "")
    assert run.model.device.type == "cpu" and "cuda is there but is passed over" in capsys.readouterr().err


def test_an_lstm_is_not_put_on_apples_gpu_unless_it_is_asked_for(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(hardware, "_trouble", lambda name: "")
    said = []
    assert choose_device("auto", "lstm", said.append).type == "cpu" and "leaks memory" in said[0]
    assert choose_device("auto", "transformer", said.append).type == "mps"
    assert choose_device("mps", "lstm", said.append).type == "mps" and len(said) == 1


def test_a_device_that_is_not_there_is_named():
    with pytest.raises(UsageError, match="this machine has"):
        choose_device("vulkan")


def test_torch_is_not_asked_to_compile_with_a_compiler_that_only_pretends(tmp_path, monkeypatch):
    """macOS has a g++ that fails where developer tools are missing."""
    stub = tmp_path / "g++"
    stub.write_text(f"#!/bin/sh\necho called >> {tmp_path}/calls\necho 'no developer tools were found' >&2\nexit 1\n")
    stub.chmod(0o755)
    monkeypatch.setenv("CXX", str(stub))
    assert not can_compile(torch.device("cpu")) and not can_compile(torch.device("cpu"))
    assert (tmp_path / "calls").read_text() == "called\n"


def test_torch_takes_no_more_threads_than_there_are_cores(monkeypatch):
    """In a container with one core of sixty-four it took sixty-four, and was many times slower."""
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        monkeypatch.setattr("janelm.machine.hardware.cores", lambda: 2)
        assert choose_threads()[0] == torch.get_num_threads() == 2
        monkeypatch.setattr("janelm.machine.hardware.cores", lambda: 8)
        assert choose_threads()[0] == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("slower_by_threads", "settled"), [(True, 1), (False, 2)])
def test_several_threads_work_only_where_they_are_faster(slower_by_threads, settled):
    """Where other programs had the cores, scoring with two was twenty times slower than with one."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        settle_threads(lambda: time.sleep(0.03 * torch.get_num_threads() ** (1 if slower_by_threads else -1)))
        assert torch.get_num_threads() == settled
    finally:
        torch.set_num_threads(before)
