"""Use clipcue from Python: run commands, search, and read its files as NumPy arrays."""

from .command import Error, Progress, Result, binary, run
from .library import Library
from .store import Sequence, Store
from .table import Table, detections, metrics

__all__ = [
    "Error", "Library", "Progress", "Result", "Sequence", "Store", "Table",
    "binary", "detections", "metrics", "run",
]
