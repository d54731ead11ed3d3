#!/bin/sh
# Makes sure that the tests of the page find Chromium and axe-core. Where one cannot be
# installed, its tests are skipped, and say so.
set -eu

version=4.14.1
# The names of the functions are not those of programs: command -v would find the function.
have() { command -v "$1" >/dev/null 2>&1; }

find_or_install_chromium() {
	have "${CLIPCUE_CHROMIUM:-chromium}" || have google-chrome || have chromium-browser && return
	root=
	if [ "$(id -u)" -ne 0 ]; then
		have sudo || return 1
		root=sudo
	fi
	have apt-get || return 1
	echo "installing chromium"
	$root apt-get update -qq &&
		DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends chromium >/dev/null
}

find_or_install_axe() {
	folder=${XDG_CACHE_HOME:-$HOME/.cache}/clipcue
	file=$folder/axe-$version.js
	[ -s "$file" ] && return
	have npm && have tar || return 1
	echo "installing axe-core"
	mkdir -p "$folder"
	work=$(mktemp -d)
	(cd "$work" && npm pack --silent "axe-core@$version" >/dev/null && tar -xzf axe-core-*.tgz package/axe.min.js) &&
		mv "$work/package/axe.min.js" "$file"
	rm -rf "$work"
	[ -s "$file" ]
}

find_or_install_chromium || echo "chromium is missing and could not be installed; the tests of the page will be skipped" >&2
find_or_install_axe || echo "axe-core is missing and could not be installed; the tests of accessibility will be skipped" >&2
