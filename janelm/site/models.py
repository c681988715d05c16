"""One model of the page: its graph, and all that the page says about it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..config import DataConfig, SamplingConfig, to_dict
from ..engines import Engine, OnnxEngine
from ..errors import JaneLMError
from ..export.graphs import export_graph, read_description
from ..export.precision import quantise
from ..reading.words import is_english
from ..runs.dataset import dataset_of
from ..runs.figures import Results
from ..runs.folder import Run
from ..runs.loaded import LoadedRun
from ..runs.public import file_name, public_command, public_data
from ..text.corpora import load_sources
from ..text.data import Dataset, RunningText
from ..text.documents import TITLE
from ..text.sources import Source
from ..writing.generation import Limits, generate_samples
from ..writing.language import guess_language
from .change import measure

EXAMPLE_CHARACTERS, EXAMPLE_TOKENS = 600, 1000  # about a screen; tokens may be parts of characters
PARAGRAPH_TOKENS = 50_000  # among which a paragraph's beginning is looked for
LANGUAGE_CHARACTERS = 20_000  # of each text, by which its language is guessed
EXAMPLE = SamplingConfig(temperature=0.8, seed=1)


@dataclass(frozen=True)
class SiteModel:
    """A model's file and its entry in the manifest."""

    graph: bytes
    entry: dict[str, Any]

    @property
    def path(self) -> str:
        return self.entry["file"]


@dataclass(frozen=True)
class _Text:
    """The text of a run, or why it cannot be read any more."""

    sources: list[Source]
    dataset: Dataset | None
    problem: str | None = None


def make_model(
    run: Run, precision: str, prompt: str | None, say: Callable[[str], None], language: str | None = None
) -> SiteModel:
    """Export, shrink, measure and describe the model of `run`, which writes in a language: guessed where it is None.

    Raises JaneLMError where the run is not finished, cannot be exported or does not know its prompt.
    """
    results, loaded, text = run.results(), run.load(), _read_text(run)
    full = export_graph(loaded)
    graph = full if precision == "fp32" else quantise(full, precision)
    content = graph.SerializeToString(deterministic=True)
    engine = OnnxEngine(graph, threads=1)  # as the page runs it
    change: dict[str, Any] | None
    if precision == "fp32":
        change = None
    elif text.dataset is None:
        change = {"not_measured": text.problem}
        say(f"{run.name}: what {precision} costs is not measured, because {text.problem}")
    else:
        measured = measure(OnnxEngine(full, threads=1), engine, text.dataset)
        say(f"{run.name} as {precision}: {measured}")
        change = {
            "bits_per_byte_fp32": measured.full,
            "bits_per_byte": measured.chosen,
            "bytes": measured.bytes,
        }
    titles = _titles(run.config().data, text.sources)
    digest = hashlib.sha256(content).hexdigest()
    entry = {
        "name": run.name,
        "kind": loaded.config.model.kind,
        "precision": precision,
        "file": f"models/{slug(run.name)}-{precision}-{digest[:8]}.onnx",
        "bytes": len(content),
        "sha256": digest,
        "parameters": results["parameters"],
        "description": read_description(graph),
        "card": _card(run, results),
        "losses": results["losses"],
        "overlap": results.get("overlap", {}),
        "precision_change": change,
        "curves": _curves(run),
        **titles,
        "example": _example(loaded, engine, _example_prompt(text, titles) if prompt is None else prompt),
    }
    entry["language"] = _language(text, entry["example"]) if language is None else language
    return SiteModel(content, entry)


def _language(text: _Text, example: dict[str, Any]) -> str:
    """The BCP 47 code of what the model learned from; nothing for Latin letters that are not English, which are of many
    languages."""
    some = "".join(source.text[:LANGUAGE_CHARACTERS] for source in text.sources[:4])
    some = some or example["prompt"] + example["text"]
    found = guess_language(some)
    return found if found != "en" or is_english(some) else ""


def slug(name: str) -> str:
    """A name as part of an address: letters, digits, dots, underscores and hyphens."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "model"


def _read_text(run: Run) -> _Text:
    config = run.config()
    try:
        sources = load_sources(config.data.data, config.data)
        return _Text(sources, dataset_of(run, config, sources, torch.device("cpu")))
    except JaneLMError as error:
        problem = str(error).replace(str(run.folder), run.name)
        for name in config.data.data:
            problem = problem.replace(name, file_name(name))
        return _Text([], None, problem)


def _card(run: Run, results: Results) -> dict[str, Any]:
    """How the model came to be. Where its text lay and who wrote it are nobody's business."""
    config, facts = run.config(), run.facts()
    settings = {"model": to_dict(config.model), "data": public_data(config.data), "training": to_dict(config.training)}
    return {
        "data": list(dict.fromkeys(map(file_name, facts["sources"]))),
        "text_sha256": facts["text_sha256"],
        "split": facts["split"],
        "command": public_command(results.get("command")),
        "machine": facts["machine"],
        "versions": {name: facts[name] for name in ("janelm", "torch", "python")},
        "settings": settings,
        **{name: results[name] for name in ("seconds", "steps", "tokens", "tokens_per_second", "ended")},
    }


def _curves(run: Run) -> dict[str, list[float]]:
    columns = {
        "tokens": "tokens",
        "seconds": "seconds",
        "train": "train_bits_per_byte",
        "validation": "validation_bits_per_byte",
    }
    rows = run.metrics()
    return {name: [row[column] for row in rows] for name, column in columns.items()}


def _titles(config: DataConfig, sources: list[Source]) -> dict[str, Any]:
    """The titles of a text of documents, in their order, and what stands around one at the start of a document."""
    around = {"keep": ("<", ">\t"), "shorten": ("", "\t")}.get(config.titles)
    if config.documents is None or around is None:
        return {"titles": [], "title_before": "", "title_after": ""}
    found = (TITLE.match(line) for source in sources for line in source.text.splitlines())
    titles = list(dict.fromkeys(match[1] for match in found if match))
    return {"titles": titles, "title_before": around[0], "title_after": around[1]}


def _example_prompt(text: _Text, titles: dict[str, Any]) -> str:
    """The first title; or the first words of a paragraph of validation text; or nothing."""
    if titles["titles"]:
        return titles["title_before"] + titles["titles"][0] + titles["title_after"]
    if not isinstance(text.dataset, RunningText):
        return ""
    first, last = text.dataset.range("validation")
    some = np.arange(first, min(last, first + PARAGRAPH_TOKENS))
    unseen = text.dataset.tokenizer.decode(text.dataset.take(some).tolist())
    paragraph = re.search(r"\n\s*\n(\w\S*(?:[ \n]\w\S*){2})", unseen)
    return paragraph[1].replace("\n", " ") if paragraph else ""


def _example(run: LoadedRun, engine: Engine, prompt: str) -> dict[str, Any]:
    """What the exported graph writes after `prompt`, and all that is needed to write it again."""
    text, count = "", 0
    for piece in generate_samples(run, prompt, Limits(EXAMPLE_TOKENS), EXAMPLE, engine=engine):
        text += piece.text
        count += 1
        if len(text) >= EXAMPLE_CHARACTERS:
            break
    sampling = {"seed": EXAMPLE.seed, "temperature": EXAMPLE.temperature}
    return {"prompt": prompt, "text": text, "num_tokens": count, **sampling}
