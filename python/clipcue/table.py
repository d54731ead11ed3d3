"""Tables of results."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Iterable, Mapping

import numpy as np

if TYPE_CHECKING:
    import pandas
    import polars


class Table(dict[str, np.ndarray]):
    """Columns of the same length, by their names."""

    def to_pandas(self) -> pandas.DataFrame:
        """Returns a pandas data frame. pandas has to be installed."""
        import pandas

        return pandas.DataFrame(dict(self))

    def to_polars(self) -> polars.DataFrame:
        """Returns a polars data frame. polars has to be installed."""
        import polars

        return polars.DataFrame({name: column.tolist() for name, column in self.items()})


def table(rows: Iterable[Mapping[str, Any]], columns: Iterable[str] = ()) -> Table:
    """Returns rows as columns. A missing number is NaN, another missing value None.

    columns are the names if there are no rows.
    """
    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row)) or list(columns)
    result = Table()
    for name in names:
        values = [row.get(name) for row in rows]
        present = [v for v in values if v is not None]
        if present and all(isinstance(v, bool) for v in values):
            result[name] = np.array(values, bool)
        elif all(isinstance(v, int) for v in values) and present:
            result[name] = np.array(values, np.int64)
        elif all(isinstance(v, (int, float)) for v in present) and present:
            result[name] = np.array([np.nan if v is None else v for v in values], np.float64)
        else:
            result[name] = np.array(values, object)
    return result


def metrics(run: str | os.PathLike[str]) -> tuple[Table, Table]:
    """Returns what a training measured, from its run folder: its steps, and its evaluations.

    The names of nested measurements are joined by dots.
    """
    steps, evaluations = [], []
    with open(os.path.join(run, "metrics.jsonl"), encoding="utf-8") as f:
        for line in f:
            entry = json.loads(line)
            if "evaluation" in entry:
                evaluations.append({"step": entry["step"], **dict(_flat("", entry["evaluation"]))})
            else:
                steps.append(entry)
    return table(steps, ["step"]), table(evaluations, ["step"])


def detections(path: str | os.PathLike[str]) -> Table:
    """Returns the detections in a file of ActivityNet's results format, as
    clipcue eval localization --output writes it. start and end are in seconds."""
    with open(path, encoding="utf-8") as f:
        results = json.load(f)["results"]
    return table(
        ({"video": video, "label": d.get("label", ""), "score": d["score"], "start": float(d["segment"][0]), "end": float(d["segment"][1])}
         for video, found in results.items() for d in found),
        ["video", "label", "score", "start", "end"])


def _flat(prefix: str, value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, v in value.items():
            yield from _flat(f"{prefix}.{name}" if prefix else name, v)
    elif not isinstance(value, list):
        yield prefix or "value", value
