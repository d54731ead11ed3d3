#!/bin/sh
# Makes sure that ffmpeg and ffprobe are there: installs Debian's where they are not.
set -eu

have() { command -v "$1" >/dev/null 2>&1; }
if have "${CLIPCUE_FFMPEG:-ffmpeg}" && have "${CLIPCUE_FFPROBE:-ffprobe}"; then
	exit 0
fi
cannot() {
	echo "ffmpeg is missing and could not be installed: $1." >&2
	echo "Install it (apt install ffmpeg, brew install ffmpeg, winget install ffmpeg), or point CLIPCUE_FFMPEG and CLIPCUE_FFPROBE at it." >&2
	exit 1
}
have apt-get || cannot "there is no apt-get here"
root=
if [ "$(id -u)" -ne 0 ]; then
	have sudo || cannot "apt-get needs root, and there is no sudo"
	root=sudo
fi
echo "installing ffmpeg"
$root apt-get update -qq || cannot "apt-get update failed"
DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends ffmpeg >/dev/null || cannot "apt-get install failed"
have ffmpeg && have ffprobe || cannot "apt-get installed it, but it is not on PATH"
