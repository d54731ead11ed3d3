#!/bin/sh
# Tests the API of clipcue serve against its specification, with schemathesis from PyPI. It serves
# a small library with a token on loopback, for a minute.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
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

# The checks are those that a correct server passes for every request: valid requests may be
# refused, because the specification cannot express every rule. Events never end.
"$dir/venv/bin/schemathesis" run "$OLDPWD/docs/openapi.json" --url http://127.0.0.1:8799 -H "Authorization: Bearer $token" \
	--exclude-path /api/v1/events --max-time "$seconds" --request-timeout 30 --seed 1 --continue-on-failure --warnings off --no-color \
	--checks not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance
