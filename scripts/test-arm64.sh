#!/bin/sh
# Tests internal/compute, and the towers and adapters built on it, for linux/arm64
# under qemu-user, which is installed if it is missing. Three variants: the NEON
# kernels with and without the dot-product instructions, and plain Go. Emulation
# says nothing about speed.
set -eu

have() { command -v "$1" >/dev/null 2>&1; }
cannot() {
	echo "The arm64 tests did not run: $1." >&2
	echo "They need an arm64 machine (there, make test runs them) or qemu-user (apt install qemu-user-static)." >&2
	exit 1
}
find_qemu() {
	for qemu in qemu-aarch64-static qemu-aarch64; do
		have "$qemu" && return 0
	done
	return 1
}
if ! find_qemu; then
	have apt-get || cannot "qemu-aarch64 is missing, and there is no apt-get here"
	root=
	if [ "$(id -u)" -ne 0 ]; then
		have sudo || cannot "qemu-aarch64 is missing, apt-get needs root, and there is no sudo"
		root=sudo
	fi
	echo "installing qemu-user-static"
	$root apt-get update -qq || cannot "apt-get update failed"
	DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends qemu-user-static >/dev/null || cannot "apt-get install failed"
	find_qemu || cannot "apt-get installed qemu-user-static, but qemu-aarch64 is not on PATH"
fi

go=${GO:-go}
# The environment of the emulated program alone: go itself runs here.
arm64() {
	GOOS=linux GOARCH=arm64 CGO_ENABLED=0 "$go" "$@"
}
arm64 vet ./internal/compute/...
for cpu in max cortex-a57; do
	echo "internal/compute on $cpu"
	arm64 test -exec "$qemu -cpu $cpu" ./internal/compute
done
for backend in neon generic; do
	echo "the towers and what is learned, $backend"
	CLIPCUE_CPU=$backend arm64 test -exec "$qemu -cpu max" ./internal/nn ./clip ./adapter
done
