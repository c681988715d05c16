"""`janelm export`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from ..config import check
from .shared import parse, say

if TYPE_CHECKING:
    from ..runs.folder import Run


PAGE_ONLY = ("title", "prompt", "cdn", "served", "copied", "workflow", "softmax", "language", "address", "embed")
HOW_TO_LOAD = """\
```python
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer, model = AutoTokenizer.from_pretrained("."), AutoModelForCausalLM.from_pretrained(".")
print(tokenizer.decode(model.generate(**tokenizer("It was", return_tensors="pt"), max_new_tokens=100)[0]))
```

It is exact up to {context:,} tokens, prompt and all; beyond them `transformers` does not slide as JaneLM does."""


@dataclass
class ExportOptions:
    """Which models go onto the page, and how."""

    runs: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Folders of runs, or their names under ./models; the page starts with the first."""
    output: Path | None = None
    """The folder to write or replace, by default site."""
    format: Literal["page", "huggingface", "gguf"] = "page"
    """A web page; or one model as a folder for transformers, or as a GGUF for llama.cpp and
    Ollama."""
    precision: Literal["int6-weights", "int8-weights", "int8", "fp16", "fp32"] | None = None
    """int6-weights and int8-weights compute as fp32 does, int8 in
    int8. By default int6-weights on a page, else fp32."""
    title: str | None = None
    """Title of the page; by default it names the models."""
    prompt: str | None = None
    """Start of the example; by default words it never saw."""
    cdn: bool = False
    """Leave third-party code to a public CDN, pinned by hash."""
    read: Literal["auto", "text", "figures", "none"] = "auto"
    """The text, figures or nothing in the room Read; by
    default the text only of austen or bible."""
    copied: bool = False
    """Light up what is copied; the text can be had from it."""
    runtime: Literal["native", "onnxruntime"] = "native"
    """What runs the models in the browser: the page's own step, or ONNX Runtime, which is larger
    and runs all models."""
    served: tuple[str, ...] = ()
    """Runs that the studio steps for a page of its own."""
    softmax: bool = False
    """The ONNX files also give probabilities."""
    language: str | None = None
    """Language they write (fr, pt-BR); by default guessed."""
    address: str | None = None
    """Where the page will be, for share cards: https://..."""
    embed: bool = False
    """Also print HTML for a blog; it needs --address."""
    workflow: bool = False
    """Also write .github/workflows/pages.yml, to publish."""

    def problems(self) -> list[str]:
        if not self.runs:
            return ["name at least one run, for instance: janelm export model --output site"]
        if self.format == "page":
            return ["--embed needs --address, where the page will be"] if self.embed and not self.address else []
        found = [f"{name} is for the page, not for --format {self.format}" for name in PAGE_ONLY if getattr(self, name)]
        if len(self.runs) > 1:
            found.append(f"--format {self.format} takes one run at a time, not {len(self.runs)}")
        return found


def export_command(arguments: list[str], program: str) -> int:
    """Put trained models onto a web page, or into other people's formats."""
    options = parse(ExportOptions, arguments, program, "Write a folder that any static host serves as a web page.")
    check(options)
    if options.format == "page":
        return _page(options)
    from ..runs.folder import find_run

    run = find_run(options.runs[0])
    output = options.output or Path(f"{run.name}-{options.format}")
    write = {"huggingface": _huggingface, "gguf": _gguf}[options.format]
    write(run, output, options.precision or "fp32")
    return 0


def _page(options: ExportOptions) -> int:
    from ..runs.folder import find_run
    from ..site.folder import SiteOptions, embedding, site_title, write_site
    from ..site.workflow import write_workflow

    output = options.output or Path("site")
    precision = options.precision or "int6-weights"
    names = ("title", "prompt", "cdn", "read", "copied", "runtime", "served", "softmax", "language", "address")
    site = SiteOptions(precision, **{name: getattr(options, name) for name in names})
    write_site([find_run(name) for name in options.runs], output, site, say)
    if options.workflow:
        say(f"{write_workflow(output)} publishes it on GitHub Pages: commit it together with {output}")
    if options.embed and options.address:
        print(embedding(site_title(output), options.address))
    say(f"the site is in {output}; look at it: janelm serve {output}")
    return 0


def _huggingface(run: Run, output: Path, precision: str) -> None:
    from ..export.huggingface import MARK, huggingface_files
    from ..machine.files import check_replaceable, replace_folder
    from ..measuring.cards import hub_card

    check_replaceable(output, MARK, "a folder for transformers")
    loaded = run.load()
    files = huggingface_files(loaded, precision)
    card = hub_card(run, HOW_TO_LOAD.format(context=loaded.config.model.context_length))
    replace_folder(output, {**files, "README.md": card.encode()})
    say(f'the model is in {output}; open it: AutoModelForCausalLM.from_pretrained("{output}")')


def _gguf(run: Run, output: Path, precision: str) -> None:
    from ..export.gguf import gguf_writer, modelfile
    from ..machine.files import check_replaceable, replace_folder
    from ..version import __version__

    mark, file, loaded = "janelm.json", f"{run.name}.gguf", run.load()
    check_replaceable(output, mark, "a folder with a GGUF")
    write = gguf_writer(loaded, precision, say)
    about = json.dumps({"janelm": __version__, "name": run.name, "precision": precision}) + "\n"
    replace_folder(output, {file: write, "Modelfile": modelfile(loaded, file).encode(), mark: about.encode()})
    say(f"the model is in {output}: llama-completion -m {output / file}, or cd {output} && ollama create {run.name}")
