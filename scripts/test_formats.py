"""Compares exported marks with what other programs' libraries read, and the reverse; see test-formats.sh."""

import csv, glob, html, json, os, shutil, subprocess, sys, urllib.parse, warnings

RATE = 25
LABELS = ["plain", "a, b; \"c\" & <d> 'e'", "naïve café — 中文", "علامة عربية", "=SUM(A1)", "-5", "x|y", "#1 = ok\\n", "%5%x", "null", "1.50", "x --> y", "a/b", "&amp;"]
VIDEOS = ["a b/clip 1.mp4", "c/clip 1.mp4", 'été/it\'s "x", & ñ.mp4']
failed = False


def clipcue(*args):
    return subprocess.run(["clipcue", *args], check=True, stdout=subprocess.PIPE, text=True).stdout


def compare(name, got, want, tolerance=0.0006):
    global failed
    got, want = (sorted(rows, key=lambda r: (r[0], r[3], r[1])) for rows in (got, want))
    bad = [(g, w) for g, w in zip(got, want) if (g[0], g[3]) != (w[0], w[3]) or abs(g[1] - w[1]) > tolerance or abs(g[2] - w[2]) > tolerance]
    failed |= bool(bad) or len(got) != len(want)
    print(f"{name:30} {'DIFFERS' if bad or len(got) != len(want) else 'ok'}", f"{len(got)} of {len(want)}", *bad[:2])


def files(extension):
    """Yields the exported files of a format with a file per video, and their videos."""
    for path in glob.glob(f"out{extension}/**/*{extension}", recursive=True):
        yield path, os.path.abspath("videos") + path[len("out" + extension) : -len(extension)]


def seconds(clock):
    return sum(float(part) * 60**i for i, part in enumerate(reversed(str(clock).replace(",", ".").split(":"))))


# A library with marks: overlapping, touching, with thousandths, negative.
for source, name in zip(("testsrc", "testsrc2", "rgbtestsrc"), VIDEOS):
    path = "videos/" + name
    os.makedirs(os.path.dirname(path), exist_ok=True)
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"{source}=d=8:s=64x64:r={RATE}", "-pix_fmt", "yuv420p", path], check=True)
for library in ("lib", "empty"):
    clipcue("index", "--library", library, "videos", "-q")
want = []
with open("marks.csv", "w", newline="") as f:
    out = csv.writer(f)
    out.writerow(["video", "start", "end", "label", "negative"])
    for v, name in enumerate(VIDEOS):
        for i, label in enumerate(LABELS):
            start = round(0.311 * i + 0.1 * v, 3)
            spans = [(start, round(start + 1.234, 3)), (round(start + 1.234, 3), round(start + 1.5, 3))]
            out.writerows([name, *span, label, False] for span in spans)
            want += [(os.path.abspath("videos/" + name), *span, label) for span in spans]
        out.writerow([name, 6, 7, "plain", True])
clipcue("label", "import", "--library", "lib", "marks.csv")
for row in json.loads(clipcue("formats", "--json")):
    extension = row["extensions"][0]
    out = {"edl": "out.edl", "resolve": "outresolve", "mpv": "mpv.edl"}.get(row["name"], "out" + extension if row["file_per_video"] else f"{row['name']}{extension}")
    if not row["file_per_video"] or row["import"]:
        clipcue("label", "export", "--library", "lib", "--out", out, "--format", row["name"])

warnings.simplefilter("error")  # what a library does not like about a file
warnings.simplefilter("ignore", (ResourceWarning, DeprecationWarning, FutureWarning))
import opentimelineio, pandas, polars, pyarrow, pyarrow.parquet, pympi, pysrt, webvtt
from praatio import textgrid

columns = ["video", "start", "end", "label"]
compare("pandas, Parquet", pandas.read_parquet("parquet.parquet")[columns].itertuples(index=False), want)
compare("pandas, JSONL", pandas.read_json("jsonl.jsonl", lines=True, dtype={"label": str})[columns].itertuples(index=False), want)
compare("polars, Parquet", polars.read_parquet("parquet.parquet").select(columns).rows(), want)
compare("polars, JSONL", polars.read_ndjson("jsonl.jsonl").select(columns).rows(), want)
protected = [(*r[:3], "'" + r[3] if r[3][0] in "=-" else r[3]) for r in want]
compare("polars, CSV", polars.read_csv("csv.csv").select(columns).rows(), protected)
eafs = [(v, pympi.Elan.Eaf(path)) for path, v in files(".eaf")]
compare("pympi, ELAN", [(v, a[0] / 1000, a[1] / 1000, a[2]) for v, e in eafs for t in e.get_tier_names() for a in e.get_annotation_data_for_tier(t)], want)
grids = [(v, textgrid.openTextgrid(path, includeEmptyIntervals=False, reportingMode="error")) for path, v in files(".TextGrid")]
compare("praatio, TextGrid", [(v, *a) for v, g in grids for t in g.tiers for a in t.entries], want)
compare("pysrt, SRT", [(v, s.start.ordinal / 1000, s.end.ordinal / 1000, s.text) for path, v in files(".srt") for s in pysrt.open(path, error_handling=pysrt.ERROR_RAISE)], want)
compare("webvtt, VTT", [(v, seconds(s.start), seconds(s.end), html.unescape(s.text)) for path, v in files(".vtt") for s in webvtt.read(path)], want)
events = [(v, c) for path, v in files(".edl") for c in opentimelineio.adapters.read_from_file(path, rate=RATE).find_clips()]
ranges = lambda c: (c.source_range.start_time.to_seconds(), c.source_range.end_time_exclusive().to_seconds())
compare("OpenTimelineIO, EDL", [(v, *ranges(c), c.metadata["cmx_3600"]["comments"][0].removeprefix("COMMENT: ")) for v, c in events], want, 0.6 / RATE)
clips = opentimelineio.adapters.read_from_file("fcpxml.fcpxml", adapter_name="fcpx_xml")[0].find_clips()
media = lambda c: urllib.parse.unquote(urllib.parse.urlparse(c.media_reference.target_url).path)
compare("OpenTimelineIO, FCPXML", [(media(c), *ranges(c), c.name) for c in clips], want, 1.6 / RATE)  # the adapter rounds down

warnings.simplefilter("ignore")
import datumaro
from label_studio_sdk.converter import Converter

os.makedirs("datumaro/annotations")
shutil.copy("datumaro.json", "datumaro/annotations/train.json")
data = datumaro.Dataset.import_from("datumaro", "datumaro", allow_external_media=True)
names = [c.name for c in data.categories()[datumaro.AnnotationType.label]]
compare("Datumaro", [(i.media.path, i.media._start_frame / RATE, (i.media._end_frame + 1) / RATE, names[a.label]) for i in data for a in i.annotations], want, 0.6 / RATE)
config = "".join(f'<Label value="{html.escape(label)}"/>' for label in LABELS)
Converter(f'<View><Labels name="label" toName="video">{config}</Labels><Video name="video" value="$video"/></View>', ".").convert("labelstudio.json", "tasks", "JSON_MIN", is_dir=False)
compare("Label Studio", [(t["video"], r["start"], r["end"], r["labels"][0]) for t in json.load(open("tasks/result.json")) for r in t["label"]], want)


def imported(name, path, tolerance=0.0006):
    shutil.copytree("empty", "copy")
    clipcue("label", "import", "--library", "copy", path)
    clipcue("label", "export", "--library", "copy", "--out", "copy.jsonl")
    compare(name + ", import", [tuple(json.loads(line).values()) for line in open("copy.jsonl")], want, tolerance)
    shutil.rmtree("copy")


frame = pandas.DataFrame(want, columns=columns)
for name, f in {"index": frame.set_index("video"), "categories": frame.astype({"label": "category"}), "nullable": frame.convert_dtypes(), "durations": frame.assign(**{c: pandas.to_timedelta(frame[c], unit="s") for c in ("start", "end")})}.items():
    f.to_parquet("p.parquet", compression="gzip")
    imported("pandas, " + name, "p.parquet")
polars.DataFrame(frame).write_parquet("p.parquet")
imported("polars", "p.parquet")
table = pyarrow.Table.from_pandas(frame)
pyarrow.parquet.write_table(table.set_column(3, "label", table["label"].cast(pyarrow.large_string())), "p.parquet", data_page_version="2.0", row_group_size=7)
imported("pyarrow", "p.parquet")
for v, e in eafs:
    os.makedirs("again", exist_ok=True)
    e.to_file(f"again/{len(os.listdir('again'))}.eaf")
imported("pympi", "again")
sys.exit(failed)
