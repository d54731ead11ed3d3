"""Uses the installed wheel as a notebook does. Run by scripts/test-python.sh."""

import os
import unittest
from importlib.util import find_spec
from pathlib import Path
from unittest import mock

import clipcue
import numpy as np


class Wheel(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        clipcue.run(["synth", "objects", "--out", "videos", "--per-class", "2", "--only", "red circle,blue ring",
                     "--seconds", "4", "--width", "64", "--height", "64"])
        cls.updates: list[clipcue.Progress] = []
        cls.extracted = clipcue.run(["extract", "--out", "features", "videos"], progress=cls.updates.append)
        clipcue.run(["index", "--library", "lib", "--window", "2s", "--hop", "1s", "videos"])

    def test_progress(self) -> None:
        last = self.updates[-1]
        self.assertEqual((last.done, last.total, last.unit), (4, 4, "videos"))
        self.assertFalse(self.extracted.partial)

    def test_errors(self) -> None:
        with self.assertRaises(clipcue.Error) as raised:
            clipcue.run(["features", "info", "nowhere"])
        self.assertIn("nowhere", str(raised.exception))
        with self.assertRaises(clipcue.Error) as raised:
            clipcue.run(["clasify"])
        self.assertEqual(raised.exception.code, 2)

        Path("broken.mp4").write_bytes(b"not a video")
        with self.assertRaises(clipcue.Error) as raised:
            clipcue.run(["extract", "--out", "none", "broken.mp4"])
        self.assertRegex(str(raised.exception), "^clipcue: .*broken.mp4")

    def test_program(self) -> None:
        with mock.patch.dict(os.environ, CLIPCUE_BINARY="nowhere/clipcue"):
            with self.assertRaisesRegex(FileNotFoundError, "CLIPCUE_BINARY: nowhere/clipcue"):
                clipcue.run(["version"])

    @unittest.skipIf(os.name == "nt", "Windows has no signals")
    def test_killed(self) -> None:
        Path("killed").write_text("#!/bin/sh\necho '{\"msg\":\"loading\"}' >&2\nkill -9 $$\n")
        os.chmod("killed", 0o755)
        with mock.patch.dict(os.environ, CLIPCUE_BINARY="./killed"):
            with self.assertRaisesRegex(clipcue.Error, r"signal 9 \(SIGKILL\); the system may be out of memory") as raised:
                clipcue.run(["version"])
        self.assertEqual(raised.exception.code, -9)

    def test_partial(self) -> None:
        Path("damaged.mp4").write_bytes(b"not a video")
        self.assertTrue(clipcue.run(["extract", "--out", "some", "damaged.mp4", "videos"]).partial)

    def test_interrupt(self) -> None:
        def stop(_: clipcue.Progress) -> None:
            raise KeyboardInterrupt
        with self.assertRaises(KeyboardInterrupt):
            clipcue.run(["extract", "--out", "other", "videos"], progress=stop)

    def test_store(self) -> None:
        store = clipcue.Store("features")
        self.assertEqual(len(store), 4)
        for name, sequence in store.items():
            frames, _ = sequence.features.shape
            self.assertEqual(sequence.timestamps.shape, (frames,))
            self.assertTrue(np.isfinite(sequence.features).all())
            self.assertEqual(Path(sequence.provenance["source"]).name, Path(name).name)
        # The export of clipcue itself has the same numbers.
        clipcue.run(["features", "export", "features", "--out", "npy"])
        np.testing.assert_array_equal(np.load(f"npy/{name}.npy"), sequence.features)
        for missing in ("nothing", "../features/" + name):
            self.assertNotIn(missing, store)

    def test_damaged_store(self) -> None:
        whole = next(Path("features").rglob("*.safetensors")).read_bytes()
        Path("damaged").mkdir(exist_ok=True)
        for content in (whole[:-1], whole[:20], b"", b"\xff" * 16):
            Path("damaged/x.safetensors").write_bytes(content)
            with self.assertRaises(ValueError):
                clipcue.Store("damaged")["x"]

    def test_library(self) -> None:
        library = clipcue.Library("lib")
        self.assertEqual(len(library.videos()["path"]), 4)
        moments = library.moments()
        vectors = library.vectors(moments["id"])
        self.assertEqual(vectors.shape, (len(moments["id"]), library.settings["width"]))
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
        found = library.search("a red circle", top=1)
        self.assertIn("red_circle", found["video"][0])

    def test_results(self) -> None:
        Path("run").mkdir(exist_ok=True)
        Path("run/metrics.jsonl").write_text('{"step":1,"loss":2.5}\n{"step":1,"evaluation":{"top1":0.5,"map":{"0.5":0.25}}}\n')
        steps, evaluations = clipcue.metrics("run")
        self.assertEqual(steps["loss"].tolist(), [2.5])
        self.assertEqual(evaluations["map.0.5"].tolist(), [0.25])
        Path("results.json").write_text('{"results":{"a":[{"label":"x","score":0.5,"segment":[1,2.5]}],"b":[]}}')
        table = clipcue.detections("results.json")
        self.assertEqual({k: v.tolist() for k, v in table.items()}, {"video": ["a"], "label": ["x"], "score": [0.5], "start": [1.0], "end": [2.5]})
        if find_spec("pandas"):
            self.assertEqual(table.to_pandas().end.sum(), 2.5)
        if find_spec("polars"):
            self.assertEqual(table.to_polars()["end"].sum(), 2.5)


if __name__ == "__main__":
    unittest.main()
