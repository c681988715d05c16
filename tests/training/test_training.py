"""The loop: budgets, stopping, saving, and going on as if nothing had happened."""

import os
import signal
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from small import SHAPES, TRAINING, happening, kill, quiet, write_text
from torch.optim._muon import _zeropower_via_newtonschulz

from janelm.architectures import build_model
from janelm.architectures.crossentropy import IGNORED
from janelm.config import CharacterTokenizerConfig, DataConfig, TiktokenTokenizerConfig, TrainingConfig
from janelm.errors import JaneLMError, UsageError
from janelm.machine.hardware import choose_compile, compiled
from janelm.runs import Run
from janelm.text.data import load_dataset
from janelm.text.sources import Source
from janelm.training.clock import Clock
from janelm.training.distillation import training_loss
from janelm.training.distributed import Team
from janelm.training.loop import FINAL_PASSES, Trainer
from janelm.training.optimizers import (
    NEWTON_SCHULZ,
    AdamW,
    Muon,
    WeightAverage,
    build_optimizers,
    learning_rate_scale,
    orthogonalise,
)
from janelm.training.pipeline import resume, train
from janelm.training.state import TrainingState
from janelm.training.step import FRESH_STARTS

CPU = torch.device("cpu")


def test_every_weight_is_in_exactly_one_group(shape):
    for tied, optimizer in product((True, False), ("auto", "adamw")):
        model = build_model(replace(shape, tied=tied), 30)
        optimizers = build_optimizers(model, replace(TRAINING, optimizer=optimizer))
        assert any(isinstance(o, Muon) for o in optimizers) == (optimizer == "auto")
        grouped = [id(p) for o in optimizers for group in o.param_groups for p in group["params"]]
        assert len(grouped) == len(set(grouped)) == len(list(model.parameters()))


def test_muon_never_gets_the_embedding_or_the_head():
    model = build_model(SHAPES["transformer"], 30)
    matrices = {id(p) for p in model.hidden_matrices()}
    assert id(model.embedding.weight) not in matrices and id(model.head.weight) not in matrices
    assert all(p.ndim == 2 for p in model.hidden_matrices())


@pytest.mark.parametrize("shape", [(24, 24), (64, 16), (16, 64), (24, 32)])
@pytest.mark.parametrize("spectrum", ["flat", "steep", "few"])
def test_orthogonalise_is_near_to_the_iteration_in_float64_as_far_as_bf16_can_be(shape, spectrum):
    """Rounding to 8 bits leaves something in every direction, and five steps multiply what is small by up to 3.4445^5,
    485. So directions of small singular values hold what rounding left there, in torch's own iteration too, and differ
    from processor to processor; all others are near."""
    torch.manual_seed(0)
    x = torch.randn(3, *shape)
    u, s, v = torch.linalg.svd(x, full_matrices=False)
    s = {
        "flat": s,
        "steep": 10 ** -torch.linspace(0, 3, s.size(1)).expand_as(s),
        "few": (s * 0).index_fill(1, torch.arange(4), 1),
    }[spectrum]
    x = u * s[:, None] @ v
    a, b, c = NEWTON_SCHULZ
    exact = x.double() if shape[0] <= shape[1] else x.double().mT
    exact = exact / exact.norm(dim=(-2, -1), keepdim=True)
    for _ in range(5):
        g = exact @ exact.mT
        exact = a * exact + (b * g + c * g @ g) @ exact
    exact = exact if shape[0] <= shape[1] else exact.mT
    theirs = torch.stack([_zeropower_via_newtonschulz(matrix, NEWTON_SCHULZ, 5, 1e-7) for matrix in x])
    ours = orthogonalise(x)
    assert ours.dtype == torch.bfloat16 and ours.shape == x.shape
    large = s[0] > 2**-4 * s[0].norm()
    u, v = u[:, :, large].double(), v[:, large].double()
    far, torchs, whole = (
        (u.mT @ part @ v.mT).norm() for part in (ours.double() - exact, theirs.double() - exact, exact)
    )
    assert far < 0.1 * whole and torchs < 0.1 * whole


def step_both(optimizers, ours, theirs) -> None:
    """Five steps of two optimizers, each with weights of its own and the same gradients."""
    for _ in range(5):
        for pair in zip(ours, theirs, strict=True):
            gradient = torch.randn(pair[0].shape)
            for weight in pair:
                weight.grad = gradient.clone()
        for optimizer in optimizers:
            optimizer.step()


def test_muon_takes_the_steps_of_torchs_own():
    torch.manual_seed(0)
    start = [torch.randn(shape) for shape in ((32, 32), (64, 16), (16, 64), (64, 16))]
    ours, theirs = ([torch.nn.Parameter(weight.clone()) for weight in start] for _ in range(2))
    settings = {"lr": 0.02, "weight_decay": 0.1, "momentum": 0.95}
    optimizers = Muon([settings | {"params": ours}]), torch.optim.Muon(theirs, **settings)
    step_both(optimizers, ours, theirs)
    for before, one, other in zip(start, ours, theirs, strict=True):
        assert (one - other).norm() < 0.05 * (other - before).norm()
        torch.testing.assert_close(
            optimizers[0].state[one]["momentum_buffer"], optimizers[1].state[other]["momentum_buffer"]
        )


@pytest.mark.parametrize("fused", [True, False])
def test_adamw_takes_the_steps_of_torchs_own(fused):
    torch.manual_seed(0)
    start = [torch.randn(shape) for shape in ((8, 4), (5,))]
    ours, theirs = ([torch.nn.Parameter(weight.clone()) for weight in start] for _ in range(2))
    settings = {"lr": 0.02, "weight_decay": 0.1, "betas": (0.9, 0.95), "eps": 1e-8, "fused": fused}
    optimizers = AdamW([settings | {"params": ours}]), torch.optim.AdamW(theirs, **settings)
    step_both(optimizers, ours, theirs)
    optimizers[0].zero_grad()
    for one, other in zip(ours, theirs, strict=True):
        assert one.grad is None and torch.equal(one, other)


@pytest.mark.parametrize(
    ("own", "torchs", "settings"),
    [
        (AdamW, torch.optim.AdamW, {"betas": (0.9, 0.95), "eps": 1e-8, "fused": True}),
        (Muon, torch.optim.Muon, {"momentum": 0.95}),
    ],
)
def test_an_optimizer_goes_on_from_what_torchs_own_saved(own, torchs, settings):
    """Runs were once saved by it."""
    settings = {"lr": 0.02, "weight_decay": 0.1} | settings
    gradients = [torch.randn(3, 4, generator=torch.Generator().manual_seed(i)) for i in range(4)]

    def steps(weight: torch.nn.Parameter, optimizer: torch.optim.Optimizer, these: list[torch.Tensor]) -> None:
        for weight.grad in these:
            optimizer.step()

    whole, before, after = (torch.nn.Parameter(torch.ones(3, 4)) for _ in range(3))
    steps(whole, own([settings | {"params": [whole]}]), gradients)
    old, new = torchs([before], **settings), own([settings | {"lr": 1.0, "params": [after]}])
    steps(before, old, gradients[:2])
    after.data.copy_(before)
    new.load_state_dict(old.state_dict())
    assert new.param_groups[0]["lr"] == 0.02
    steps(after, new, gradients[2:])
    torch.testing.assert_close(after, whole, atol=2e-3, rtol=0)
    again = own([settings | {"params": [after]}])
    again.load_state_dict(new.state_dict())
    assert all(
        torch.equal(kept, new.state[after][name]) and kept is not new.state[after][name]
        for name, kept in again.state[after].items()
    )


def test_without_muon_a_model_learns_too(text, shape):
    said = []
    train(shape, replace(TRAINING, optimizer="adamw"), Path("run"), text=text, say=said.append)
    first, *_, last = Run(Path("run")).metrics()
    assert last["validation_loss"] < 0.95 * first["validation_loss"]
    assert "optimizer: AdamW (as asked)" in said


def test_the_learning_rate_climbs_stays_and_falls_to_zero():
    config = TrainingConfig(steps=100, warmup_steps=10, decay=0.5)
    assert learning_rate_scale(0, 0.0, config) == pytest.approx(0.1)
    assert learning_rate_scale(9, 0.09, config) == learning_rate_scale(50, 0.5, config) == 1
    assert learning_rate_scale(75, 0.75, config) == pytest.approx(0.5)
    assert learning_rate_scale(100, 1.0, config) == 0


def interrupting(monkeypatch, at_step: int) -> None:
    """Press Ctrl-C at the end of that step."""
    happening(monkeypatch, at_step, lambda trainer: os.kill(os.getpid(), signal.SIGINT))


def weights_and_rows(folder: Path):
    run = Run(folder)
    state = run.resume_state()
    timeless = [{k: v for k, v in row.items() if "second" not in k} for row in state["training"]["rows"]]
    return state["weights"], run.load().model.state_dict(), timeless


@pytest.fixture(scope="module")
def uninterrupted(text, tmp_path_factory):
    """`weights_and_rows` of a whole training with these settings."""

    @cache
    def found(shape, training, data) -> tuple:
        folder = tmp_path_factory.mktemp("whole")
        train(shape, training, folder / "run", text=text, data=data, say=quiet)
        return weights_and_rows(folder / "run")

    return found


@pytest.mark.parametrize(
    ("kind", "settings", "drops", "documents", "stop_at"),  # at an evaluation, and between two of them
    [
        ("transformer", {}, {}, None, 6),
        ("transformer", {}, {}, "lines", 13),
        ("transformer", {"ema": 0.9}, {}, None, 13),
        ("lstm", {}, {}, None, 13),
        ("lstm", {}, {}, "lines", 6),
        ("lstm", {"ema": 0.9}, {"weight_dropout": 0.3, "locked_dropout": True}, None, 6),
        ("lstm", {"carry_state": True}, {"weight_dropout": 0.3}, None, 6),
        ("lstm", {"carry_state": True}, {"weight_dropout": 0.3}, None, 13),
    ],
)
def test_resumed_equals_uninterrupted(text, uninterrupted, kind, settings, drops, documents, stop_at, monkeypatch):
    """Same batches, same dropout, same optimizer state, same average, same carried state: bit for bit."""
    shape, data = replace(SHAPES[kind], dropout=0.2, **drops), DataConfig(documents=documents)
    training = replace(TRAINING, **settings)
    with monkeypatch.context() as patch:
        interrupting(patch, stop_at)
        assert train(shape, training, Path("parts"), text=text, data=data, say=quiet).interrupted
    Run(Path("parts")).load()
    torch.manual_seed(12345)
    assert not resume(Path("parts"), text=text, say=quiet).interrupted
    for whole, parts in zip(uninterrupted(shape, training, data), weights_and_rows(Path("parts")), strict=True):
        if isinstance(whole, list):
            assert len(whole) == 5
            assert str(whole) == str(parts)
        else:
            assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_an_interrupted_runs_own_evaluation_does_not_outlive_it(text, monkeypatch):
    """It may be the best so far; a resumed run is to end with what an uninterrupted one would have kept."""
    config = replace(TRAINING, steps=24, learning_rate=0.5, matrix_learning_rate=0.5, decay=0.0, warmup_steps=0)
    with monkeypatch.context() as patch:
        interrupting(patch, 5)
        assert train(SHAPES["lstm"], config, Path("parts"), text=text, say=quiet).interrupted
    extra = Run(Path("parts")).metrics()
    assert [row["step"] for row in extra] == [0, 5]
    before = Run(Path("parts")).best_weights()
    Run(Path("parts")).load()
    saved = Run(Path("parts")).resume_state()
    assert any((saved["best"][name].numpy() != before[name]).any() for name in before) == (
        extra[1]["validation_loss"] < extra[0]["validation_loss"]
    )
    train(SHAPES["lstm"], config, Path("whole"), text=text, say=quiet)
    resume(Path("parts"), text=text, say=quiet)
    whole, parts = (Run(Path(name)).best_weights() for name in ("whole", "parts"))
    assert all((whole[name] == parts[name]).all() for name in whole)


def test_ctrl_c_while_processes_confer_is_not_lost(text, monkeypatch):
    """Heard during the exchange, it was overwritten by what came of that, and torchrun killed them all in the end."""
    presses = iter([False, False, True])

    def confer(team, flag):
        if next(presses, False):
            os.kill(os.getpid(), signal.SIGINT)
        return flag

    monkeypatch.setattr(Team, "any", confer)
    assert train(SHAPES["lstm"], TRAINING, Path("run"), text=text, say=quiet).interrupted
    assert Run(Path("run")).resume_state()["training"]["step"] == 4


def test_ctrl_c_in_the_last_evaluation_leaves_a_finished_run(text, monkeypatch):
    """Its state was not saved, so that resuming trained the last stretch again."""
    interrupting(monkeypatch, 24)
    train(SHAPES["lstm"], TRAINING, Path("run"), text=text, say=quiet)
    saved = Run(Path("run")).resume_state()["training"]
    assert (saved["step"], saved["finished"]) == (24, "the budget is spent")


def test_a_second_ctrl_c_ends_at_once(text, monkeypatch):
    """The final evaluation used to go on all the same, and of other weights than the best."""
    interrupting(monkeypatch, 7)

    def pressed_again(self, *arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "_stop_early", pressed_again)
    with pytest.raises(KeyboardInterrupt):
        train(SHAPES["lstm"], TRAINING, Path("run"), text=text, say=quiet)
    assert not (Path("run") / "results.json").exists()
    Run(Path("run")).load()


def test_a_budget_of_minutes_ends_training_at_a_learning_rate_of_zero_and_stays_spent(text):
    """What its end had kept back was forgotten, so that resuming found time left and raised the learning rate again."""
    config = replace(TRAINING, steps=None, minutes=0.05)
    steps = train(SHAPES["lstm"], config, Path("run"), text=text, say=quiet).results["steps"]
    assert steps > 5 and Run(Path("run")).metrics()[-1]["learning_rate_scale"] < 0.05
    saved = Run(Path("run")).resume_state()["training"]
    assert saved["reserve"] > 0 and saved["finished"] == "the budget is spent"
    assert resume(Path("run"), text=text, say=quiet).results["steps"] == steps


def test_what_is_kept_back_for_the_end_follows_the_usual_evaluation():
    """It went by the quickest one, so that ten minutes on a noisy machine ended a quarter of a minute late."""
    data = SimpleNamespace(split_bytes={"train": 100, "validation": 1000}, train_tokens=100, held_out=["validation"])
    trainer = SimpleNamespace(state=TrainingState(), data=data, clock=Clock(TrainingConfig(minutes=10)))
    for seconds in (9.0, 2.0, 2.0, 0.5, 2.0):
        trainer.state.rows.append({})
        Trainer._plan_the_end(trainer, seconds, 100)
    assert trainer.state.reserve == 12 + FINAL_PASSES * 2 * 10
    trainer.clock.keep_back(trainer.state, 1000)
    assert trainer.state.reserve == 200  # a third of the budget at most


def test_the_clock_of_an_interrupted_run_is_that_of_its_last_step(text, monkeypatch):
    interrupting(monkeypatch, 7)
    train(SHAPES["lstm"], TRAINING, Path("run"), text=text, say=quiet)
    saved = Run(Path("run")).resume_state()["training"]
    assert saved["seconds"] > saved["rows"][-1]["seconds"]


def test_a_run_killed_in_its_first_steps_has_one_first_row(text, monkeypatch):
    with monkeypatch.context() as patch:
        happening(patch, 1, kill)
        with pytest.raises(MemoryError):
            train(SHAPES["lstm"], TRAINING, Path("run"), text=text, say=quiet)
    resume(Path("run"), text=text, say=quiet)
    assert [row["step"] for row in Run(Path("run")).metrics()] == [0, 6, 12, 18, 24]


def test_tokens_are_counted_as_they_are_read(text):
    """They used to be spread over the steps from the whole text, part of which no batch holds."""
    train(SHAPES["lstm"], TRAINING, Path("run"), text=text, say=quiet)
    assert Run(Path("run")).metrics()[-1]["tokens"] == 24 * 128


def test_a_text_from_python_is_cleaned_as_a_file_is_and_an_empty_one_refused(text):
    windows = text.replace("\n", "\r\n")
    one, other = (
        train(SHAPES["lstm"], replace(TRAINING, steps=2), Path(name), text=content, say=quiet)
        for name, content in (("one", text), ("other", windows))
    )
    assert one.results["losses"] == other.results["losses"]
    assert one.run.config().data.data == ("text",)
    with pytest.raises(UsageError, match="empty"):
        train(SHAPES["lstm"], TRAINING, Path("run"), text=" \n", say=quiet)


@pytest.mark.parametrize("kind", ["transformer", "lstm"])
def test_a_kill_between_evaluations_resumes_to_the_same_weights(text, uninterrupted, kind, monkeypatch):
    shape = SHAPES[kind]
    with monkeypatch.context() as patch:
        happening(patch, 15, kill)
        with pytest.raises(MemoryError):
            train(shape, TRAINING, Path("parts"), text=text, say=quiet)
    resume(Path("parts"), text=text, say=quiet)
    whole, parts = uninterrupted(shape, TRAINING, DataConfig())[0], weights_and_rows(Path("parts"))[0]
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_a_finished_run_goes_on_with_a_larger_budget_that_has_evaluations_of_its_own(text):
    """They used to be counted on from the old budget, so that there was none until the end."""
    train(SHAPES["lstm"], TRAINING, Path("run"), text=text, say=quiet)
    finished = resume(Path("run"), text=text, budget={"steps": 96}, say=quiet)
    assert finished.results["steps"] == 96 and Run(Path("run")).config().training.steps == 96
    assert [row["step"] for row in Run(Path("run")).metrics()] == [0, 6, 12, 18, 24, 48, 72, 96]


def test_resuming_on_another_text_is_refused(text):
    train(SHAPES["lstm"], replace(TRAINING, steps=2), Path("run"), text=text, say=quiet)
    with pytest.raises(JaneLMError, match="not the one"):
        resume(Path("run"), text=text + "more", say=quiet)


def test_one_batch_can_be_overfitted(text, shape):
    """If this fails, something between the loss and the weights is broken."""
    steps = 150 if shape.kind == "lstm" else 60
    config = replace(TRAINING, steps=steps, overfit_one_batch=True, decay=0.3, batch_tokens=64)
    finished = train(replace(shape, width=64), config, Path("run"), text=text, say=quiet)
    assert finished.results["best"]["train_loss"] < 0.1


def test_training_stops_when_validation_does_not_improve_and_keeps_the_best_weights():
    """Noise cannot be learned: validation gets worse as training gets better."""
    import random

    rng = random.Random(0)
    noise = "".join(rng.choice("abcdefgh") for _ in range(2000))
    config = replace(TRAINING, steps=4000, evaluations=80, patience=3, evaluation_tokens=4096, decay=0.0)
    finished = train(SHAPES["transformer"], config, Path("run"), text=noise, say=quiet)
    rows = Run(Path("run")).metrics()
    best = min(rows, key=lambda row: row["validation_loss"])
    assert "not improved in 3" in finished.results["ended"]
    assert rows[-1]["step"] < 4000 and rows.index(best) == len(rows) - 4
    assert finished.results["best"]["step"] == best["step"]
    assert finished.results["losses"]["validation"]["loss"] == pytest.approx(best["validation_loss"], rel=0.02)


def test_a_gradient_that_is_not_a_number_stops_with_a_remedy(text):
    config = replace(TRAINING, learning_rate=1e30, matrix_learning_rate=1e30, warmup_steps=0)
    with pytest.raises(JaneLMError, match=r"lower --learning_rate"):
        train(SHAPES["lstm"], config, Path("run"), text=text, say=quiet)
    Run(Path("run-failed-1")).load()


def test_a_run_leaves_everything_behind(text):
    train(SHAPES["lstm"], replace(TRAINING, steps=4), Path("run"), text=text, say=quiet)
    names = {path.name for path in Path("run").iterdir()}
    assert names == {
        "config.json",
        "tokenizer.json",
        "best.safetensors",
        "resume.pt",
        "metrics.csv",
        "results.json",
        "sample.txt",
        "samples.txt",
    }
    first = Run(Path("run")).metrics()[0]
    assert first["step"] == 0 and {
        "train_bits_per_byte",
        "validation_bits_per_byte",
        "validation_perplexity",
        "validation_accuracy",
        "gradient_norm",
        "tokens_per_second",
    } <= set(first)


def test_an_earlier_run_of_the_same_name_is_kept(text):
    config = replace(TRAINING, steps=2)
    train(SHAPES["lstm"], config, Path("run"), text=text, say=quiet)
    before = Path("run/best.safetensors").read_bytes()
    train(SHAPES["lstm"], replace(config, seed=2), Path("run"), text=text, say=quiet)
    assert Path("run-1/best.safetensors").read_bytes() == before != Path("run/best.safetensors").read_bytes()


def test_all_wrong_settings_are_named_at_once(text):
    model = replace(SHAPES["transformer"], width=30, dropout=1.5)
    training = replace(TRAINING, minutes=1, patience=0)
    with pytest.raises(UsageError) as caught:
        train(model, training, Path("run"), text=text, say=quiet)
    for word in ("width 30", "4 heads", "dropout", "minutes and steps", "patience"):
        assert word in str(caught.value)
    assert not Path("run").exists()


def test_both_architectures_learn_english_like_sentences(shape):
    """Not a benchmark: a broken loop stays near 1.0 bits per byte here, a working one gets under 0.7."""
    steps = 250 if shape.kind == "lstm" else 100
    training = replace(TRAINING, steps=steps, batch_tokens=512, learning_rate=0.01, decay=0.5)
    finished = train(
        replace(shape, width=64, context_length=32),
        training,
        Path("run"),
        text=write_text(3000),
        tokenizer=TiktokenTokenizerConfig(vocab_size=300),
        say=quiet,
    )
    assert finished.results["losses"]["heldout"]["bits_per_byte"] < 0.7


def test_the_same_seed_gives_the_same_run(text, shape):
    config = replace(TRAINING, steps=6)
    losses = [
        train(shape, config, Path(name), text=text, tokenizer=CharacterTokenizerConfig(), say=quiet).results["losses"]
        for name in ("one", "two")
    ]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("kind", ["transformer", "lstm"])
def test_the_average_of_the_weights_is_what_is_measured_and_kept(text, kind):
    """The weights that train are those of a run without an average; the ones that are kept are others."""
    shape = SHAPES[kind]
    config = replace(TRAINING, steps=8, evaluations=2)
    plain, averaged = (
        train(shape, replace(config, ema=ema), Path(f"ema-{ema}"), text=text, say=quiet) for ema in (0.0, 0.9)
    )
    state = averaged.run.resume_state()
    trained = plain.run.resume_state()["weights"]
    assert all(torch.equal(state["weights"][name], trained[name]) for name in trained)
    kept, last = averaged.run.load("best"), averaged.run.load("last")
    for name, weight in kept.model.named_parameters():
        assert torch.equal(weight, state["average"][name]) and torch.equal(weight, last.model.get_parameter(name))
        assert not torch.equal(weight, trained[name])


def test_an_average_follows_its_formula():
    model = build_model(SHAPES["lstm"], 30)
    average = WeightAverage(model, 0.5)
    expected = model.head.bias.detach().clone()
    for step in range(30):
        with torch.no_grad():
            model.head.bias.add_(torch.randn(30))
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * model.head.bias.detach()
    torch.testing.assert_close(average.weights["head.bias"], expected)
    own = model.head.bias.detach().clone()
    with average.in_place():
        torch.testing.assert_close(model.head.bias.detach(), expected)
    assert torch.equal(model.head.bias, own)


def test_a_carried_state_is_what_the_batch_before_ended_with(text):
    """Two windows of training cost what one window of twice their length costs."""
    training = replace(TRAINING, batch_tokens=64, carry_state=True)
    data = load_dataset([Source("t", text)], DataConfig(), CharacterTokenizerConfig(), 16, training, CPU)
    model = build_model(SHAPES["lstm"], data.tokenizer.vocab_size).eval()
    trainer = Trainer(model, data, training, Run(Path("run")), say=quiet)
    losses = []
    for step in range(2):
        trainer.state.step = step
        start = trainer.stepper.start_state(4, trainer.state.step)
        loss, trainer.stepper.carried = training_loss(model, *data.batch(step), start)
        losses.append(loss.item())
    assert not any(part.requires_grad for part in start)
    (first, _), (second, targets) = data.batch(0), data.batch(1)
    logits = model(torch.cat((first, second), 1))[0][:, 16:]
    expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()).item()
    assert losses[1] == pytest.approx(expected, rel=1e-5)


def test_a_carried_state_starts_afresh_in_each_epoch_and_now_and_then(text):
    training = replace(TRAINING, batch_tokens=64, carry_state=True)
    data = load_dataset([Source("t", text)], DataConfig(), CharacterTokenizerConfig(), 16, training, CPU)
    model = build_model(SHAPES["lstm"], data.tokenizer.vocab_size)
    trainer = Trainer(model, data, training, Run(Path("run")), say=quiet)
    trainer.stepper.carried = tuple(torch.ones_like(part) for part in model.initial_state(4))
    fresh = []
    for trainer.state.step in range(data.batches_per_epoch + 1):
        hidden, cell = trainer.stepper.start_state(4, trainer.state.step)
        assert torch.equal(hidden, cell) and set(hidden.flatten().tolist()) <= {0.0, 1.0}
        fresh.append([not row.any() for row in hidden.unbind(1)])
    assert all(fresh[0]) and all(fresh[-1])
    share = sum(map(sum, fresh[1:-1])) / (4 * len(fresh[1:-1]))
    assert 0 < share < 3 * FRESH_STARTS


def test_carrying_a_state_where_there_is_none_is_refused_before_training(text):
    carried = replace(TRAINING, carry_state=True)
    for shape, data in ((SHAPES["transformer"], DataConfig()), (SHAPES["lstm"], DataConfig(documents="lines"))):
        with pytest.raises(UsageError, match="carry_state is for"):
            train(shape, carried, Path("run"), text=text, data=data, say=quiet)


@pytest.mark.needs("compiler")
@pytest.mark.parametrize("shapes", [[(4, 16)], [(4, 12), (3, 15), (2, 8)]], ids=["one shape", "many shapes"])
def test_compiled_and_plain_loss_agree_and_so_do_their_gradients(shapes):
    """The fast path is tested against the readable one; dropout too must draw the same numbers in both."""
    torch.manual_seed(0)
    model = build_model(replace(SHAPES["transformer"], dropout=0.2), 31, pad_token=30).train()
    fast = compiled(training_loss, many_shapes=len(shapes) > 1)
    for rows, length in shapes:
        tokens = torch.randint(30, (rows, length + 1))
        tokens[0, length // 2 :] = 30
        targets = tokens[:, 1:].masked_fill(tokens[:, 1:] == 30, IGNORED)
        results = []
        for loss in (training_loss, fast):
            model.zero_grad()
            torch.manual_seed(1)
            value, _ = loss(model, tokens[:, :-1], targets)
            value.backward()
            results.append([value.detach(), *(p.grad.clone() for p in model.parameters())])
        for plain, quick in zip(*results, strict=True):
            torch.testing.assert_close(plain, quick, atol=1e-5, rtol=1e-4)


@pytest.mark.needs("compiler")
def test_a_budget_too_short_for_the_compiler_does_without():
    def chosen(many_shapes, **budget):
        config = TrainingConfig(**budget)
        return choose_compile(config, torch.device("cpu"), pays=True, many_shapes=many_shapes)[0]

    assert chosen(False, minutes=3) and not chosen(True, minutes=3) and chosen(True, minutes=5)
    assert chosen(False, steps=500) and not chosen(True, steps=500) and not chosen(False, minutes=1)
    assert not chosen(True, steps=5000, compile="off") and chosen(True, steps=1, compile="on")
