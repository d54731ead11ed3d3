#!/bin/sh
# Checks the types of the page's TypeScript, where npm exists. The bundle does not need npm.
set -eu

cd "$(dirname "$0")/.."
if ! command -v npx >/dev/null 2>&1; then
	echo "check-web: skipped, there is no npm"
	exit 0
fi
npx --yes --package typescript@7.0.2 tsc --project internal/web
