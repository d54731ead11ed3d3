#!/bin/sh
# Builds the release of the committed state twice, in clones in different folders, and compares the
# bytes. The argument selects platforms, such as linux/amd64. With CLIPCUE_SLOW, the second build
# has an empty cache.
set -eu
cd "$(dirname "$0")/.."
go=${GO:-go}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for clone in first the/second; do
	git clone -q . "$dir/$clone"
	(cd "$dir/$clone" && $go run ./internal/release --out "$dir/out-$(basename "$clone")" ${1:+--platform "$1"})
	[ -z "${CLIPCUE_SLOW:-}" ] || export GOCACHE="$dir/cache"
done
diff -r "$dir/out-first" "$dir/out-second"
cat "$dir/out-first/SHA256SUMS"
