"""The two errors a user can meet. Each is one clear sentence: what is wrong, where, and what to do."""

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
