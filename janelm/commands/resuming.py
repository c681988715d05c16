"""Which flags still hold when a run is gone on with."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from ..errors import UsageError
from ..runs.folder import Run
from ..training.presets import BUDGETS, for_vocabulary, model_preset
from .help import with_settings

CHANGEABLE = ("patience", "evaluations", "evaluation_tokens", "device", "precision", "compile")
ALWAYS = (*BUDGETS, "model_file", "config_file", "resume", "data", "track")


def changes(arguments: list[str], options: Any, run: Run) -> dict[str, Any]:
    """The settings of training that the flags change, by name.

    Flags that say what the run has anyway are welcome. Raises UsageError that names all others.
    """
    config, tokenizer = run.config(), run.tokenizer().config
    found, refused = {}, []
    for name in dict.fromkeys(map(_name, filter(lambda word: word.startswith("--"), arguments))):
        if name in ALWAYS:
            continue
        asked, stored = _asked(name, options), _stored(name, config, tokenizer)
        if name == "preset":
            shape = for_vocabulary(model_preset(config.model.kind, asked), run.tokenizer().vocab_size)
            stored = asked if shape == config.model else "another"
        if name in CHANGEABLE:
            found[name] = asked
        elif asked != stored:
            refused.append(f"--{name} {asked} (the run has {stored})")
    if refused:
        raise UsageError(
            f"--resume goes on with the run's own settings, which these are not: {', '.join(refused)}. Leave them out, "
            "or start a new run"
        )
    return found


def _name(flag: str) -> str:
    return with_settings([flag])[0][2:].split("=")[0].replace("-", "_").removeprefix("no_")


def _asked(name: str, options: Any) -> Any:
    if name == "architecture":
        return options.model.kind
    for part in (options.choice, options.model, options.training, options.data, options.tokenizer):
        if name in {field.name for field in fields(part)}:
            return getattr(part, name)
    return None


def _stored(name: str, config: Any, tokenizer: Any) -> Any:
    kinds = {"architecture": config.model.kind, "tokenization": tokenizer.kind}
    if name in kinds:
        return kinds[name]
    for part in (config.model, config.training, config.data, tokenizer):
        if hasattr(part, name):
            return getattr(part, name)
    return None
