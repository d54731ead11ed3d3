#!/bin/sh
# Builds a wheel of this machine's platform, installs it into an empty virtual environment and runs
# the tests and the type checker there, and the commands of docs/python.md. It needs PyPI.
set -eu
cd "$(dirname "$0")/.."
go=${GO:-go}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

CGO_ENABLED=0 $go build -trimpath -o "$dir/built/clipcue" ./cmd/clipcue
for i in 1 2; do
	mkdir "$dir/wheel$i"
	python3 python/build.py --binary "$dir/built/clipcue" --platform "$($go env GOOS)/$($go env GOARCH)" --version 0.0.0 --out "$dir/wheel$i"
done
diff -r "$dir/wheel1" "$dir/wheel2"

python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q "$dir"/wheel1/*.whl matplotlib mypy pandas polars
# The blocks of the page, in order: they use each other's files.
sed -n '/^```python$/,/^```$/p' docs/python.md | grep -v '^```' > "$dir/page.py"
cp python/tests/*.py "$dir"
cd "$dir"
export PATH="$dir/venv/bin:$PATH"
mypy --strict --ignore-missing-imports -p clipcue
mkdir tests page
(cd tests && python ../test_clipcue.py)
(cd page && MPLBACKEND=agg python ../page.py)
