"""The two errors a user can meet. Each is one clear sentence: what is wrong, where, and what to do."""


class JaneLMError(Exception):
    """Something failed for a reason the user can mend. The commands print it and exit with 1."""

    exit_code = 1


class UsageError(JaneLMError):
    """What was asked for cannot be: settings that contradict each other or make no sense. Exit code 2."""

    exit_code = 2
