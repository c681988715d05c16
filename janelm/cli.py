"""The entry of all commands: finds the one that is meant, and turns errors into a sentence and an exit code."""

from __future__ import annotations

import importlib
import os
import sys

from .config.own import trust
from .errors import JaneLMError
from .machine.cores import let_idle_threads_sleep
from .version import __version__

COMMANDS = {
    "look": "See what a text is made of before training on it.",
    "read": "See what a text is like: its books, words, feeling and people.",
    "train": "Train a transformer or an LSTM on a text, and measure it.",
    "write": "Write text with a trained model.",
    "compare": "Compare runs: one table of figures and one picture of their losses.",
    "score": "Measure how well a model expects any text.",
    "overlap": "Find what of a written text stands verbatim in the training text.",
    "export": "Put trained models onto a web page, or into the formats of transformers and llama.cpp.",
    "serve": "Show such a page on this machine.",
    "studio": "An app in the browser: train, watch, write, publish.",
    "api": "Answer programs: models behind an API in the form of OpenAI's.",
}


TRUST = ("--trust-code", "--trust_code")  # of every command: runs bring code only for architectures of people's own


def main(arguments: list[str] | None = None, program: str = "janelm") -> int:
    """Run one command and return the exit code: 0, 1 (failed), 2 (usage) or 130 (Ctrl-C, after saving)."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] not in COMMANDS:
        return _overview(program, arguments)
    command, rest = arguments[0], arguments[1:]
    program = program if program.endswith(".py") else f"{program} {command}"
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # What goes to a file or a program is UTF-8 everywhere; a character that a terminal cannot say is no
            # reason to stop.
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="replace")
    let_idle_threads_sleep()
    flags = [word for word in rest if word in TRUST]
    rest = [word for word in rest if word not in TRUST]
    try:
        module = importlib.import_module(f".commands.{command}", __package__)
        with trust(bool(flags)):
            return getattr(module, f"{command}_command")(rest, program)
    except JaneLMError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return error.exit_code
    except MemoryError:
        print(
            f"{program}: there is not enough memory for this; a smaller model, batch or text needs less",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print(f"{program}: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _overview(program: str, arguments: list[str]) -> int:
    """What there is to call; a usage error unless it was asked for."""
    if arguments == ["--version"]:
        print(f"janelm {__version__}")
        return 0
    lines = [f"usage: {program} COMMAND [options]", ""]
    lines += [f"  {name:8} {purpose}" for name, purpose in COMMANDS.items()]
    lines += ["", f"{program} COMMAND --help shows its options, --help-all every one of them."]
    lines += ["--trust-code lets the code run that comes with an architecture of its maker's own."]
    asked = bool(arguments) and arguments[0] in ("--help", "-h")
    if arguments and not asked:
        lines.insert(0, f"{program}: there is no command {arguments[0]!r}")
    print("\n".join(lines), file=sys.stdout if asked else sys.stderr)
    return 0 if asked else 2
