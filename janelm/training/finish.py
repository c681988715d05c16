"""What is found out about a finished model, and what it writes."""

from __future__ import annotations

import numpy as np

from ..architectures.crossentropy import IGNORED
from ..config import SamplingConfig
from ..machine.files import write_atomically
from ..machine.hardware import autocast, choose_precision
from ..measuring.evaluation import final_losses
from ..measuring.overlap import MOST_TOKENS, TokenIndex, run_shares
from ..runs.folder import Run
from ..runs.loaded import LoadedRun
from ..text.data import Dataset
from ..writing.generation import Limits, generate, generate_samples
from .ancestor import BothTexts
from .loop import Trainer

SAMPLE_TOKENS = 500  # of the text that is kept beside a finished model
COPYING_TOKENS = 250  # of each text that is searched for what stands in the training text


def sample_text(run: LoadedRun, num_tokens: int) -> str:
    """The text that the model writes from a fixed start, with a fixed seed: comparable from one to the next."""
    training = run.model.training
    run.model.eval()
    text = "".join(generate(run, "", num_tokens, SamplingConfig(seed=1)))
    run.model.train(training)
    return text


def measure(
    run: Run,
    loaded: LoadedRun,
    dataset: Dataset,
    trainer: Trainer,
    taught_by: list[dict],
    command: str | None,
    texts: BothTexts | None = None,
) -> dict:
    """The figures of the finished model, which go to results.json, and a text that it writes."""
    network, state = loaded.model, trainer.state
    dtype, _ = choose_precision(loaded.config.training, network.device)
    with autocast(network.device, dtype):
        losses = final_losses(network, dataset)
    results = {
        "parameters": network.parameter_count(),
        "steps": state.step,
        "tokens": state.rows[-1]["tokens"],
        "tokens_per_second": state.tokens_per_second(),
        "seconds": round(trainer.clock.seconds, 1),
        "best": trainer.records.best(state),
        "ended": state.finished,
        "command": command,
        "teachers": taught_by,
        "losses": losses,
        "overlap": {},
    }
    if texts:
        results["ancestor"] = texts.after(network, dtype)
    run.write_results(results)  # what follows takes a while
    network.eval()
    read = [dataset, *(texts.earlier if texts else [])]
    if sum(data.train_tokens for data in read) <= MOST_TOKENS:
        results["overlap"] = originality(loaded, read)
        run.write_results(results)
    write_atomically(run.folder / "sample.txt", sample_text(loaded, SAMPLE_TOKENS))
    return results


def originality(run: LoadedRun, read: list[Dataset]) -> dict[str, dict[str, float]]:
    """How much of what the model writes stands in its training texts, the latest first: the share of its runs of 8, 16
    and 32 tokens, and the longest, at two temperatures; and the same of held-out text, which is what not copying looks
    like."""
    apart = np.array([-1])  # no token: what ends one text and begins the next stands in neither
    index = TokenIndex(np.concatenate([part for data in read for part in (data.training_tokens(), apart)]))
    held_out = next(read[0].evaluation("validation", 2000)).targets.cpu().numpy()
    texts = {"held-out text": [row[row != IGNORED] for row in held_out]}
    for temperature in (1.0, 0.7):
        written: list[list[int]] = [[] for _ in range(8)]
        for piece in generate_samples(
            run, "", Limits(COPYING_TOKENS), SamplingConfig(temperature=temperature), num_samples=8
        ):
            written[piece.sample].append(piece.token)
        texts[f"temperature {temperature}"] = [np.array(tokens, np.int64) for tokens in written]
    figures = {}
    for name, pieces in texts.items():
        lengths = [index.matches(piece)[0] for piece in pieces]
        figures[name] = {f"runs_of_{size}": share for size, share in run_shares(lengths).items()}
        figures[name]["longest"] = max(int(part.max(initial=0)) for part in lengths)
    return figures
