"""`janelm export`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from ..errors import UsageError
from .shared import parse, say


@dataclass
class ExportOptions:
    """Which models go onto the page, and how."""

    runs: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Folders of runs, or their names under ./models; the page starts with the first."""
    output: Path = Path("site")
    """The folder to write; an earlier site there is replaced."""
    precision: Literal["int8-weights", "int8", "fp16", "fp32"] = "int8-weights"
    """Weights: int8-weights is a quarter of the size of fp32 and computes as it does, fp16 is half. int8 also
    multiplies in int8, which is faster on processors made for it, but not in a browser."""
    title: str | None = None
    """Title of the page; by default it names the models."""
    prompt: str | None = None
    """Start of the example text; by default the first words of a paragraph that the model never saw."""
    cdn: bool = False
    """Leave third-party code to a public CDN, pinned by hash, instead of putting it into the folder."""
    runtime: Literal["native", "onnxruntime"] = "native"
    """What runs the models in the browser: native, the page's own step, or onnxruntime, ONNX Runtime, which is larger.
    Models that the page's own step cannot run take ONNX Runtime by themselves."""
    workflow: bool = False
    """Also write .github/workflows/pages.yml here, which publishes the folder on GitHub Pages."""


def export_command(arguments: list[str], program: str) -> int:
    """Put trained models onto a web page."""
    options = parse(ExportOptions, arguments, program, "Write a folder that any static host serves as a web page.")
    if not options.runs:
        raise UsageError("name at least one run, for instance: janelm export model --output site")
    from ..runs.folder import find_run
    from ..site.folder import SiteOptions, write_site
    from ..site.workflow import write_workflow

    site = SiteOptions(options.precision, options.title, options.prompt, options.cdn, options.runtime)
    write_site([find_run(name) for name in options.runs], options.output, site, say)
    if options.workflow:
        say(f"{write_workflow(options.output)} publishes it on GitHub Pages: commit it together with {options.output}")
    say(f"the site is in {options.output}; look at it: janelm serve {options.output}")
    return 0
