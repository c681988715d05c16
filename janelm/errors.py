"""The two errors a user can meet, each one sentence (what is wrong, where, what to do), and what sentences share."""

from pathlib import Path


class JaneLMError(Exception):
    """Something failed for a reason the user can mend. The commands print it and exit with 1."""

    exit_code = 1


class UsageError(JaneLMError):
    """What was asked for cannot be: settings that contradict each other or make no sense. Exit code 2."""

    exit_code = 2


def cannot_write(path: Path, error: Exception) -> JaneLMError:
    """What to raise where the disk or its rights refuse to take a file or a folder."""
    reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
    return JaneLMError(
        f"cannot write {path} ({reason}): make the folder writable, free some space, or choose another place"
    )


def named(kind: str) -> str:
    """How a sentence names a model of this architecture: `a transformer`, `an LSTM`, `a GPT-2`."""
    return {"lstm": "an LSTM", "gpt2": "a GPT-2"}.get(kind, f"a {kind}")


def counted(number: float, what: str) -> str:
    """How a sentence counts: `1 page`, `1,000 pages`, `0.5 pages`."""
    told = f"{int(number):,}" if float(number).is_integer() else f"{number:g}"
    return f"{told} {what}{'' if number == 1 else 's'}"
