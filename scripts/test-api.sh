#!/bin/sh
# Tests the API of clipcue serve against its specification, with schemathesis from PyPI. It serves
# a small library with a token on loopback, for a few minutes at most.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-120}
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$dir"' EXIT

python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q 'schemathesis>=4.32,<5'
${GO:-go} build -trimpath -o "$dir/clipcue" ./cmd/clipcue
clipcue="$dir/clipcue"
cd "$dir"
"$clipcue" synth objects -q --out videos --per-class 2 --only 'red circle,blue ring,green cross' --seconds 6 --width 64 --height 64
"$clipcue" index -q --library lib --window 2s --hop 1s --fps 4 videos
"$clipcue" label new --library lib red --text 'a red circle'
"$clipcue" label mark --library lib red red_circle/000.mp4 0 4
"$clipcue" label mark --library lib red red_circle/001.mp4 0 4
"$clipcue" label mark --library lib red blue_ring/000.mp4 0 4 --not
token=$("$clipcue" serve token add tester --role edit --tokens tokens.json)
"$clipcue" serve -q --library lib --tokens tokens.json --address 127.0.0.1:8799 > served.txt &
server=$!
until [ -s served.txt ]; do
	kill -0 "$server"
	sleep 0.2
done

# The specification cannot express every rule, such as that a part ends after its start, so a
# valid request may be refused (positive_data_acceptance).
"$dir/venv/bin/schemathesis" run "$OLDPWD/docs/openapi.json" --url http://127.0.0.1:8799 -H "Authorization: Bearer $token" \
	--max-time "$seconds" --request-timeout 30 --exclude-checks positive_data_acceptance --warnings off
