"""Files of many kinds as text: a reader for each kind, one registry of them. Nothing is fetched, nothing written."""

from .folder import read_file, read_folder, read_one
from .registry import READERS

__all__ = ["READERS", "read_file", "read_folder", "read_one"]
