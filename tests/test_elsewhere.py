"""docs/elsewhere.md: its code is run as it stands there."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small import SHAPES, TOKENIZERS, TRAINING, quiet, random_run

from janelm.export.huggingface import huggingface_files
from janelm.machine.files import replace_folder
from janelm.runs.folder import SAMPLES, load_run
from janelm.training.pipeline import train

PAGE = (Path(__file__).parents[1] / "docs" / "elsewhere.md").read_text(encoding="utf-8")
GPT2, CODE = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_plain_module_needs_nothing_of_janelm_and_is_short():
    assert "janelm" not in CODE
    body = CODE.partition("class ")[2]
    assert len(body.strip().splitlines()) <= 25


@torch.no_grad()
def test_the_plain_module_says_what_the_model_says():
    there: dict = {}
    exec(CODE, there)
    run = load_run("transformer")
    tokens = torch.from_numpy(run.tokenizer.encode("Elizabeth had been at home, and it was late. " * 12))[None, :200]
    wanted, _ = run.model(tokens)
    said = there["Transformer"](SAMPLES / "transformer")(tokens)
    assert (said - wanted).abs().max().item() == pytest.approx(0, abs=1e-4)


def test_the_plain_module_knows_a_table_of_bigrams(text):
    there: dict = {}
    exec(CODE, there)
    run = train(
        replace(SHAPES["transformer"], bigrams=9), replace(TRAINING, steps=3), Path("mine"), text=text, say=quiet
    ).run
    tokens = torch.arange(16)[None]
    with torch.no_grad():
        apart = there["Transformer"]("mine")(tokens) - run.load().model(tokens)[0]
    assert apart.abs().max().item() == pytest.approx(0, abs=1e-4)


def test_gpt_2_is_opened_and_writes(capsys):
    replace_folder(Path("gpt2"), huggingface_files(random_run(SHAPES["gpt2"], TOKENIZERS["tiktoken"])))
    exec(GPT2, {})
    assert len(capsys.readouterr().out) > 20
