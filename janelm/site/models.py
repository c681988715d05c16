"""One model of the page: its graph, and all that the page says about it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import onnx

from ..config import DataConfig, SamplingConfig, to_dict
from ..engines import Engine, OnnxEngine, choose_engine
from ..errors import JaneLMError
from ..export.graphs import EXPORTERS, add_probabilities, describe, export_graph, read_description
from ..export.precision import quantise
from ..reading.words import is_english
from ..runs.dataset import Texts
from ..runs.figures import Facts, Results
from ..runs.folder import Run
from ..runs.loaded import LoadedRun
from ..runs.public import file_name, public_command, public_data
from ..text.data import Dataset, RunningText
from ..text.documents import TITLE
from ..text.sources import Source
from ..writing.generation import Limits, generate_samples
from ..writing.language import guess_language
from .adapters import adapter_file, apart, as_read
from .change import as_rounded, measure, measure_steps

EXAMPLE_CHARACTERS, EXAMPLE_TOKENS = 600, 1000  # about a screen; tokens may be parts of characters
PARAGRAPH_TOKENS = 50_000  # among which a paragraph's beginning is looked for
SERVED = "../studio/steps"  # where a server steps models, beside a page that it shows
LANGUAGE_CHARACTERS = 20_000  # of each text, by which its language is guessed
EXAMPLE = SamplingConfig(temperature=0.8, seed=1)


@dataclass(frozen=True)
class SiteModel:
    """A model's file, that of the adapter that belongs to it, if one does, and its entry in the manifest."""

    graph: bytes
    entry: dict[str, Any]
    adapter: bytes | None = None

    @property
    def files(self) -> dict[str, bytes]:
        """By path; of one that a server runs, none."""
        found = {self.entry["file"]: self.graph} if self.entry["file"] else {}
        return found if self.adapter is None else found | {self.entry["adapter"]["file"]: self.adapter}


@dataclass(frozen=True)
class _Text:
    """The text of a run, or why it cannot be read any more."""

    sources: list[Source]
    dataset: Dataset | None
    problem: str | None = None


def make_model(
    run: Run,
    precision: str,
    prompt: str | None,
    say: Callable[[str], None],
    language: str | None = None,
    served: bool = False,
    adapters: bool = False,
    softmax: bool = False,
    texts: Texts | None = None,
) -> SiteModel:
    """Export, shrink, measure and describe the model of `run`, which writes in a language, guessed where it is None;
    or, if it is `served`, describe it as one that a server runs at full precision. With `adapters`, one that is an
    adapter is its base's file and a small one; with `softmax`, the file has probabilities as a further output. `texts`
    are those of several runs, read once for all.

    Raises JaneLMError where the run is not finished, cannot be exported or does not know its prompt.
    """
    results, loaded, text = run.results(), run.load(), _read_text(run, texts or Texts())
    made = _served(loaded) if served else _exported(run, loaded, precision, text, say, adapters, softmax)
    titles = _titles(run.config().data, text.sources)
    entry = {
        "name": run.name,
        "kind": loaded.config.model.kind,
        "precision": made.precision,
        **made.place,
        "parameters": results["parameters"],
        "description": made.description,
        "card": _card(run, results),
        "losses": results["losses"],
        "overlap": results.get("overlap", {}),
        "precision_change": made.change,
        "curves": _curves(run),
        **titles,
        "example": _example(loaded, made.engine, _example_prompt(text, titles) if prompt is None else prompt),
    }
    entry["language"] = _language(text, entry["example"]) if language is None else language
    return SiteModel(made.graph, entry, made.adapter)


class _Made(NamedTuple):
    """What runs the model: a file of the page, or a server."""

    engine: Engine
    description: Mapping[str, Any]
    place: dict[str, Any]
    precision: str = "fp32"
    graph: bytes = b""
    adapter: bytes | None = None
    change: dict[str, Any] | None = None


def _served(loaded: LoadedRun) -> _Made:
    """Its states stay with the server, which does not show its inside."""
    config = loaded.config.model
    ring = {"ring": {"memory": config.context_length - 1, "inputs": {}}} if config.bounded_memory else {}
    description = describe(loaded) | {"states": []} | ring
    engine = choose_engine(loaded, "auto", say=lambda line: None)
    return _Made(engine, description, {"file": "", "bytes": 0, "sha256": "", "served": SERVED})


def _exported(
    run: Run,
    loaded: LoadedRun,
    precision: str,
    text: _Text,
    say: Callable[[str], None],
    adapters: bool,
    softmax: bool,
) -> _Made:
    full = export_graph(loaded)
    made = (_adapted if adapters and run.base() else _whole)(run, loaded, full, precision, softmax)
    graph, content, adapter, place, read = made
    engine = OnnxEngine(graph, threads=1)  # as the page runs it
    change: dict[str, Any] | None = None
    if precision != "fp32" and text.dataset is None:
        change = {"not_measured": text.problem}
        say(f"{loaded.name}: what {precision} costs is not measured, because {text.problem}")
    elif precision != "fp32" and text.dataset is not None:
        by_steps = precision == "int8" or loaded.config.model.kind not in EXPORTERS
        measured = (
            measure_steps(OnnxEngine(full, threads=1), engine, text.dataset)
            if by_steps
            else measure(loaded, read or as_rounded(loaded, precision), text.dataset)
        )
        say(f"{run.name} as {precision}: {measured}")
        change = {"bits_per_byte_fp32": measured.full, "bits_per_byte": measured.chosen, "bytes": measured.bytes}
    description = read_description(full) | {"precision": precision}
    return _Made(engine, description, place, precision, content, adapter, change)


# The graph as the page computes it; its files, and their entry; and the model as it is read, if an adapter makes one.
Files = tuple[onnx.ModelProto, bytes, bytes | None, dict[str, Any], LoadedRun | None]


def _whole(run: Run, loaded: LoadedRun, full: onnx.ModelProto, precision: str, softmax: bool) -> Files:
    graph = full if precision == "fp32" else quantise(full, precision)
    if softmax:
        add_probabilities(graph)
    content = graph.SerializeToString(deterministic=True)
    return graph, content, None, _file(f"{run.name}-{precision}", content), None


def _adapted(run: Run, loaded: LoadedRun, full: onnx.ModelProto, precision: str, softmax: bool) -> Files:
    base, pairs = apart(run)
    below = base.load()
    _, content, _, files, _ = _whole(base, below, export_graph(below), precision, softmax)
    adapter = adapter_file(loaded, pairs)
    files |= {"adapter": _file(f"{run.name}-adapter", adapter)}
    read = as_read(below, loaded, pairs, precision)
    return export_graph(read), content, adapter, files, read


def _file(name: str, content: bytes) -> dict[str, Any]:
    """Where one of the models' files is, and what it must be."""
    digest = hashlib.sha256(content).hexdigest()
    return {"file": f"models/{slug(name)}-{digest[:8]}.onnx", "bytes": len(content), "sha256": digest}


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


def _read_text(run: Run, texts: Texts) -> _Text:
    config = run.config()
    try:
        return _Text(texts.sources(run), texts.data(run))
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
        "ancestor": _ancestor(facts),
        "versions": {name: facts[name] for name in ("janelm", "torch", "python")},
        "settings": settings,
        **{name: results[name] for name in ("seconds", "steps", "tokens", "tokens_per_second", "ended")},
    }


def _ancestor(facts: Facts) -> dict[str, Any] | None:
    """The model that it goes on from, and what that had learned from."""
    if "ancestor" not in facts:
        return None
    one = facts["ancestor"]
    texts = [file_name(source) for text in one["texts"] for source in text["sources"]]
    return {"name": file_name(one["name"]), "data": list(dict.fromkeys(texts))}


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
