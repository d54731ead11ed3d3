"""Reads a library, and searches it."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Sequence

import numpy as np

from .command import run
from .table import Table, table

_LOG_START, _COMMIT, _PAGE = 8192, 44, 4096
_ENTRY = np.dtype([("id", "<i8"), ("scale", "<f4"), ("rest", "<f4"), ("levels_sum", "<u4"), ("vector_sum", "<u4"), ("kind", "<u4"), ("sum", "<u4")])
_ADDED = 1


class Library:
    """A library of videos. It is only read; clipcue index changes it."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        if not (self.folder / "library.db").is_file():
            raise FileNotFoundError(f"{self.folder}: no library")
        generation, settings = self._rows("SELECT generation, json FROM settings")[0]
        self._generation: int = generation
        self.settings: dict[str, Any] = json.loads(settings)

    def videos(self) -> Table:
        """Returns the videos: path, seconds, moments, sha256, missing."""
        columns = ["path", "seconds", "moments", "sha256", "missing"]
        return table((dict(zip(columns, row)) for row in self._rows(f"SELECT {', '.join(columns)} FROM videos ORDER BY path")), columns)

    def moments(self) -> Table:
        """Returns the moments: id, video (its path), start and end in seconds."""
        columns = ["id", "video", "start", "end"]
        rows = self._rows('SELECT m.id, v.path, m.start, m."end" FROM moments m JOIN videos v ON v.id = m.video ORDER BY v.path, m.start')
        return table((dict(zip(columns, row)) for row in rows), columns)

    def vectors(self, ids: np.ndarray) -> np.ndarray:
        """Returns the embeddings [len(ids),E] of moments; they are unit vectors."""
        row, vectors = self._index()
        return vectors[[row[int(i)] for i in ids]]

    def search(self, query: str = "", *, top: int = 10, arguments: Sequence[str | os.PathLike[str]] = ()) -> Table:
        """Returns the best moments for a text query: video, start, end, score and others.

        arguments are more flags of clipcue search, such as ["--image", "photo.jpg"].
        """
        command = ["search", "--library", self.folder, "--json", "--top", str(top), *arguments]
        return table(run(command + (["--", query] if query else [])).json()["results"] or [])

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        uri = (self.folder / "library.db").resolve().as_uri()
        try:
            with closing(sqlite3.connect(uri + "?mode=ro", uri=True)) as db:
                return db.execute(query).fetchall()
        except sqlite3.OperationalError:
            # SQLite cannot create the files that it needs, as on a read-only disk.
            log = self.folder / "library.db-wal"
            if os.access(self.folder, os.W_OK) or log.exists() and log.stat().st_size:
                raise
            with closing(sqlite3.connect(uri + "?immutable=1", uri=True)) as db:
                return db.execute(query).fetchall()

    def _index(self) -> tuple[dict[int, int], np.ndarray]:
        """Returns the row of each vector by its id, and the vectors. The comment of the Go
        package vector describes the files."""
        folders = sorted((self.folder / f"vectors-{self._generation}").glob("[0-9]*"))
        if not folders:
            raise FileNotFoundError(f"{self.folder}: the vectors are not in the library's folder")
        log = (folders[-1] / "log").read_bytes()
        commits = [log[at:at + _COMMIT] for at in (0, _PAGE)]
        valid = [np.frombuffer(c[8:40], "<u8") for c in commits if c[:8] == b"clipvec1" and _crc32c(c[:40]) == int.from_bytes(c[40:], "little")]
        if not valid:
            raise ValueError(f"{folders[-1]}: no valid commit")
        _, width, entries, rows = (int(n) for n in max(valid, key=lambda c: int(c[0])))
        row: dict[int, int] = {}
        added = 0
        for entry in np.frombuffer(log, _ENTRY, entries, _LOG_START):
            if entry["kind"] == _ADDED:
                row[int(entry["id"])] = added
                added += 1
            else:
                row.pop(int(entry["id"]), None)
        if added != rows:
            raise ValueError(f"{folders[-1]}: {added} vectors in the log, {rows} in its commit")
        return row, np.memmap(folders[-1] / "vectors", "<f4", "r", 0, (rows, width)) if rows else np.empty((0, width), "<f4")


def _crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF
