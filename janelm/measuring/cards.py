"""The model card: what a stranger needs to know of a run, drawn from its own files."""

from __future__ import annotations

import json

from ..config import to_dict
from ..errors import named
from ..runs.figures import Copied, Facts, Results
from ..runs.folder import Run
from ..runs.public import file_name, public_command, public_data
from .evaluation import titles

LIMITS = (
    "A model of this size has learned the sound of its text, not its sense: sentences are mostly well formed, but they "
    "lead nowhere, and what they say of people and places is not to be relied on. It knows its text alone."
)


def model_card(run: Run) -> str:
    """Markdown for the run's README.md."""
    config, results = run.config(), run.results()
    facts = run.facts()
    lines = [
        f"# {run.name}",
        "",
        f"This is {named(config.model.kind)} of {results['parameters']:,} parameters, trained "
        f"{'on' if 'ancestor' in facts else 'from scratch on'} {_sources(facts['sources'])} with JaneLM "
        f"{facts['janelm']}{_from(facts)}.",
        "",
        "![Loss against tokens and against seconds](loss.png)",
        "",
        "## Held-out loss",
        "",
        "| text | bits per byte | nats per token | perplexity | accuracy |",
        "|---|---|---|---|---|",
    ]
    names = titles(results["losses"])
    for name, losses in results["losses"].items():
        lines.append(
            f"| {names.get(name, name)} | {losses['bits_per_byte']:.4f} | {losses['loss']:.4f} | "
            f"{losses['perplexity']:.2f} | {losses['accuracy']:.1%} |"
        )
    unit = "characters" if run.tokenizer().config.kind == "character" else "tokens"
    if results.get("overlap"):  # of a very long training text there is none
        lines += _overlap(results["overlap"], unit)
    lines += _both_texts(facts, results) + _training(run, names)
    lines += [
        "",
        "## Limits",
        "",
        LIMITS,
        "",
    ]
    return "\n".join(lines)


def hub_card(run: Run, use: str) -> str:
    """Markdown for a place where models are shared, with metadata at its head; `use` is the code that loads it.

    It names texts by their file names alone: folders of the machine where it was trained are nobody's business.
    """
    kind, results, facts = run.config().model.kind, run.results(), run.facts()
    sources = _sources(facts["sources"])
    names = titles(results["losses"])
    figures = {names[name]: round(one["bits_per_byte"], 4) for name, one in results["losses"].items() if name in names}
    metrics = [
        {"type": "bits_per_byte", "name": f"bits per byte, {name}", "value": value} for name, value in figures.items()
    ]
    measured = {"task": {"type": "text-generation"}, "dataset": {"name": sources, "type": "text"}, "metrics": metrics}
    about = {
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["janelm", kind],
        "model-index": [{"name": run.name, "results": [measured]}],
    }
    rows = [f"| {name} | {value:.4f} |" for name, value in figures.items()]
    lines = [
        "---",
        *(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in about.items()),  # JSON is YAML too
        "---",
        "",
        f"# {run.name}",
        "",
        f"This is {named(kind)} of {results['parameters']:,} parameters, trained on {sources} with JaneLM "
        f"{facts['janelm']}{_from(facts)}: "
        f"{results['steps']:,} steps, {results['tokens']:,} tokens, {results['seconds']:,.0f} s.",
        "",
        *use.splitlines(),
        "",
        "| held-out text | bits per byte |",
        "|---|---|",
        *rows,
        "",
        LIMITS,
        "",
    ]
    return "\n".join(lines)


def _from(facts: Facts) -> str:
    """The model that it goes on from, in a clause."""
    if "ancestor" not in facts:
        return ""
    one = facts["ancestor"]
    texts = ", before that on ".join(_sources(text["sources"]) for text in one["texts"])
    learned = f"{named(one['architecture'])} trained on {texts or 'a text that is not known'}"
    return f"; it goes on from {file_name(one['name'])}, {learned}"


def _both_texts(facts: Facts, results: Results) -> list[str]:
    """What going on from another model has brought, and what was forgotten."""
    if "ancestor" not in facts or "ancestor" not in results:
        return []
    found = results["ancestor"]
    lines = ["", "## Before and after", "", "Bits per byte of held-out text, at most 65,536 tokens of each split.", ""]
    lines += ["| text | the model it goes on from | this model |", "|---|---|---|"]
    for name, title in (("new", "this text"), ("old", "the text of the model it goes on from")):
        if name in found["before"] and name in found["after"]:
            lines.append(f"| {title} | {found['before'][name]:.4f} | {found['after'][name]:.4f} |")
    added = facts["ancestor"]["added"]
    return [*lines, "", f"It has {added}."] if added else lines


def _training(run: Run, names: dict[str, str]) -> list[str]:
    config, results = run.config(), run.results()
    facts = run.facts()
    split = ", ".join(f"{name} {part['bytes']:,} bytes" for name, part in facts["split"].items())
    lines = [
        "",
        "## How it was trained",
        "",
        f"- Command: `{public_command(results['command'])}`"
        if results.get("command")
        else "- It was trained from Python.",
        f"- Data: {_sources(facts['sources'])}, split {split}; SHA-256 of the text `{facts['text_sha256']}`.",
        f"- {results['steps']:,} steps, {results['tokens']:,} tokens, {results['seconds']:,.0f} s in all, "
        f"{results['tokens_per_second']:,.0f} tokens/s in training; ended because {results['ended']}.",
        f"- Machine: {facts['machine']}; torch {facts['torch']}, Python {facts['python']}.",
        *(
            f"- Taught by {one['name']}: {one['architecture']}, {one['steps']:,} steps, {one['seconds']:,.0f} s more; "
            f"held-out text ({names['heldout']}) {one['heldout']:.4f} bits per byte."
            for one in results.get("teachers", [])
        ),
        "",
        "| setting | value |",
        "|---|---|",
    ]
    for values in (to_dict(config.model), public_data(config.data), to_dict(config.training)):
        for name, value in values.items():
            if value not in (None, [], ()):
                shown = ", ".join(value) if isinstance(value, (list, tuple)) else value
                lines.append(f"| {name} | {shown} |")
    return lines


def _sources(names: list[str]) -> str:
    """The names of the texts, without the folders of the machine."""
    return ", ".join(dict.fromkeys(map(file_name, names)))


def _overlap(overlap: dict[str, Copied], unit: str) -> list[str]:
    lines = [
        "",
        "## Is it copied?",
        "",
        f"The share of its runs of 8, 16 and 32 {unit} that stand verbatim in the training text, or in that of a model "
        "that it goes on from, and the longest one; the first line is held-out text, which the model never saw: what "
        "not copying looks like.",
        "",
        f"| text | runs of 8 | runs of 16 | runs of 32 | longest, {unit} |",
        "|---|---|---|---|---|",
    ]
    for name, row in overlap.items():
        shares = " | ".join(f"{share:.1%}" for share in (row["runs_of_8"], row["runs_of_16"], row["runs_of_32"]))
        lines.append(f"| {name} | {shares} | {row['longest']} |")
    return lines
