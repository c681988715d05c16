"""What is on disk: complete, safe to load, and clear about what is wrong with it."""

import json
import os
import pickle
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from small import SHAPES, quiet, write_text

from janelm.config import CharacterTokenizerConfig, TiktokenTokenizerConfig, TrainingConfig
from janelm.errors import JaneLMError, UsageError
from janelm.machine.files import set_aside, write_atomically
from janelm.runs import LoadedRun, Run, find_run, folder, load_pair, sample_run, write_sample
from janelm.runs.pair import write_pair
from janelm.training.pipeline import train

TRAINING = TrainingConfig(steps=2, batch_tokens=64, evaluations=1, evaluation_tokens=64, compile="off", device="cpu")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder models after a training, by the model's kind and the tokenizer's settings."""

    @cache
    def models(kind, tokenizer) -> Path:
        place = tmp_path_factory.mktemp("trained")
        run = train(SHAPES[kind], TRAINING, place / "model", text=write_text(300), tokenizer=tokenizer, say=quiet).run
        write_pair(run, place / "model.pth", place / "model-config.pkl")
        return place

    return models


@pytest.fixture(params=[CharacterTokenizerConfig(), TiktokenTokenizerConfig(vocab_size=300)])
def run(request, shape, trained):
    shutil.copytree(trained(shape.kind, request.param), "models")
    return Run(Path("models/model"))


class Weapon:
    """An object whose unpickling runs a command."""

    def __reduce__(self):
        return os.system, ("touch harmed",)


@pytest.mark.parametrize("name", ["model.pth", "model-config.pkl"])
def test_a_malicious_file_cannot_run_code(run, name):
    for content in (pickle.dumps(Weapon()), pickle.dumps({"config": Weapon(), "tokenizer": {}})):
        path = Path("models") / name
        path.write_bytes(content)
        with pytest.raises(JaneLMError, match=name):
            load_pair(Path("models/model.pth"), Path("models/model-config.pkl"))
    torch.save({"embedding.weight": Weapon()}, "models/model.pth")
    with pytest.raises(JaneLMError):
        load_pair(Path("models/model.pth"), Path("models/model-config.pkl"))
    assert not Path("harmed").exists()


def test_a_few_bytes_cannot_fill_the_memory(run):
    """A pickle may name the place where it remembers a value; reading it would make all the places before it."""
    Path("models/model-config.pkl").write_bytes(b"\x80\x02}r\xff\xff\xff\x0f.")
    with pytest.raises(JaneLMError, match="it would remember 268,435,455 values"):
        load_pair(Path("models/model.pth"), Path("models/model-config.pkl"))


def test_weights_are_held_once(run):
    """As arrays, then as the model's; a model that learns has those of the moment."""
    loaded = run.load()
    arrays = loaded.weights
    before = {name: array.copy() for name, array in arrays.items()}
    assert all(array.dtype == np.float32 for array in arrays.values())
    weights = dict(loaded.model.named_parameters())
    assert loaded._weights is None and weights.keys() == loaded.weights.keys()
    for name, array in loaded.weights.items():
        assert np.shares_memory(array, weights[name].detach().numpy())
        np.testing.assert_array_equal(array, before[name])
    around = LoadedRun.of("same", loaded.model, loaded.tokenizer, loaded.config)
    with torch.no_grad():
        loaded.model.head.bias.fill_(3) if run.config().model.kind == "lstm" else loaded.model.embedding.weight.fill_(3)
    assert any((array == 3).all() for array in around.weights.values())


def test_released_weights_are_gone_and_the_rest_is_there(run):
    loaded = run.load()
    loaded.release_weights()
    assert loaded.tokenizer.encode("The").size and loaded.config == run.config()
    with pytest.raises(RuntimeError, match="released"):
        loaded.model  # noqa: B018


def test_a_device_that_is_not_there_is_refused_when_the_model_is_made(run):
    loaded = run.load(device="abacus")
    with pytest.raises(UsageError, match="abacus"):
        loaded.model  # noqa: B018


def test_a_malicious_resume_state_cannot_run_code(run):
    torch.save({"weights": Weapon()}, run.folder / "resume.pt")
    with pytest.raises(JaneLMError, match=r"resume\.pt"):
        run.load("last")
    assert not Path("harmed").exists()


def test_the_pair_holds_the_same_model_as_the_folder(run):
    from_folder, from_pair = run.load(), load_pair(Path("models/model.pth"), Path("models/model-config.pkl"))
    tokens = torch.randint(from_folder.tokenizer.vocab_size, (1, 8))
    assert torch.equal(from_folder.model(tokens)[0], from_pair.model(tokens)[0])
    assert from_folder.tokenizer.to_json() == from_pair.tokenizer.to_json()
    assert from_folder.config == from_pair.config and not from_pair.model.training


@pytest.mark.parametrize("name", ["models/model.pth", "models/model-config.pkl"])
@pytest.mark.parametrize("damage", ["missing", "truncated", "empty", "text"])
def test_a_damaged_pair_is_one_clear_sentence(run, name, damage):
    path = Path(name)
    raw = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes({"truncated": raw[: len(raw) // 2], "empty": b"", "text": b"I am not a model."}[damage])
    with pytest.raises(JaneLMError) as caught:
        load_pair(Path("models/model.pth"), Path("models/model-config.pkl"))
    assert path.name in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "best.safetensors"])
@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_a_damaged_folder_is_one_clear_sentence(run, name, damage):
    path = run.folder / name
    raw = path.read_bytes()
    path.unlink()
    if damage == "truncated":
        path.write_bytes(raw[: len(raw) // 2])
    with pytest.raises(JaneLMError) as caught:
        run.load()
    assert "\n" not in str(caught.value)


def test_a_config_of_another_architecture_is_refused(run):
    other = SHAPES["lstm" if run.config().model.kind == "transformer" else "transformer"]
    train(other, TRAINING, Path("models/other"), text=write_text(300), say=lambda line: None)
    write_pair(Run(Path("models/other")), Path("models/other.pth"), Path("models/other-config.pkl"))
    with pytest.raises(JaneLMError, match="of another model"):
        load_pair(Path("models/model.pth"), Path("models/other-config.pkl"))


def test_another_tokenizer_is_refused(run):
    path = run.folder / "tokenizer.json"
    values = {"kind": "character", "characters": "abc", "documents": False}
    path.write_text(json.dumps(values))
    with pytest.raises(JaneLMError, match="do not fit the config and tokenizer"):
        run.load()


def test_a_config_of_a_later_version_is_one_clear_sentence(run):
    values = run.read_json("config.json")
    values["model"]["hyperspheres"] = 3
    (run.folder / "config.json").write_text(json.dumps(values))
    with pytest.raises(JaneLMError, match="hyperspheres"):
        run.load()


def test_a_run_is_found_by_folder_or_by_name(run):
    assert find_run("model").folder == find_run("models/model").folder
    with pytest.raises(JaneLMError, match="runs here are model"):
        find_run("nothing")


def test_a_write_that_fails_leaves_the_old_file_and_no_other():
    path = Path("file.txt")
    write_atomically(path, "old")

    def fail(temporary):
        temporary.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(JaneLMError, match="No space left"):
        write_atomically(path, fail)
    assert path.read_text() == "old" and list(Path().iterdir()) == [path]


def test_a_full_disk_keeps_the_earlier_weights(run, monkeypatch):
    before = run.load().model.state_dict()
    monkeypatch.setattr(
        "janelm.runs.folder.save_file", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(JaneLMError, match="free some space"):
        run.write_best(run.load().model)
    after = run.load().model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_setting_aside_takes_one_free_number_for_all():
    for name in ("model.pth", "model-1.pth", "model-config.pkl"):
        Path(name).write_text(name)
    moved = set_aside(Path("model.pth"), Path("model-config.pkl"), Path("not-there"))
    assert {str(a): str(b) for a, b in moved.items()} == {
        "model.pth": "model-2.pth",
        "model-config.pkl": "model-config-2.pkl",
    }
    assert Path("model-1.pth").read_text() == "model-1.pth"


def test_a_sample_is_a_run_in_half_the_size(run, monkeypatch):
    """It is found by name, and its weights are the run's to eleven bits, as float32."""
    sample = write_sample(run, Path("samples") / "mine")
    assert not (sample.folder / "resume.pt").exists()
    sizes = [(folder / "best.safetensors").stat().st_size for folder in (sample.folder, run.folder)]
    assert sizes[0] < 0.6 * sizes[1]
    monkeypatch.setattr(folder, "SAMPLES", Path("samples"))
    whole, half = run.load(), find_run("mine").load()
    for name, weight in whole.model.named_parameters():
        assert half.model.get_parameter(name).dtype == torch.float32
        torch.testing.assert_close(half.model.get_parameter(name), weight, rtol=2**-11, atol=1e-7)
    assert half.config == whole.config and half.tokenizer.to_json() == whole.tokenizer.to_json()


def test_a_sample_is_there_or_not(run, monkeypatch):
    monkeypatch.setattr(folder, "SAMPLES", Path("models"))
    assert sample_run() is None and sample_run("model").folder == run.folder


def test_untied_weights_are_stored_too():
    shape = replace(SHAPES["transformer"], tied=False)
    train(shape, TRAINING, Path("models/untied"), text=write_text(300), say=lambda line: None)
    model = Run(Path("models/untied")).load().model
    assert model.head.weight is not model.embedding.weight


def test_samples_are_read_back_as_they_were_written(tmp_path):
    run = Run(tmp_path / "run")
    assert run.samples() == []
    rows = [{"step": 0, "validation_bits_per_byte": 4.0}, {"step": 1200, "validation_bits_per_byte": float("nan")}]
    texts = ["One\n\n--- no head ---\n", ""]
    run.write_samples(rows, texts)
    first, second = run.samples()
    assert (first["step"], first["validation"], first["text"]) == (0, 4.0, texts[0])
    assert (second["step"], second["text"]) == (1200, "")
