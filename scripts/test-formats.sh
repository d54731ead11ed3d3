#!/bin/sh
# Exports marks with hard names in every format, reads them with the libraries of other programs, and imports
# what these write. It needs PyPI and about 1 GB of disk.
set -eu
cd "$(dirname "$0")/.."
script=$PWD/scripts/test_formats.py
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
CGO_ENABLED=0 ${GO:-go} build -trimpath -o "$dir/clipcue" ./cmd/clipcue
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q pympi-ling praatio webvtt-py pysrt opentimelineio otio-cmx3600-adapter otio-fcpx-xml-adapter \
	label-studio-sdk datumaro pandas pyarrow polars
cd "$dir"
PATH="$dir:$PATH" "$dir/venv/bin/python" "$script"
