#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The one place that names Debian 12 packages. Installs what is missing and says what it does.
#
#   packaging/deps.sh GROUP...        build | run | test | vm | peers
#   packaging/deps.sh --list GROUP... prints the packages, installs nothing
#   packaging/deps.sh --check GROUP.. prints the missing ones, exit status 1 if there are any
#
# Needs root only when something is missing. apt-get update runs only when the package
# lists on the machine do not know a package or know a version that is gone.
set -euo pipefail

declare -A packages=(
	# To compile the daemon, the command and the BPF programs.
	[build]='build-essential meson ninja-build pkg-config python3 clang llvm libbpf-dev
		libelf-dev zlib1g-dev bpftool libmnl-dev liburcu-dev libjansson-dev'
	# What the demonstration and an operator use beside garuda.
	[run]='iproute2 ethtool iperf3 jq tcpdump iputils-ping curl procps'
	# What tests/run needs on top of build and run.
	[test]='libcmocka-dev libclang-rt-14-dev clang-format shellcheck util-linux dnsmasq-base
		busybox-static nftables iptables frr bird2 traceroute'
	# tests/vm: Debian's own kernels under QEMU; tests/vm/run fetches the kernels themselves.
	[vm]='qemu-system-x86 busybox-static kmod cpio xz-utils ipvsadm'
	# Other people's dataplanes, for the benches that compare; nothing depends on them.
	[peers]='libdpdk-dev'
)

usage() {
	sed -n '5,7s/^# *//p' "$0" >&2
	exit 2
}

mode=install
case "${1:-}" in
--list) mode=list && shift ;;
--check) mode=check && shift ;;
--help | -h) usage ;;
esac
[ $# -gt 0 ] || usage

wanted=()
for group; do
	if [ -z "${packages[$group]:-}" ]; then
		echo "deps.sh: no group '$group'; there are build, run, test, vm and peers" >&2
		exit 2
	fi
	read -r -d '' -a members <<<"${packages[$group]}" || true
	wanted+=("${members[@]}")
done
if [ $mode = list ]; then
	printf '%s\n' "${wanted[@]}"
	exit 0
fi

missing=()
for package in "${wanted[@]}"; do
	status=$(dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | head -n 1) || true
	[ "$status" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
	echo "deps.sh: all packages of $* are installed"
	exit 0
fi
if [ $mode = check ]; then
	printf '%s\n' "${missing[@]}"
	exit 1
fi
if [ "$(id -u)" != 0 ]; then
	echo "deps.sh: missing: ${missing[*]}. Run as root: packaging/deps.sh $*" >&2
	exit 1
fi

export DEBIAN_FRONTEND=noninteractive
apt=(apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
log=$(mktemp)
trap 'rm -f "$log"' EXIT

install_missing() {
	"${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null >"$log" 2>&1
}

echo "deps.sh: installing ${missing[*]}"
if ! install_missing; then
	echo "deps.sh: refreshing the package lists first"
	"${apt[@]}" update </dev/null >"$log" 2>&1 || true
	if ! install_missing; then
		cat "$log" >&2
		echo "deps.sh: could not install: ${missing[*]} (see above)" >&2
		exit 1
	fi
fi
echo "deps.sh: done"
