"""Finished runs go in; a folder comes out that shows them as a page on any static host."""

from ..lazy import handed_on

__getattr__, __all__ = handed_on(
    __name__,
    folder="SiteOptions write_site",
    server="make_server",
)
