"""What the commands share: reading flags, and telling the user."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import tyro

from ..config import DataConfig
from ..machine.files import MODELS
from .help import Groups, help_text, options_of, with_settings
from .mistakes import check_arguments

DEFAULT_MODEL, DEFAULT_CONFIG = "model.pth", "model-config.pkl"


def parse(kind: type, arguments: list[str], program: str, description: str, common: Groups | None = None) -> Any:
    """Parse flags, spelled with underscores or hyphens, into `kind`; a mistake ends with exit code 2.

    `--help` shows the `common` options, by heading, where there are too many for a screen; `--help-all` shows all.
    """
    everything = {"--help-all", "--help_all"} & set(arguments)
    if everything or {"--help", "-h"} & set(arguments):
        print(help_text(kind, program, description, None if everything else common), end="")
        raise SystemExit(0)
    check_arguments(arguments, options_of(kind))
    return tyro.cli(
        kind,
        prog=program,
        args=with_settings(arguments),
        description=description,
        use_underscores=True,
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes),
    )


def parse_some(kind: type, arguments: list[str], program: str) -> Any:
    """Parse those flags that `kind` has, and pass over the others."""
    check_arguments(arguments, options_of(kind), all_options=False)
    arguments = with_settings(arguments)
    return tyro.cli(kind, args=arguments, prog=program, return_unknown_args=True, add_help=False)[0]


def in_models(name: str) -> Path:
    """The file of this name in `models`, which may be part of the name: shells complete it so."""
    path = Path(name)
    return path if path.parts[:1] == MODELS.parts else MODELS / path


def config_name(model_file: str, config_file: str) -> str:
    """The config file that goes with the model file: the one named, or else one named after the model.

    Otherwise two models trained under names of their own would share, and fight over, the default config file.
    """
    own_name = in_models(model_file) != in_models(DEFAULT_MODEL) and config_file == DEFAULT_CONFIG
    return f"{Path(model_file).with_suffix('')}-config.pkl" if own_name else config_file


def say(line: str) -> None:
    """Tell the user something about the work: on stderr, so that stdout holds nothing but results."""
    print(line, file=sys.stderr, flush=True)


def read_text(file: str, options: DataConfig | None = None) -> str:
    """The text of a file, read as a run's `options` say, telling the user what was done to it.

    Raises JaneLMError where it cannot be read.
    """
    from ..text.corpora import read_source

    source = read_source(Path(file), options)
    for line in source.report:
        say(f"{source.name}: {line}")
    return source.text
