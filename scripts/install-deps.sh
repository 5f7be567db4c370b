#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Installs the Debian packages that are missing for the named purposes, and nothing when none is.
#
#   scripts/install-deps.sh [--list] PURPOSE...       purposes: build demo docs test deb fuzz bench
#
# With NO_INSTALL=1 in the environment it does nothing: for tools that dpkg does not know of.
set -euo pipefail

packages_for() {
    case $1 in
    build) echo gcc libc6-dev make meson ninja-build pkg-config python3 libpcap-dev libjansson-dev \
        libbpf-dev libxdp-dev libelf-dev zlib1g-dev clang libuv1-dev liburcu-dev libssl-dev ;;
    demo) echo graphviz iproute2 ;;
    docs) echo pandoc ;;
    test) echo git clang clang-format clang-tidy libclang-rt-dev llvm libcmocka-dev binutils shellcheck \
        libdpdk-dev graphviz pandoc tshark python3-scapy python3-pytest iproute2 ethtool iperf3 hping3 xdp-tools \
        systemd python3-os-ken openvswitch-switch mininet iputils-ping openssl ;;
    deb) echo libdpdk-dev dpkg-dev debhelper lintian debootstrap pandoc ;;
    fuzz) echo clang libclang-rt-dev llvm ;;
    bench) echo libdpdk-dev dpdk-dev python3 iproute2 ethtool python3-os-ken openvswitch-switch ;;
    *)
        echo "install-deps: unknown purpose '$1'" >&2
        exit 2
        ;;
    esac
}

list=no
if [ "${1:-}" = --list ]; then
    list=yes
    shift
fi
wanted=()
for purpose in "$@"; do
    names=$(packages_for "$purpose")
    read -ra names <<<"$names"
    wanted+=("${names[@]}")
done
[ ${#wanted[@]} -gt 0 ] || exit 0
mapfile -t wanted < <(printf '%s\n' "${wanted[@]}" | sort -u)
if [ "$list" = yes ]; then
    printf '%s\n' "${wanted[@]}"
    exit 0
fi
[ -z "${NO_INSTALL:-}" ] || exit 0

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "install-deps: not a Debian system; what is needed goes by these names there:"
    echo "    ${wanted[*]}"
    exit 0
fi

missing=()
have=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${wanted[@]}" 2>/dev/null || true)
for package in "${wanted[@]}"; do
    grep -qx "$package installed" <<<"$have" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

run=(env DEBIAN_FRONTEND=noninteractive)
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "install-deps: these packages are missing, and installing them needs root:" >&2
        echo "    apt-get install ${missing[*]}" >&2
        exit 1
    fi
    run=(sudo "${run[@]}")
fi
echo "installing: ${missing[*]}"
install=("${run[@]}" apt-get install -qq -y --no-install-recommends "${missing[@]}")
if ! "${install[@]}" >/dev/null 2>&1; then
    "${run[@]}" apt-get update -qq || true
    if ! "${install[@]}"; then
        echo "install-deps: apt-get could not install: ${missing[*]}" >&2
        exit 1
    fi
fi
