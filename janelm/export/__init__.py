"""A run goes in; a graph in ONNX comes out, with what whoever runs it must know, at a quarter of the size if asked."""

from ..lazy import handed_on

__getattr__, __all__ = handed_on(
    __name__,
    graphs="export_apart export_graph read_description",
    precision="PRECISIONS quantise quantise_apart",
    rounding="rounded",
)
