"""Reads the features of frames that clipcue extract stores."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

import numpy as np

_SUFFIX = ".safetensors"
_MAX_HEADER = 100 << 20
_DTYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8"}


@dataclass(frozen=True)
class Sequence:
    """The features of the frames of one video, sorted by time."""

    id: str  # the video's path below the folder that was extracted
    features: np.ndarray  # [T,E], not normalized; read from the file when it is used
    timestamps: np.ndarray  # [T] seconds
    provenance: dict[str, Any]


class Store(Mapping[str, Sequence]):
    """A feature store: sequences by their id."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise FileNotFoundError(f"{self.folder}: no feature store, because it is no folder")

    def __iter__(self) -> Iterator[str]:
        for path in sorted(self.folder.rglob("*" + _SUFFIX)):
            if path.is_file() and not path.name.startswith("."):
                yield path.relative_to(self.folder).as_posix()[: -len(_SUFFIX)]

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, id: str) -> Sequence:
        path = self.folder / (id + _SUFFIX)
        if ".." in Path(id).parts or Path(id).is_absolute() or not path.is_file():
            raise KeyError(id)
        tensors, metadata = read_safetensors(path)
        features, timestamps = tensors.get("features"), tensors.get("timestamps")
        if features is None or timestamps is None or features.ndim != 2 or timestamps.shape != features.shape[:1]:
            raise ValueError(f"{path}: no features [T,E] with timestamps [T]")
        return Sequence(id, features, np.array(timestamps), json.loads(metadata["provenance"]))


def read_safetensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Returns the tensors of a file, mapped into memory, and its metadata."""
    size = path.stat().st_size
    with path.open("rb") as f:
        length = int.from_bytes(f.read(8), "little")
        if length > min(_MAX_HEADER, size - 8):
            raise ValueError(f"{path}: a header of {length} bytes in a file of {size}")
        header = json.loads(f.read(length))
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, t in header.items():
        begin, end = t["data_offsets"]
        dtype = np.dtype(_DTYPES[t["dtype"]])
        if not 0 <= begin <= end <= size - 8 - length or end - begin != math.prod(t["shape"]) * dtype.itemsize:
            raise ValueError(f"{path}: {name} does not match the size of the file")
        tensors[name] = np.memmap(path, dtype, "r", 8 + length + begin, tuple(t["shape"])) if end > begin else np.empty(t["shape"], dtype)
    return tensors, metadata
