"""GPT-2 as others keep it: read, and held against transformers' own. No hub is asked: the models are made here."""

import json
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import torch
import transformers
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from small import SHAPES, TOKENIZERS, TRAINING, in_chunks, quiet, random_run, write_text
from transformers import GPT2LMHeadModel

from janelm.cli import main
from janelm.config import SamplingConfig
from janelm.engines import OnnxEngine, TorchEngine, choose_engine
from janelm.errors import JaneLMError
from janelm.export.graphs import export_graph
from janelm.export.huggingface import huggingface_files
from janelm.machine.files import replace_folder
from janelm.runs import find_run
from janelm.runs.huggingface import load_gpt2
from janelm.text.interchange import merges_of, to_tokenizers, token_names
from janelm.text.tokenizers import train_tokenizer
from janelm.training.pipeline import train
from janelm.writing.generation import generate

BYTE_PAIRS = train_tokenizer(TOKENIZERS["tiktoken"], [write_text(300)])
NAMES = [*token_names(BYTE_PAIRS), "<|endoftext|>"]
MERGES = merges_of(BYTE_PAIRS, NAMES)
V, CONTEXT = len(NAMES), 24


def write_gpt2(folder, seed=0, **settings):
    """A small GPT-2 with random weights, in the form that it was published in; returns transformers' own model."""
    torch.manual_seed(seed)
    shape = {"vocab_size": V, "n_positions": CONTEXT, "n_embd": 32, "n_layer": 2, "n_head": 4}
    own = transformers.GPT2Config(**(shape | {"bos_token_id": None, "eos_token_id": None} | settings))
    model = GPT2LMHeadModel(own).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    vocabulary = {name: token for token, name in enumerate(NAMES)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    lines = ["#version: 0.2", *(" ".join(pair) for pair in MERGES), ""]
    (folder / "merges.txt").write_text("\n".join(lines), encoding="utf-8")
    return model


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "there"


@torch.no_grad()
def apart(run, model, tokens):
    return (run.model(tokens)[0] - model(tokens).logits).abs().max().item()


@pytest.mark.parametrize(
    "settings",
    [{}, {"n_layer": 1, "n_head": 2}, {"tie_word_embeddings": False}, {"layer_norm_epsilon": 1e-2}, {"n_inner": 128}],
)
def test_the_logits_are_those_of_transformers(folder, settings):
    model = write_gpt2(folder, **settings)
    run = load_gpt2(folder)
    assert apart(run, model, torch.randint(V, (3, CONTEXT))) < 1e-4
    assert run.name == "there" and run.tokenizer.vocab_size == V


@torch.no_grad()
def test_the_logits_are_those_of_transformers_through_a_cache(folder):
    model, run = write_gpt2(folder), load_gpt2(folder)
    tokens = np.random.default_rng(0).integers(0, V, (2, CONTEXT))
    sizes = [5, 1, 1, 7, *[1] * 10]
    wanted = model(torch.from_numpy(tokens)).logits[:, np.cumsum(sizes) - 1].transpose(0, 1).numpy()
    for engine in (TorchEngine(run.model), OnnxEngine(export_graph(run), threads=1)):
        np.testing.assert_allclose(in_chunks(engine, tokens, sizes), wanted, atol=1e-4)


@torch.no_grad()
def test_past_the_last_position_the_second_half_of_a_window_begins_the_next(folder):
    model, run = write_gpt2(folder), load_gpt2(folder)
    tokens = torch.randint(V, (1, 3 * CONTEXT))
    said, half = run.model(tokens)[0], CONTEXT // 2
    for place in range(CONTEXT, 3 * CONTEXT):
        start = (place - CONTEXT) // half * half + half
        wanted = model(tokens[:, start : place + 1]).logits[:, -1]
        torch.testing.assert_close(said[:, place], wanted, atol=1e-4, rtol=1e-4)


def test_old_files_are_read_too(folder):
    """pytorch_model.bin, names without "transformer.", masks among the weights, half precision."""
    model = write_gpt2(folder)
    weights = load_file(folder / "model.safetensors")
    wanted = load_gpt2(folder).weights
    (folder / "model.safetensors").unlink()
    old = {name.removeprefix("transformer."): weight for name, weight in weights.items()}
    old |= {"h.0.attn.bias": torch.ones(1, 1, 24, 24), "h.0.attn.masked_bias": torch.tensor(-1e4)}
    old |= {"lm_head.weight": model.lm_head.weight.detach()}
    torch.save(old, folder / "pytorch_model.bin")
    found = load_gpt2(folder).weights
    assert all(np.array_equal(found[name], wanted[name]) for name in wanted)
    torch.save(old, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)  # as in 2019
    assert all(np.array_equal(load_gpt2(folder).weights[name], wanted[name]) for name in wanted)
    (folder / "pytorch_model.bin").unlink()
    save_file({name: weight.bfloat16() for name, weight in weights.items()}, folder / "model.safetensors")
    halved = load_gpt2(folder).weights
    assert all(np.allclose(halved[name], wanted[name], rtol=0.01) for name in wanted)


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpt2") / "model"
    write_gpt2(folder)
    return load_gpt2(folder).tokenizer, transformers.GPT2Tokenizer.from_pretrained(folder)


@given(text=st.text(max_size=60) | st.text("The café's 12345 \n\tmiller", max_size=60))
def test_any_text_has_the_tokens_that_transformers_gives_it(theirs, text):
    ours, other = theirs
    if "<|endoftext|>" not in text:
        assert ours.encode(text).tolist() == other(text)["input_ids"]
    assert ours.decode(ours.encode(text)) == text


def test_tokens_that_stand_elsewhere_take_their_rows_along(folder):
    """Trainers put special tokens first; and rows that only round a size up have no token at all."""
    model = write_gpt2(folder, vocab_size=V + 7)
    names = ["<s>", "<pad>", *NAMES[:-1]]
    tokenizer = json.loads(to_tokenizers(BYTE_PAIRS).to_str())
    tokenizer["model"]["vocab"] = {name: token for token, name in enumerate(names)}
    tokenizer["pre_tokenizer"] = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    tokenizer["added_tokens"] = [{"id": token, "content": names[token], "special": True} for token in (0, 1)]
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    run = load_gpt2(folder)
    tokens = run.tokenizer.encode("The miller forgot")
    with torch.no_grad():
        ours, wanted = run.model(torch.from_numpy(tokens)[None])[0], model(torch.from_numpy(tokens + 2)[None]).logits
    torch.testing.assert_close(ours[..., : V - 1], wanted[..., 2 : V + 1], atol=1e-4, rtol=1e-4)
    assert run.tokenizer.specials == 8
    assert set(range(V - 1, V + 7)) <= set(run.tokenizer.never_written)


@pytest.mark.parametrize("kind", ["transformer", "gpt2"])
@pytest.mark.parametrize("documents", [False, True])
@pytest.mark.parametrize("tokenizer", list(TOKENIZERS))
def test_what_left_comes_back_the_same(folder, kind, documents, tokenizer):
    run = random_run(replace(SHAPES[kind], tied=False), TOKENIZERS[tokenizer], documents)
    replace_folder(folder, huggingface_files(run))
    again = load_gpt2(folder)
    assert again.tokenizer.to_json() == run.tokenizer.to_json() and again.config.model == run.config.model
    assert all(np.array_equal(again.weights[name], array) for name, array in run.weights.items())


def test_transformers_opens_what_was_read_and_left_again(folder):
    model = write_gpt2(folder)
    replace_folder(Path("again"), huggingface_files(load_gpt2(folder)))
    again = transformers.AutoModelForCausalLM.from_pretrained("again").eval()
    tokens = torch.randint(V, (2, CONTEXT))
    with torch.no_grad():
        assert type(again) is GPT2LMHeadModel and torch.equal(again(tokens).logits, model(tokens).logits)


def test_it_writes_with_every_engine_that_has_it_and_native_says_it_has_not(folder):
    write_gpt2(folder)
    run = load_gpt2(folder)
    written = set()
    for name in ("torch", "onnx", "auto"):
        engine = choose_engine(run, name, say=pytest.fail)
        written.add("".join(generate(run, "The", 60, SamplingConfig(seed=2), engine=engine)))
    assert len(written) == 1
    with pytest.raises(JaneLMError, match="no model of kind gpt2, but transformer and lstm"):
        choose_engine(run, "native")


def test_it_is_trained_like_the_others(text):
    finished = train(SHAPES["gpt2"], TRAINING, "models/mine", text=text, tokenizer=TOKENIZERS["tiktoken"], say=quiet)
    losses = [row["validation_loss"] for row in finished.run.metrics()]
    assert losses[-1] < losses[0] - 0.5


# Bad files: one sentence each, and nothing is run.


def test_a_training_goes_on_from_it_with_ones_own_text(folder, text):
    """Text in, a GPT-2 that has read it, a run like any other."""
    write_gpt2(folder)
    Path("mine.txt").write_text(text)
    steps = ["--steps", "12", "--evaluations", "2", "--batch_tokens", "96", "--learning_rate", "0.003"]
    assert main(["train", "--from", str(folder), "--data", "mine.txt", *steps, "--model_file", "mine.pth"]) == 0
    run = find_run("mine")
    told = run.results()["ancestor"]
    assert told["after"]["new"] < told["before"]["new"]
    assert run.tokenizer().to_json() == load_gpt2(folder).tokenizer.to_json()
    assert main(["write", "--model_file", "mine.pth", "--num_tokens", "20"]) == 0


def refused(folder, match):
    with pytest.raises(JaneLMError, match=match) as caught:
        load_gpt2(folder)
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)


class Harmful:
    def __reduce__(self):
        return Path.touch, (Path("harm was done"),)


def test_a_pickle_that_would_run_code_is_refused_and_runs_nothing(folder):
    write_gpt2(folder)
    (folder / "model.safetensors").unlink()
    for content in (pickle.dumps({"wte.weight": Harmful()}), b"nonsense"):
        (folder / "pytorch_model.bin").write_bytes(content)
        refused(folder, "pytorch_model.bin is damaged or holds more than tensors")
    torch.save({"wte.weight": "text"}, folder / "pytorch_model.bin")
    refused(folder, "pytorch_model.bin is damaged or holds more than tensors")
    assert not Path("harm was done").exists()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda weights: weights.pop("transformer.h.1.ln_2.bias"), r"h\.1\.ln_2\.bias is missing"),
        (lambda weights: weights.update({"transformer.h.2.ln_1.bias": torch.ones(32)}), "ln_1.bias is not known"),
        (lambda weights: weights.update({"transformer.ln_f.bias": torch.ones(5)}), r"ln_f.bias is \(5,\) instead of"),
    ],
)
def test_missing_and_extra_tensors_are_named(folder, change, match):
    write_gpt2(folder)
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors")
    refused(folder, match)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"n_layer": 3}, "is missing"),
        ({"n_positions": 25}, r"wpe.weight is \(24, 32\) instead of \(25, 32\)"),
        ({"vocab_size": V + 1}, "wte.weight is"),
        ({"n_layer": 10**12}, "layers is 1000000000000, but must be from 1 to 1,000"),
        ({"n_embd": 30}, "width 30 does not divide into 4 heads"),
        ({"n_embd": "wide"}, "its config.json has a n_embd that"),
        ({"activation_function": "relu"}, "its activation_function is 'relu'"),
        ({"n_inner": 7}, "its n_inner is 7"),
        ({"scale_attn_by_inverse_layer_idx": True}, "its scale_attn_by_inverse_layer_idx is True"),
        ({"model_type": "llama"}, "a model of the type 'llama', and only nanochat and gpt2 can be read"),
        ({"model_type": None}, "a model of the type None"),
    ],
)
def test_a_config_that_lies_is_one_sentence(folder, changes, match):
    write_gpt2(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))
    refused(folder, match)


@pytest.mark.parametrize("name", ["config.json", "vocab.json", "model.safetensors"])
@pytest.mark.parametrize("content", [b"{", b"[]", b"[" * 100_000, b"\xff"])
def test_damaged_files_are_one_sentence(folder, name, content):
    write_gpt2(folder)
    (folder / name).write_bytes(content)
    refused(folder, f"{name} is damaged")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda values: values["model"].update(type="WordPiece"), "of the kind WordPiece, but must be byte pairs"),
        (lambda values: values.update(normalizer={"type": "Lowercase"}), "changes a text before it reads it"),
        (lambda values: values.update(pre_tokenizer={"type": "Whitespace"}), "does not cut texts as GPT-2's does"),
        (lambda values: values["model"]["vocab"].pop("!"), "lacks 1 of the 256 bytes"),
        (lambda values: values["model"]["vocab"].update({"!": 10**6}), "has tokens that the model"),
        (lambda values: values["model"].pop("merges"), "tokenizer.json is damaged"),
        (lambda values: values["model"].update(merges=[["a", "xyz"]]), "tokenizer.json is damaged"),
    ],
)
def test_another_tokenizer_is_one_sentence(folder, change, match):
    write_gpt2(folder)
    values = json.loads(to_tokenizers(BYTE_PAIRS).to_str())
    change(values)
    (folder / "tokenizer.json").write_text(json.dumps(values))
    refused(folder, match)


@pytest.mark.parametrize("name", ["model.safetensors", "merges.txt"])
def test_a_file_that_is_not_there_is_named(folder, name):
    write_gpt2(folder)
    (folder / name).unlink()
    refused(folder, name)


@pytest.fixture
def hub(folder, monkeypatch):
    """A hub that has the files of `folder` under the name distilgpt2, and what was asked of it."""
    asked = []

    def file(name, path, local_files_only=False):
        if local_files_only:
            raise LocalEntryNotFoundError("not fetched yet")
        asked.append(path)
        kept = Path("kept")
        kept.mkdir(exist_ok=True)
        return shutil.copy(folder / path, kept / path)

    def about(address, timeout):
        if not (folder / address.rsplit("/", 1)[1]).exists():
            raise EntryNotFoundError("404")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", file)
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", about)
    return asked


def test_by_name_only_the_files_that_are_needed_are_fetched(folder, hub):
    model = write_gpt2(folder)
    run = load_gpt2("distilgpt2")
    assert run.name == "distilgpt2" and apart(run, model, torch.randint(V, (1, 9))) < 1e-4
    assert hub == ["config.json", "model.safetensors", "vocab.json", "merges.txt"]


def test_without_a_network_a_name_is_one_sentence(monkeypatch):
    def unreachable(*_, **__):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", unreachable)
    with pytest.raises(JaneLMError, match=r"no folder gpt2 .*\(ConnectionError\): connect to the network, or name a"):
        load_gpt2("gpt2")
