#!/bin/sh
# Builds the Debian package of this machine's platform, examines it with lintian, and installs, uses
# and removes it in a new, minimal Debian tree. It needs root and a Debian mirror.
set -eu
cd "$(dirname "$0")/.."
go=${GO:-go}
command -v mmdebstrap lintian >/dev/null || apt-get install -qq -y --no-install-recommends mmdebstrap lintian >/dev/null
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

git clone -q . "$dir/source"
(cd "$dir/source" && $go run ./internal/release --out "$dir/out" --platform "$($go env GOOS)/$($go env GOARCH)")
mv "$dir"/out/*.deb "$dir/clipcue.deb"
lintian --fail-on error,warning "$dir/clipcue.deb"

cat > "$dir/use" <<'USE'
set -eux
cd /tmp
apt-get install -qq -y --no-install-recommends ./clipcue.deb >/dev/null
clipcue version
clipcue doctor --offline
clipcue synth objects --out videos --per-class 1 -q
clipcue extract --model clipcue-tiny --out store -q videos
clipcue features info store
zcat /usr/share/man/man1/clipcue.1.gz | grep -q clipcue
for file in bash-completion/completions/clipcue zsh/vendor-completions/_clipcue fish/vendor_completions.d/clipcue.fish; do
	test -s /usr/share/$file
done
test -s /usr/lib/systemd/system/clipcue.service || test -s /lib/systemd/system/clipcue.service
apt-get purge -qq -y clipcue >/dev/null
rm -r clipcue.deb ~/.cache/clipcue videos store use 2>/dev/null || true
find / -xdev -name '*clipcue*' > left
test ! -s left || { cat left; exit 1; }
USE
mmdebstrap --quiet --variant=minbase --format=null \
	--customize-hook="copy-in $dir/clipcue.deb $dir/use /tmp" \
	--customize-hook='chroot "$1" sh /tmp/use' stable /dev/null 'deb http://deb.debian.org/debian stable main'
