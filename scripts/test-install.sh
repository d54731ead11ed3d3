#!/bin/sh
# Installs the committed module with go install PATH@VERSION, from a module proxy that is a folder.
# So a replace directive, or a needed file that a module's archive leaves out, is an error here.
# Other modules come from the local cache.
set -eu
cd "$(dirname "$0")/.."
go=${GO:-go}
module=$($go list -m)
version=v0.0.1
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT

# A module's archive has no nested modules and no vendor folders.
versions=$dir/proxy/$module/@v
mkdir -p "$versions"
git archive --format=zip --prefix="$module@$version/" -o "$versions/$version.zip" HEAD -- . ':!tools' ':(glob,exclude)**/vendor/**'
git show HEAD:go.mod > "$versions/$version.mod"
echo "$version" > "$versions/list"
echo "{\"Version\":\"$version\"}" > "$versions/$version.info"

GOPROXY="file://$dir/proxy,file://$($go env GOMODCACHE)/cache/download" GOSUMDB=off GOFLAGS=-trimpath \
	GOMODCACHE="$dir/modules" GOBIN="$dir/bin" $go install "$module/cmd/clipcue@$version"
"$dir/bin/clipcue" version
