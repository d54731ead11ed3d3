#!/usr/bin/env bash
# Tests the API of clipcue serve against its own specification with Schemathesis, for a
# minute, on loopback. Where Schemathesis cannot be installed, it says so and succeeds.
set -euo pipefail

clipcue=$(realpath "$1")
version=4.32.5
port=${CLIPCUE_CHECK_PORT:-18765}
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT

if ! python3 -m venv "$work/venv" 2>/dev/null || ! "$work/venv/bin/pip" install -q "schemathesis==$version"; then
	echo "check-api: skipped, Schemathesis cannot be installed" >&2
	exit 0
fi
cd "$work"
"$clipcue" synth objects --out videos --per-class 2 --only "red circle,blue ring" --seconds 4 --width 64 --height 64 -q
"$clipcue" index --library lib --window 2s --hop 1s --fps 4 -q videos
"$clipcue" serve --library lib --address "127.0.0.1:$port" --tokens none.json >server.log 2>&1 &
server=$!
for _ in $(seq 100); do
	curl -s -o /dev/null "http://127.0.0.1:$port/readyz" && break
	kill -0 "$server" || { cat server.log; exit 1; }
	sleep 0.2
done
# Tokens are optional here, so requests without one are accepted; events never end.
if ! "$work/venv/bin/schemathesis" run "http://127.0.0.1:$port/api/v1/openapi.json" --exclude-path /api/v1/events --no-color \
	--checks not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance \
	--max-examples 20 --max-time 60 --seed 1 --continue-on-failure --warnings off --request-timeout 30; then
	grep -E 'level=ERROR' server.log | cut -c1-2000 | tail -20
	exit 1
fi
