#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Builds Debian packages from debian/ into a directory; the tree stays as it is.
#
#   scripts/deb.sh [OUT]       OUT: build/deb
set -euo pipefail
cd "$(dirname "$0")/.."

out=${1:-build/deb}
mkdir -p "$out"
out=$(cd "$out" && pwd)
tree=$out/beba
rm -rf "$tree"
rm -f "$out"/*.deb "$out"/*.changes "$out"/*.buildinfo "$out"/build.log
mkdir "$tree"

# What git knows; without git all but what was built.
if git -c safe.directory='*' rev-parse --git-dir >/dev/null 2>&1; then
    git -c safe.directory='*' ls-files -z --cached --others --exclude-standard |
        while IFS= read -r -d '' name; do
            [ ! -e "$name" ] || printf '%s\0' "$name"
        done | tar -c --null -T - | tar -x -C "$tree"
else
    tar -c --exclude='./build*' . | tar -x -C "$tree"
fi

# Debian's own Python and Meson, whatever else is first on PATH.
if ! (cd "$tree" && PATH="/usr/sbin:/usr/bin:/sbin:/bin" DEB_BUILD_OPTIONS="nocheck parallel=$(nproc)" \
    dpkg-buildpackage --build=binary --no-sign) >"$out/build.log" 2>&1; then
    tail -n 60 "$out/build.log" >&2
    echo "deb: no package; all of it is in $out/build.log" >&2
    exit 1
fi
rm -rf "$tree"
ls -1 "$out"/*.deb
