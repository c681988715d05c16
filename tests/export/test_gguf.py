"""The GGUF, opened by a real llama.cpp: node-llama-cpp's, which npm has built for each system."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from llama import run_llama
from small import SHAPES, TOKENIZERS, TRAINING, likeliest, quiet, random_run

from janelm.cli import main
from janelm.config import SamplingConfig, TiktokenTokenizerConfig
from janelm.engines import TorchEngine
from janelm.errors import JaneLMError, UsageError
from janelm.export.gguf import gguf_writer
from janelm.runs import load_run
from janelm.training.pipeline import train
from janelm.writing.generation import generate

SHAPE = replace(SHAPES["transformer"], context_length=64)
pytestmark = pytest.mark.needs("npm")


@pytest.fixture(scope="module")
def llama():
    """`llama(file, text, count)`: what llama.cpp says."""

    def say(file, text, count=1):
        script = Path(__file__).with_name("llama.mjs")
        return json.loads(run_llama(script, str(Path(file).resolve()), text, str(count), timeout=120))

    return say


def probabilities(engine, tokens):
    logits, _ = engine.step(np.array([tokens]), engine.initial_state(1))
    shares = np.exp(logits[0] - logits[0].max())
    return shares / shares.sum()


def assert_the_same(run, said, prompt, count):
    """llama.cpp reads the prompt in our tokens, expects what we expect, and goes on greedily as we do."""
    engine = TorchEngine(run.model)
    assert said["tokens"] == run.tokenizer.encode(prompt).tolist()
    theirs = np.zeros(run.tokenizer.vocab_size)
    for token, probability in said["probabilities"]:
        theirs[token] = probability
    assert np.abs(theirs - probabilities(engine, said["tokens"])).max() < 1e-4
    assert theirs.max() > 2 / len(theirs)  # it expects something
    assert said["written"] == likeliest(engine, said["tokens"], count)


def test_the_model_that_comes_along_writes_the_same_text_there(llama):
    run, prompt = load_run("transformer"), "Elizabeth"
    gguf_writer(run)(Path("model.gguf"))
    text = "".join(generate(run, prompt, 100, sampling=SamplingConfig(temperature=0)))
    assert llama("model.gguf", prompt, 100)["text"] == prompt + text


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("kind", ["transformer", "gpt2"])
def test_llama_cpp_says_the_same(llama, kind, tied):
    shape = replace(SHAPES[kind], context_length=64, tied=tied)
    run = random_run(shape, TiktokenTokenizerConfig(vocab_size=270), seed=1)
    gguf_writer(run)(Path("model.gguf"))
    prompt = "My aunt carried home 12 apples, the café's lamp\n"
    assert_the_same(run, llama("model.gguf", prompt, 20), prompt, 20)


def test_a_text_does_not_end_where_llama_cpp_has_its_own_end_token(llama):
    """Token 11 is the end where a file names none: there, every second line ended."""
    run = random_run(SHAPE, TOKENIZERS["tiktoken"])
    gguf_writer(run)(Path("model.gguf"))
    import gguf

    fields = gguf.GGUFReader("model.gguf").fields
    end = fields["tokenizer.ggml.eos_token_id"].contents()
    assert end in run.tokenizer.never_written and end == fields["tokenizer.ggml.bos_token_id"].contents()
    documents = random_run(SHAPE, TOKENIZERS["tiktoken"], documents=True)
    gguf_writer(documents)(Path("documents.gguf"))
    fields = gguf.GGUFReader("documents.gguf").fields
    assert fields["tokenizer.ggml.eos_token_id"].contents() == documents.tokenizer.end_token
    assert fields["tokenizer.ggml.add_bos_token"].contents() is True


def test_half_precision_is_half_the_size_and_opens(llama):
    run = random_run(SHAPE, TOKENIZERS["tiktoken"])
    for precision in ("fp32", "fp16"):
        gguf_writer(run, precision)(Path(f"{precision}.gguf"))
    said = {precision: dict(llama(f"{precision}.gguf", "The")["probabilities"]) for precision in ("fp32", "fp16")}
    assert max(abs(said["fp16"][token] - share) for token, share in said["fp32"].items()) < 0.05
    sizes = [Path(f"{precision}.gguf").stat().st_size for precision in ("fp32", "fp16")]
    assert sizes[1] < 0.62 * sizes[0]


def test_the_command_writes_it_with_a_modelfile(llama, text):
    tokenizer = TOKENIZERS["tiktoken"]
    finished = train(SHAPE, replace(TRAINING, steps=8), "models/mine", text=text, tokenizer=tokenizer, say=quiet)
    assert main(["export", "mine", "--format", "gguf", "--output", "out"]) == 0
    assert_the_same(finished.run.load(), llama("out/mine.gguf", "The miller", 10), "The miller", 10)
    lines = Path("out/Modelfile").read_text().splitlines()
    assert {"FROM ./mine.gguf", "TEMPLATE {{ .Prompt }}", "PARAMETER num_ctx 64", "PARAMETER top_k 0"} <= set(lines)
    assert main(["export", "mine", "--format", "gguf", "--output", "out"]) == 0  # replaced
    assert main(["export", "mine", "--format", "gguf", "--output", "models"]) == 1


def test_what_cannot_go_there_is_one_sentence(monkeypatch):
    with pytest.raises(JaneLMError, match=r"kind lstm cannot go to llama.cpp, which has none like it: .* page"):
        gguf_writer(random_run(SHAPES["lstm"], TOKENIZERS["tiktoken"]))
    with pytest.raises(JaneLMError, match="reads byte pairs alone as tokens: train with --tokenization tiktoken"):
        gguf_writer(random_run(SHAPE))
    run = random_run(SHAPE, TOKENIZERS["tiktoken"])
    with pytest.raises(UsageError, match="the precision is 'int8', but for this format must be one of fp32, fp16"):
        gguf_writer(run, "int8")
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(JaneLMError, match=r'pip install "janelm\[gguf\]"'):
        gguf_writer(run)


def test_another_pattern_than_gpt_2s_is_said():
    said = []
    gguf_writer(random_run(SHAPE, TOKENIZERS["tiktoken"]), say=said.append)
    assert said == []
    gguf_writer(random_run(SHAPE, TiktokenTokenizerConfig(270, pattern=r"\w+|\s+|\S")), say=said.append)
    assert len(said) == 1 and "cuts texts by GPT-2's pattern, not by this model's own" in said[0]
