#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Port knocking from program to picture, each command shown before it runs.
#
#   scripts/demo.sh [BUILD_DIRECTORY]
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build}
program=examples/port_knocking.xfsm
capture=examples/captures/port_knocking.pcap
bold='' plain=''
if [ -t 1 ]; then
    bold=$'\033[1m' plain=$'\033[0m'
fi

head() {
    printf '\n%s== %s%s\n' "$bold" "$1" "$plain"
}

show() {
    printf '%s$ %s%s\n' "$bold" "$*" "$plain"
    "$@"
}

head "A program: SSH opens to a host that knocks on four ports in the right order"
show sed -n '/^machine/,/^}/p' $program

head "It is checked, and it carries its own tests"
show "$build/beba" check $program
show "$build/beba" test $program

head "A capture: what happened to its packets, and where each host stands at its end"
show "$build/beba" run $program -r $capture --events --flows

head "Why did the door open? Packet 17, the fourth knock, explained"
show "$build/beba" explain $program -r $capture -n 17

head "The state diagram"
show "$build/beba" graph $program -o "$build/port_knocking.svg"

head "Live: the same program in the kernel, in front of a real TCP service"
if why=$(scripts/demo-live.sh --possible "$build"); then
    scripts/demo-live.sh "$build"
else
    echo "left out: $why"
fi
printf '\nOpen %s/port_knocking.svg in a browser. Next: docs/tutorial.md\n' "$build"
