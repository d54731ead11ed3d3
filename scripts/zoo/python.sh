#!/bin/sh
# Prints a Python interpreter with OpenCLIP, timm and transformers: that of ZOO_PYTHON, or of a
# virtual environment in which it installs them from PyPI.
set -eu
if [ -n "${ZOO_PYTHON:-}" ]; then
	echo "$ZOO_PYTHON"
	exit
fi
venv=${ZOO_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/clipcue-zoo}
if [ ! -x "$venv/bin/python" ]; then
	python3 -m venv "$venv"
	# Pillow 13 resizes slightly differently.
	"$venv/bin/pip" install --quiet 'open_clip_torch==3.3.*' 'timm==1.0.31' 'transformers==5.24.*' 'pillow<13' sentencepiece protobuf >&2
fi
echo "$venv/bin/python"
