"""Searches for the ten nearest of unit vectors; see common.py. The folder CASE has vectors.f32
[n, 512], queries.f32 [200, 512], and the results of exact searches, nearest.i32 [200, 10]. `search.py
data CASE N` writes them."""
import json
import os
import sys
import time

import numpy

import common

QUERIES, WIDTH, FINDS, SPREAD = 200, 512, 10, 24


def points(rng, centers, n):
    """Points of clusters, as scenes are: a center, a difference of twice its length in 24 directions
    of the cluster, and noise of a quarter of the length."""
    which, count = rng.integers(len(centers), size=n), len(centers)
    x = centers[which] + 0.25 * rng.standard_normal((n, WIDTH), numpy.float32)
    for d in range(SPREAD):
        along = centers[(which * 37 + d * 11 + 1) % count]
        x += along * (rng.standard_normal((n, 1), numpy.float32) * numpy.float32(2 / SPREAD ** 0.5))
    return x / numpy.linalg.norm(x, axis=1, keepdims=True)


def data(case, n):
    os.makedirs(case, exist_ok=True)
    if os.path.exists(case + "/nearest.i32"):
        return
    rng = numpy.random.default_rng(1)
    centers = rng.standard_normal((max(1, int(n ** 0.5)), WIDTH), numpy.float32)
    vectors = numpy.memmap(case + "/vectors.f32", numpy.float32, "w+", 0, (n, WIDTH))
    queries, scores = points(rng, centers, QUERIES), []
    for i in range(0, n, 20000):
        part = vectors[i:i + 20000]
        part[:] = points(rng, centers, len(part))
        scores.append(queries @ part.T)
    vectors.flush()
    queries.tofile(case + "/queries.f32")
    best(numpy.concatenate(scores, 1)).astype(numpy.int32).tofile(case + "/nearest.i32")


def best(scores):
    """The columns of the ten highest values of each row."""
    some = numpy.argpartition(-scores, FINDS - 1, 1)[:, :FINDS]
    order = numpy.argsort(-numpy.take_along_axis(scores, some, 1), 1, kind="stable")
    return numpy.take_along_axis(some, order, 1)


class Case:
    def __init__(self, folder):
        self.folder = folder
        self.vectors = numpy.memmap(folder + "/vectors.f32", numpy.float32, "r").reshape(-1, WIDTH)
        self.queries = numpy.fromfile(folder + "/queries.f32", numpy.float32).reshape(-1, WIDTH)
        self.nearest = numpy.fromfile(folder + "/nearest.i32", numpy.int32).reshape(-1, FINDS)
        self.next = 0

    def recall(self, find):
        found = sum(len(set(find(q)) & set(n)) for q, n in zip(self.queries, self.nearest))
        return found / self.nearest.size

    def served(self, name, find):
        """The arguments of serve for a function that finds the nearest of one query."""
        def one():
            self.next = (self.next + 1) % len(self.queries)
            find(self.queries[self.next])
        return {"peer": name, "recall": self.recall(find)}, one, 1

    def tuned(self, name, find, efforts, set_effort):
        """served with the least effort that has clipcue's recall, or else the highest."""
        with open(self.folder + "/recall.json") as f:
            want = json.load(f)
        for effort in efforts:
            set_effort(effort)
            if self.recall(find) >= want:
                break
        about, *rest = self.served(f"{name}, effort {effort}", find)
        return about, *rest


def built(case, name, build, write):
    """The path of an index, which is built if there is none, and the seconds that took."""
    path = f"{case.folder}/{name}"
    if not os.path.exists(path):
        begin = time.perf_counter()
        index = build()
        with open(path + ".json", "w") as f:
            json.dump(time.perf_counter() - begin, f)
        write(index, path)
    with open(path + ".json") as f:
        return path, json.load(f)


def with_numpy(folder, threads):
    case = Case(folder)

    def find(query):
        return best((case.vectors @ query)[None])[0]
    return case.served(f"NumPy {numpy.__version__}", find)


def flat(folder, threads):
    """One part of the vectors for each thread: a search for a single vector uses one thread of an
    index."""
    import faiss
    case = Case(folder)
    parts = [faiss.IndexFlatIP(WIDTH) for _ in range(threads)]
    index, size = faiss.IndexShards(WIDTH, True, True), -(-len(case.vectors) // threads)
    for i, part in enumerate(parts):
        part.add(numpy.ascontiguousarray(case.vectors[i * size:(i + 1) * size]))
        index.add_shard(part)
    return case.served(f"faiss {faiss.__version__} flat", lambda q: index.search(q[None], FINDS)[1][0])


def faiss_index(folder, threads, name, description, parameter, efforts):
    import faiss
    faiss.omp_set_num_threads(threads)
    case = Case(folder)

    def build():
        lists = int(2 * len(case.vectors) ** 0.5)
        index = faiss.index_factory(WIDTH, description.replace("IVF", f"IVF{lists}"), faiss.METRIC_INNER_PRODUCT)
        if description.startswith("HNSW"):
            index.hnsw.efConstruction = 200
        index.train(case.vectors)
        index.add(case.vectors)
        return index

    path, seconds = built(case, f"faiss-{name}", build, faiss.write_index)
    index, space = faiss.read_index(path), faiss.ParameterSpace()
    if isinstance(index, faiss.IndexRefine):
        index.k_factor = 10  # candidates for each result, of which the exact scores decide
    about, *rest = case.tuned(f"faiss {faiss.__version__} {description}", lambda q: index.search(q[None], FINDS)[1][0], efforts,
                              lambda n: space.set_index_parameter(index, parameter, n))
    return {**about, "build": seconds}, *rest


def hnswlib(folder, threads):
    import importlib.metadata
    import hnswlib
    case = Case(folder)

    def build():
        index = hnswlib.Index("ip", WIDTH)
        index.init_index(len(case.vectors), M=32, ef_construction=200)
        index.add_items(case.vectors, num_threads=threads)
        return index

    path, seconds = built(case, "hnswlib", build, lambda index, path: index.save_index(path))
    index = hnswlib.Index("ip", WIDTH)
    index.load_index(path)
    about, *rest = case.tuned(f"hnswlib {importlib.metadata.version('hnswlib')}, M 32", lambda q: index.knn_query(q, FINDS, num_threads=1)[0][0],
                              EFFORTS, index.set_ef)
    return {**about, "build": seconds}, *rest


EFFORTS = [16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024]

if sys.argv[1] == "data":
    data(sys.argv[2], int(sys.argv[3]))
else:
    common.start({
        "numpy": with_numpy,
        "flat": flat,
        "hnswlib": hnswlib,
        "hnsw": lambda *a: faiss_index(*a, "hnsw", "HNSW32", "efSearch", EFFORTS),
        "ivfpq": lambda *a: faiss_index(*a, "ivfpq", "IVF,PQ64,RFlat", "nprobe", [1, 2, 4, 8, 16, 32, 64, 128, 256]),
    })
