"""Runs side by side: one table, one picture, and a plain word where the comparison is not fair."""

from __future__ import annotations

from dataclasses import dataclass

from ..runs.dataset import same_text
from ..runs.folder import Run


@dataclass(frozen=True)
class Row:
    """One run's line in the table; bits per byte are of its best weights."""

    name: str
    kind: str
    parameters: int
    tokens_per_second: float
    tokens: float
    best_validation: float
    best_at_step: int
    best_at_seconds: float
    cold: float
    carried: float | None
    learning_rate: str


def read_row(run: Run) -> Row:
    """The figures of a finished run. Raises JaneLMError where it is not finished."""
    config, results = run.config(), run.results()
    losses, best = results["losses"], results["best"]
    rates = (config.training.learning_rate, config.training.matrix_learning_rate)
    carried = losses.get("heldout_carried")
    return Row(
        name=run.name,
        kind=config.model.kind,
        parameters=results["parameters"],
        tokens_per_second=results["tokens_per_second"],
        tokens=results["tokens"],
        best_validation=best["validation_bits_per_byte"],
        best_at_step=int(best["step"]),
        best_at_seconds=best["seconds"],
        cold=losses["heldout"]["bits_per_byte"],
        carried=carried and carried["bits_per_byte"],
        learning_rate=" / ".join(f"{rate:g}" for rate in rates),
    )


COLUMNS = (
    ("run", lambda row: row.name),
    ("architecture", lambda row: row.kind),
    ("parameters", lambda row: f"{row.parameters:,}"),
    ("learning rate", lambda row: row.learning_rate),
    ("tokens seen", lambda row: f"{row.tokens:,.0f}"),
    ("tokens/s", lambda row: f"{row.tokens_per_second:,.0f}"),
    ("best validation", lambda row: f"{row.best_validation:.4f}"),
    ("reached at", lambda row: f"step {row.best_at_step:,}, {row.best_at_seconds:,.0f} s"),
    ("held-out, cold windows", lambda row: f"{row.cold:.4f}"),
    ("held-out, carried or sliding", lambda row: "-" if row.carried is None else f"{row.carried:.4f}"),
)


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table; losses in bits per byte."""
    cells = [[title for title, _ in COLUMNS]] + [[show(row) for _, show in COLUMNS] for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(COLUMNS))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def unfairness(runs: list[Run]) -> list[str]:
    """Every reason why the figures of these runs do not compare the architectures alone; empty if it is fair."""
    first, *others = runs
    found = []
    facts = first.facts()
    for other in others:
        other_facts = other.facts()
        pair = f"{first.name} and {other.name}"
        if not same_text(facts, other_facts):
            found.append(f"{pair} were trained on different texts or splits")
        if first.tokenizer().to_json() != other.tokenizer().to_json():
            found.append(f"{pair} have different tokenizers")
        lengths = [run.config().model.context_length for run in (first, other)]
        if lengths[0] != lengths[1]:
            found.append(f"{pair} have cold windows of different lengths ({lengths[0]} and {lengths[1]} tokens)")
        smaller, larger = sorted((facts["parameters"], other_facts["parameters"]))
        if larger > 1.1 * smaller:
            found.append(f"{pair} differ by {larger / smaller - 1:.0%} in parameters")
        if len({run.config().training.teachers != () for run in (first, other)}) > 1:
            found.append(f"of {pair} only one learned from teachers too")
        if ("ancestor" in facts) != ("ancestor" in other_facts):
            found.append(f"of {pair} only one goes on from another model")
        tokens = [run.metrics()[-1]["tokens"] for run in (first, other)]
        if max(tokens) > 1.02 * min(tokens):
            found.append(f"{pair} saw different amounts of text ({tokens[0]:,.0f} and {tokens[1]:,.0f} tokens)")
    return found
