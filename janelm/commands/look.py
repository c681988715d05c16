"""`janelm look`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import tyro

from ..config import DataConfig, check
from ..errors import counted
from .shared import parse, say

WIDTH = 40  # of the longest bar
REFERENCE = "on Austen's novels, with byte pairs, on two cores,"
MANY_EPOCHS = 100  # from which a text is learnt by heart, whatever its size


@dataclass
class LookOptions:
    """Which text."""

    files: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Files, archives, folders or named corpora; the same as --data."""
    minutes: float = 10.0
    """The budget of a training, which its size is chosen by."""
    speed: bool = True
    """Measure how fast this machine trains, by a few steps, to tell how often a budget reads the text."""
    yardsticks: bool = False
    """Also tell what a loss on this text means: what gzip, xz and the frequencies of letters come to."""
    preview: bool = False
    """Also show places before and after the cleaning that is asked for."""
    json: bool = False
    """Print all of it as JSON."""
    write: str | None = None
    """Save the clean text there, as the model will read it."""
    data: DataConfig = field(default_factory=DataConfig)


def look_command(arguments: list[str], program: str) -> int:
    """See what a text is made of before training on it."""
    options = parse(LookOptions, arguments, program, "See what a text is made of before training on it.")
    config = replace(options.data, data=options.files) if options.files else options.data
    check(config)
    from ..machine.files import write_atomically
    from ..text.corpora import load_sources
    from ..text.documents import QUICK, settled
    from ..text.looking import changes, look
    from ..text.sources import joined
    from ..text.tidying import untidied

    sources = load_sources(config.data, config)
    if options.write is not None:
        write_atomically(Path(options.write), lambda path: _save(path, joined(sources)))
        say(f"the clean text is in {options.write}")
    seen = look(sources, config)
    seen["training"] = _training(seen, options.minutes, options.speed)
    if options.yardsticks and seen["characters"] < QUICK:
        from ..measuring.yardsticks import splits_of, yardsticks

        splits = splits_of(sources, settled(config, sources))
        seen["yardsticks"] = yardsticks(splits["train"], splits["validation"])
    seen["warnings"] = _warnings(seen)
    if options.preview:
        seen["changes"] = changes(load_sources(config.data, untidied(config)), sources)
    print(json.dumps(seen, ensure_ascii=False, indent=1) if options.json else "\n".join(_lines(seen)))
    return 0


def _save(path: Path, pieces: Iterable[str]) -> None:
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(pieces)


def _training(seen: dict[str, Any], minutes: float, measure: bool) -> dict[str, Any]:
    """What a training of so many minutes would be: tokens are characters here, as they are by default."""
    from ..training.presets import choose_preset, for_vocabulary, model_preset, training_preset

    preset = choose_preset({"minutes": minutes})[0]
    vocab_size = seen["different"] + 1
    size = for_vocabulary(model_preset("transformer", preset), vocab_size)
    training = training_preset("transformer", preset)
    tokens = seen["split"]["train"]["characters"]
    shapes = size.weight_shapes(vocab_size).values()
    parameters = sum(shape[0] * (shape[1] if len(shape) > 1 else 1) for shape in shapes)
    found: dict[str, Any] = {
        "minutes": minutes,
        "preset": preset,
        "parameters": parameters,
        "tokens": tokens,
        "context_length": size.context_length,
        "steps_per_epoch": -(-tokens // training.batch_tokens),
    }
    if measure:
        from ..training.forecast import measured_speed, reached

        found |= measured_speed(size, training, vocab_size)
        found["tokens_in_budget"] = round(found["tokens_per_second"] * 60 * minutes)
        found["epochs"] = found["tokens_in_budget"] / max(1, tokens)
        found["reached"] = reached(minutes)
    return found


def _warnings(seen: dict[str, Any]) -> list[str]:
    found, training = [seen["problem"]] if "problem" in seen else [], seen["training"]
    if training["tokens"] < 20 * training["context_length"]:
        found.append(
            f"the text is small for the preset {training['preset']}: {training['tokens']:,} characters to train on, "
            f"where each step reads windows of {training['context_length']:,}"
        )
    elif training["parameters"] > 5 * training["tokens"]:
        found.append(
            f"the preset {training['preset']} has {training['parameters'] / training['tokens']:.0f} parameters for "
            "each character of the text, and will learn it by heart: a smaller --preset does as well"
        )
    if seen.get("held_out_seen_in_training", 0) > 0.02:
        found.append(
            f"{seen['held_out_seen_in_training']:.0%} of the held-out text stands, line for line, in training as well"
        )
    epochs, budget = training.get("epochs"), counted(training["minutes"], "minute")
    if epochs is not None and epochs > MANY_EPOCHS:
        found.append(
            f"in {budget} it would be read about {epochs:,.0f} times, and be learnt by heart: "
            "fewer --minutes, or more text, do better"
        )
    elif epochs is not None and epochs < 1:
        found.append(f"a budget of {budget} is enough for about {epochs:.0%} of it: more reads more")
    documents = seen.get("documents", {})
    held = sum(part.get("documents", 0) for name, part in seen["split"].items() if name != "train")
    if documents.get("near_copies_held_out", 0) > 0.02 * held:
        found.append(
            f"{documents['near_copies_held_out']:,} of {held:,} held-out documents are near-copies of training ones"
        )
    authors = sum(seen["authors"].values())
    for name, count in seen["authors"].items():
        if len(seen["authors"]) > 1 and count > 0.8 * authors:
            found.append(f"{name} wrote {count / authors:.0%} of it: --author takes one voice alone")
    if seen["personal"]:
        kinds = ", ".join(f"{count:,} x {kind}" for kind, count in seen["personal"].items())
        found.append(f"there may be personal data ({kinds}): --blank_out {' '.join(seen['personal'])} takes them out")
    return found


def _lines(seen: dict[str, Any]) -> list[str]:
    """All of it for a person to read."""
    from ..text.looking import told

    total, lines = seen["characters"], []
    first, others = told([file["done"] for file in seen["files"]])
    for file, report in zip(seen["files"], first, strict=False):
        lines.append(f"{file['name']} ({file['kind']}): {file['characters']:,} characters")
        lines += [f"    {line}" for line in report]
    if more := seen["files"][len(first) :]:
        lines.append(f"{counted(len(more), 'more file')}: {sum(file['characters'] for file in more):,} characters")
        lines += [f"    {line}" for line in others]
    lines += ["", f"{total:,} characters, {seen['different']:,} different:"]
    lines += [f"  {name:12} {count:>12,}  {count / total:6.1%}" for name, count in seen["scripts"].items()]
    if seen["rare"]:
        lines += ["", "rare characters, each with a place where it stands:"]
        lines += [f"  {r['character']!r:10} {r['count']} x {r['name']:40} {r['example']!r}" for r in seen["rare"]]
    if "documents" in seen:
        documents = seen["documents"]
        lines += ["", f"{documents['count']:,} documents ({documents['kind']}), by length in characters:"]
        most = max(count for _, count in documents["histogram"])
        lines += [
            f"  up to {high:>8,} {'█' * round(WIDTH * count / most)} {count:,}"
            for high, count in documents["histogram"]
        ]
        lines.append(
            f"  {documents['copies']:,} are copies of others; "
            f"{documents['near_copies_held_out']:,} near-copies held out"
        )
    lines += ["", "what is held out: " + ", ".join(_part(name, part) for name, part in seen["split"].items())]
    lines.append(f"  it begins {seen['held_out_begins'][:70]!r}")
    if seen.get("yardsticks"):
        lines.append("  in bits per byte, by " + "; ".join(f"{name} {bits:.2f}" for name, bits in seen["yardsticks"]))
    lines += ["", *_training_lines(seen["training"])]
    for old, new in seen.get("changes", []):
        lines += ["", *(f"- {line}" for line in old.split("\n")), *(f"+ {line}" for line in new.split("\n"))]
    return lines + [f"note: {warning}" for warning in seen["warnings"]]


def _training_lines(training: dict[str, Any]) -> list[str]:
    lines = [
        f"in {counted(training['minutes'], 'minute')}: preset {training['preset']}, "
        f"{training['parameters']:,} parameters; "
        f"{training['tokens']:,} tokens (characters), read once in {training['steps_per_epoch']:,} steps",
    ]
    if "epochs" in training:
        lines.append(
            f"  about {training['tokens_in_budget']:,} tokens, {training['epochs']:.1f} times the text, by "
            f"{counted(training['steps'], 'step')} on this {training['device']} just now "
            f"({training['tokens_per_second']:,.0f} tokens/s, not compiled); evaluations take some of it"
        )
    if training.get("reached"):
        each = ", ".join(f"{kind} {bits:.2f}" for kind, bits in training["reached"].items())
        lines.append(f"  for comparison, {REFERENCE} so many minutes came to, in bits per byte: {each}")
    return lines


def _part(name: str, part: dict[str, int]) -> str:
    documents = f"{part['documents']:,} documents, " if "documents" in part else ""
    return f"{name} {documents}{part['characters']:,} characters"
