"""The transformer's table of bigrams: who has one, what it does, and where it cannot go."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small import SHAPES, TOKENIZERS, TRAINING, VARIANTS, quiet, random_run

from janelm.architectures import build_model
from janelm.config import TiktokenTokenizerConfig, TransformerConfig
from janelm.errors import JaneLMError, UsageError
from janelm.export.gguf import gguf_writer
from janelm.export.huggingface import huggingface_files
from janelm.runs import Run
from janelm.training.pipeline import train
from janelm.training.presets import BIGRAMS, PRESETS, for_vocabulary, model_preset

OPEN = replace(SHAPES["transformer"], bigrams=None)


def trained(folder, text, shape=OPEN, tokenizer=None):
    return train(shape, replace(TRAINING, steps=2), Path(folder), text=text, tokenizer=tokenizer, say=quiet).run


def test_the_smallest_sizes_leave_the_table_open_and_others_have_none():
    assert {name for name in PRESETS if model_preset("transformer", name).bigrams is None} == {"nano", "tiny", "mini"}
    assert TransformerConfig().bigrams == 0


def test_where_it_is_open_characters_have_a_table_and_byte_pairs_have_none(text):
    assert trained("a", text).config().model.bigrams == BIGRAMS
    assert trained("b", text, tokenizer=TiktokenTokenizerConfig(vocab_size=300)).config().model.bigrams == 0
    assert trained("c", text, SHAPES["transformer"]).config().model.bigrams == 0
    assert trained("d", text, replace(SHAPES["transformer"], bigrams=50)).config().model.bigrams == 50


def test_a_writing_system_of_many_characters_has_no_table():
    assert for_vocabulary(OPEN, 257).bigrams == 0
    assert for_vocabulary(TransformerConfig(bigrams=9), 5000).bigrams == 9
    assert for_vocabulary(SHAPES["lstm"], 90) == SHAPES["lstm"]


def test_a_table_of_zeros_changes_nothing_and_one_of_others_looks_at_the_token_before_alone():
    torch.manual_seed(0)
    model, plain = build_model(VARIANTS["bigrams"], 30).eval(), build_model(SHAPES["transformer"], 30).eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    plain.load_state_dict({name: model.state_dict()[name] for name in plain.state_dict()})
    tokens = torch.arange(12)[None] % 5
    with torch.no_grad():
        assert not torch.allclose(model(tokens)[0], plain(tokens)[0], atol=1e-3)
        model.bigrams.weight.zero_()
        assert torch.equal(model(tokens)[0], plain(tokens)[0])
        torch.nn.init.normal_(model.bigrams.weight)
        for block in model.blocks:  # no token sees another one, but in its bigram
            block.attention.output.weight.zero_()
        other = tokens.clone()
        other[0, 5] = 9
        changed = (model(tokens)[0] != model(other)[0]).any(-1)[0]
    assert changed.nonzero().flatten().tolist() == [5, 6]


def test_a_run_from_before_there_were_bigrams_is_read_as_it_was(text):
    run = trained("old", text, SHAPES["transformer"])
    stored = json.loads((run.folder / "config.json").read_text())
    del stored["model"]["bigrams"]
    (run.folder / "config.json").write_text(json.dumps(stored))
    assert "bigrams.weight" not in dict(Run(run.folder).load().model.named_parameters())


@pytest.mark.parametrize("write", [huggingface_files, gguf_writer])
def test_a_table_of_bigrams_goes_into_no_format_of_others(write):
    with pytest.raises(JaneLMError, match="--bigrams 0"):
        write(random_run(VARIANTS["bigrams"], TOKENIZERS["tiktoken"]))


def test_a_table_of_fewer_than_no_rows_is_refused(text):
    with pytest.raises(UsageError, match="bigrams is -1"):
        trained("run", text, replace(SHAPES["transformer"], bigrams=-1))
