#!/usr/bin/env bash
# Tests decisions about files with other versions of ffmpeg: those of the Python package
# imageio-ffmpeg, whose versions are the arguments (default: the newest). The static build of
# ffmpeg 7.0.2 in 0.6.0 crashes on every transport stream, also without clipcue.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
programs=
[ $# -gt 0 ] || set -- ''
for version; do
	if ! python3 -m pip install -q --no-deps --target "$folder/$version" "imageio-ffmpeg${version:+==$version}"; then
		echo "skipped: pip cannot install imageio-ffmpeg $version"
		continue
	fi
	chmod +x "$folder/$version"/imageio_ffmpeg/binaries/ffmpeg-*
	for program in "$folder/$version"/imageio_ffmpeg/binaries/ffmpeg-*; do
		programs=${programs:+$programs:}$program
	done
done
CLIPCUE_FFMPEGS=$programs go test -count=1 -run OtherVersionsOfFFmpeg ./video
