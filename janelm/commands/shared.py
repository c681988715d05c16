"""What the commands share: reading flags, and telling the user."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import tyro

MODELS, GENERATED = Path("models"), Path("generated")
DEFAULT_MODEL, DEFAULT_CONFIG = "model.pth", "model-config.pkl"


def parse(kind: type, arguments: list[str], program: str, description: str, **more: Any) -> Any:
    """Parse flags, spelled with underscores or hyphens, into `kind`; a mistake ends with exit code 2."""
    return tyro.cli(
        kind,
        prog=program,
        args=arguments,
        description=description,
        use_underscores=True,
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes),
        **more,
    )


def say(line: str) -> None:
    """Tell the user something about the work: on stderr, so that stdout holds nothing but results."""
    print(line, file=sys.stderr, flush=True)
