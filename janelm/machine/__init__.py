"""What this computer is good at, and may be trusted with: its processor and compilers, and files that are never half
written."""

from ..lazy import handed_on

__getattr__, __all__ = handed_on(
    __name__,
    hardware="autocast can_compile choose_compile choose_device choose_precision compiled processor",
    compiler="compiler library",
    cores="cores",
    files="GENERATED MODELS cache_folder free_names set_aside write_atomically",
    trust="trusted",
)
