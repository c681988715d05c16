"""The folder for transformers, opened by transformers itself."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from hypothesis import given
from hypothesis import strategies as st
from small import SHAPES, TOKENIZERS, TRAINING, likeliest, quiet, random_run, write_text
from transformers import AutoModelForCausalLM, AutoTokenizer

from janelm.cli import main
from janelm.config import DataConfig, SamplingConfig, TiktokenTokenizerConfig
from janelm.engines import TorchEngine
from janelm.errors import JaneLMError, UsageError
from janelm.export.huggingface import huggingface_files
from janelm.machine.files import replace_folder
from janelm.runs import load_run
from janelm.text.interchange import to_tokenizers
from janelm.text.tokenizers import train_tokenizer
from janelm.training.pipeline import train
from janelm.writing.generation import generate

SHAPE = replace(SHAPES["transformer"], context_length=48, bigrams=0)
GREEDY = SamplingConfig(temperature=0)


def opened(folder):
    return AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)


def exported(run, precision="fp32"):
    replace_folder(Path("there"), huggingface_files(run, precision))
    return opened("there")


def apart(model, theirs, tokens):
    """The largest difference of logits, in units of the largest logit."""
    with torch.no_grad():
        said, wanted = theirs(tokens).logits.float(), model(tokens)[0]
    return ((said - wanted).abs().max() / wanted.abs().max()).item()


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("tokenizer", ["character", "tiktoken"])
@pytest.mark.parametrize(("kind", "known_as"), [("transformer", "NanoChatForCausalLM"), ("gpt2", "GPT2LMHeadModel")])
def test_transformers_opens_it_and_says_the_same_up_to_the_context_length(kind, known_as, tokenizer, tied):
    run = random_run(replace(SHAPES[kind], context_length=48, tied=tied), TOKENIZERS[tokenizer])
    theirs, _ = exported(run)
    tokens = torch.randint(run.tokenizer.vocab_size, (3, SHAPE.context_length))
    assert type(theirs).__name__ == known_as
    assert apart(run.model, theirs, tokens) < 1e-5


@pytest.mark.parametrize("documents", [False, True])
@pytest.mark.parametrize("tokenizer", ["character", "tiktoken"])
def test_transformers_reads_a_text_in_the_same_tokens_and_goes_on_greedily_with_the_same(tokenizer, documents):
    run = random_run(SHAPE, TOKENIZERS[tokenizer], documents, seed=3)
    model, theirs = exported(run)
    prompt = "My aunt forgot"
    inputs = theirs(prompt, return_tensors="pt")
    assert inputs["input_ids"][0].tolist() == run.tokenizer.started(run.tokenizer.encode(prompt).tolist())
    tokens = inputs["input_ids"][0].tolist()
    written = model.generate(**inputs, do_sample=False, max_new_tokens=24)[0, len(tokens) :].tolist()
    never = model.generation_config.suppress_tokens
    assert written == likeliest(TorchEngine(run.model), tokens, len(written), never)
    assert len(written) == 24 or written[-1] == run.tokenizer.end_token
    assert theirs.decode(run.tokenizer.encode("The café.\nhis hat"), skip_special_tokens=True) == "The café.\nhis hat"


def test_the_model_that_comes_along_writes_the_same_text_there():
    run, prompt = load_run("transformer"), "Elizabeth"
    model, theirs = exported(run)
    written = model.generate(**theirs(prompt, return_tensors="pt"), do_sample=False, max_new_tokens=100)
    assert theirs.decode(written[0]) == prompt + "".join(generate(run, prompt, 100, sampling=GREEDY))


BYTE_PAIRS = train_tokenizer(TiktokenTokenizerConfig(vocab_size=300), [write_text(200)])
THEIR_BYTE_PAIRS = to_tokenizers(BYTE_PAIRS)


@given(st.text(max_size=80))
def test_any_text_has_the_same_byte_pairs(text):
    assert THEIR_BYTE_PAIRS.encode(text, add_special_tokens=False).ids == BYTE_PAIRS.encode(text).tolist()


CHARACTERS = train_tokenizer(TOKENIZERS["character"], [write_text(200) + "\ufffd"])
THEIR_CHARACTERS = to_tokenizers(CHARACTERS)


@given(st.text(max_size=80))
def test_any_text_has_the_same_characters(text):
    """A vocabulary that has U+FFFD itself needs another name for what it does not know."""
    assert THEIR_CHARACTERS.encode(text).ids == CHARACTERS.encode(text).tolist()


def test_what_no_text_can_hold_is_not_generated_there_either():
    run = random_run(SHAPE, TOKENIZERS["tiktoken"], documents=True)
    model, _ = exported(run)
    never = set(model.generation_config.suppress_tokens)
    assert {0, run.tokenizer.pad_token} <= never and run.tokenizer.end_token not in never
    assert model.config.eos_token_id == model.generation_config.eos_token_id == run.tokenizer.end_token


def test_half_precision_is_half_the_size_and_nearly_the_same():
    run = random_run(SHAPE, TOKENIZERS["tiktoken"])
    theirs, _ = exported(run, "fp16")
    assert theirs.dtype == torch.float16
    assert apart(run.model, theirs, torch.randint(270, (1, 20))) < 0.05
    assert Path("there/model.safetensors").stat().st_size < 2.2 * run.model.parameter_count()


def test_what_cannot_go_there_is_one_sentence():
    with pytest.raises(JaneLMError, match=r"kind lstm cannot go to transformers, which has none like it: .* page"):
        huggingface_files(random_run(SHAPES["lstm"]))
    with pytest.raises(UsageError, match="the precision is 'int8', but for this format must be one of fp32, fp16"):
        huggingface_files(random_run(SHAPE), "int8")


@pytest.fixture
def trained(text):
    source = Path("secret folder/my text.txt")
    source.parent.mkdir()
    source.write_text(text)
    return train(SHAPE, replace(TRAINING, steps=2), "models/mine", data=DataConfig((str(source.resolve()),)), say=quiet)


def test_the_command_writes_a_folder_with_a_card_and_replaces_only_its_own(trained, capsys):
    assert main(["export", "mine", "--format", "huggingface"]) == 0
    opened("mine-huggingface")
    card = ModelCard.load("mine-huggingface/README.md")
    assert card.data.library_name == "transformers" and "janelm" in card.data.tags
    held_out = {result.metric_name: result.metric_value for result in card.data.eval_results}
    wanted = json.loads(Path("models/mine/results.json").read_text())["losses"]["heldout"]["bits_per_byte"]
    assert held_out["bits per byte, both, cold windows"] == pytest.approx(wanted, abs=1e-4)
    assert "my text.txt" in card.content and "secret folder" not in card.content
    example = card.content.partition("```python\n")[2].partition("```")[0].replace('"."', '"mine-huggingface"')
    exec(example)
    assert main(["export", "mine", "--format", "huggingface"]) == 0  # again: an earlier export is replaced
    capsys.readouterr()
    before = Path("models/mine/config.json").read_bytes()
    assert main(["export", "mine", "--format", "huggingface", "--output", "models/mine"]) == 1
    assert "models/mine exists and is not a folder for transformers that janelm wrote" in capsys.readouterr().err
    assert Path("models/mine/config.json").read_bytes() == before


def test_such_a_folder_where_a_run_is_asked_for_is_one_sentence():
    """It was called a run that has learned nothing yet, whose config lacks its model."""
    Path("theirs").mkdir()
    Path("theirs/config.json").write_text('{"model_type": "nanochat"}')
    with pytest.raises(JaneLMError, match="is a folder for transformers, and not a run"):
        load_run("theirs")


def test_options_of_the_page_and_several_runs_are_refused(capsys):
    assert main(["export", "a", "b", "--format", "huggingface", "--title", "T"]) == 2
    said = capsys.readouterr().err
    assert "title is for the page, not for --format huggingface" in said and "one run at a time, not 2" in said
    assert not list(Path().iterdir())


def test_numbers_are_the_same_arrays_when_nothing_changes():
    """A large model is not copied once more than needed, nor is the run's own model changed."""
    run = random_run(SHAPE, TOKENIZERS["tiktoken"])
    before = {name: array.copy() for name, array in run.weights.items()}
    huggingface_files(run)
    assert all(np.array_equal(before[name], array) for name, array in run.weights.items())
