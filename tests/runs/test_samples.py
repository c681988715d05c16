"""The trained models that come with the package: they write at once, and their cards tell the truth about them."""

import pytest

from janelm import generate
from janelm.measuring.cards import model_card
from janelm.measuring.evaluation import cold_losses
from janelm.runs import Run, sample_run
from janelm.runs.dataset import run_data

ARCHITECTURES = ("transformer", "lstm")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_sample_writes_and_is_small(architecture):
    run = sample_run(architecture)
    assert sum(path.stat().st_size for path in run.folder.iterdir()) <= 12_000_000
    loaded = run.load()
    assert loaded.model.config.kind == architecture
    assert len("".join(generate(loaded, "Elizabeth", num_tokens=50))) > 100


@pytest.mark.needs("novels")
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_sample_has_the_loss_that_its_figures_say(architecture):
    """In half precision, on the same validation tokens that chose these weights during training."""
    run = sample_run(architecture)
    told, tokens = run.read_json("results.json")["best"], run.config().training.evaluation_tokens
    found = cold_losses(run.load().model, run_data(run).evaluation("validation", tokens))
    assert found.bits_per_byte == pytest.approx(told["validation_bits_per_byte"], abs=3e-3)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_card_is_what_the_results_make_it(architecture):
    """Nothing of it is written by hand."""
    run = sample_run(architecture)
    card, results = (run.folder / "README.md").read_text(encoding="utf-8"), run.read_json("results.json")
    assert card == model_card(run)
    assert f"{results['losses']['heldout_carried']['bits_per_byte']:.4f}" in card
    assert results["command"] in card and "## Is it copied?" in card and "## Limits" in card


def test_both_were_trained_on_the_same_text_and_split():
    facts = [Run(sample_run(kind).folder).read_json("config.json")["facts"] for kind in ARCHITECTURES]
    assert facts[0]["text_sha256"] == facts[1]["text_sha256"] and facts[0]["split"] == facts[1]["split"]
