"""The local server: models for programs (`janelm api`), and an app in the browser for people (`janelm studio`).

Needs the extra `studio`. One process has each model in memory once and writes many texts with it at the same time.
"""

from ..lazy import handed_on

__getattr__, __all__ = handed_on(__name__, batching="Batch Busy Order", server="serve", shelf="Shelf")
