"""The model card: what a stranger needs to know of a run, drawn from its own files."""

from __future__ import annotations

import dataclasses

from ..runs.figures import Copied, Facts, Results
from ..runs.folder import Run
from .evaluation import titles


def model_card(run: Run) -> str:
    """Markdown for the run's README.md."""
    config, results = run.config(), run.results()
    facts = run.facts()
    lines = [
        f"# {run.name}",
        "",
        f"A {config.model.kind} of {results['parameters']:,} parameters, trained "
        f"{'on' if 'ancestor' in facts else 'from scratch on'} {', '.join(facts['sources'])} with JaneLM "
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
        "A model of this size has learned the sound of its text, not its sense: sentences are mostly well formed, but "
        "they lead nowhere, and what they say of people and places is not to be relied on. It knows its text alone.",
        "",
    ]
    return "\n".join(lines)


def _from(facts: Facts) -> str:
    """The model that it goes on from, in a clause."""
    if "ancestor" not in facts:
        return ""
    one = facts["ancestor"]
    texts = ", before that on ".join(", ".join(text["sources"]) for text in one["texts"])
    return f"; it goes on from {one['name']}, a {one['architecture']} trained on {texts or 'a text that is not known'}"


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
        f"- Command: `{results['command']}`" if results.get("command") else "- It was trained from Python.",
        f"- Data: {', '.join(facts['sources'])}, split {split}; SHA-256 of the text `{facts['text_sha256']}`.",
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
    for part in (config.model, config.data, config.training):
        for field in dataclasses.fields(part):
            value = getattr(part, field.name)
            if value not in (None, ()):
                shown = ", ".join(value) if isinstance(value, tuple) else value
                lines.append(f"| {field.name} | {shown} |")
    return lines


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
