#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Runs every fuzz target, or those named, for FUZZ_SECONDS (60) each under ASan and UBSan. The targets
# random and kernel are not libFuzzer's: tests/random/run.py makes fresh programs and captures, which
# the interpreter runs in every way it has, or the interpreter, XDP and tc.
#
#   scripts/fuzz.sh [TARGET...]
#
# What it finds new grows in build/fuzz-corpus; inputs that fail stay in tests/fuzz/crashes/TARGET,
# each to be replayed with build/fuzz/tests/fuzz/replay_TARGET FILE. The corpus in the tree is the
# start: keep it small (fuzz_TARGET -merge=1).
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-60}
build=build/fuzz
kernel=$build/tests/bpf/differential
meson=meson
[ ! -x /usr/bin/meson ] || meson=/usr/bin/meson

if [ ! -f $build/build.ninja ]; then
    mkdir -p build
    CC=clang "$meson" setup $build -Dfuzz=true -Dcli=disabled -Ddocs=disabled \
        -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=2 \
        '-Dc_args=-fsanitize=fuzzer-no-link -fno-sanitize-recover=all' >$build.log
fi
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    for source in tests/fuzz/fuzz_*.c; do
        name=${source##*/fuzz_}
        targets+=("${name%.c}")
    done
    targets+=(random)
    [ "$(id -u)" != 0 ] || ! ninja -C $build -t query "${kernel#"$build/"}" >/dev/null 2>&1 ||
        targets+=(kernel)
fi
wanted=()
for target in "${targets[@]}"; do
    case $target in
    random) wanted+=(tests/random/random_replay) ;;
    kernel) wanted+=("${kernel#"$build/"}") ;;
    *) wanted+=("tests/fuzz/fuzz_$target" "tests/fuzz/replay_$target") ;;
    esac
done
ninja --quiet -C $build "${wanted[@]}"

# What fails is made small and stays in tests/random/regressions, for every later `make test`.
random() {
    local log=build/$1.log how=(--replay "$build/tests/random/random_replay")
    echo "fuzz $1: $seconds s"
    [ "$1" = random ] || how=(--bpf "$kernel")
    if nice /usr/bin/python3 tests/random/run.py "${how[@]}" --seconds "$seconds" \
        --minimise tests/random/regressions >"$log" 2>&1; then
        sed -nE 's/^# ([0-9]+ programs)/    \1/p' "$log"
    else
        failed=1
        sed -E '/^ok/d; s/^/    /' "$log"
    fi
}

failed=0
for target in "${targets[@]}"; do
    case $target in
    random | kernel)
        random "$target"
        continue
        ;;
    esac
    found=build/fuzz-corpus/$target
    crashes=tests/fuzz/crashes/$target
    seeds=("tests/fuzz/corpus/$target")
    [ "$target" != capture ] || [ ! -d examples/captures ] || seeds+=(examples/captures)
    [ "$target" != lang ] || seeds+=(examples)
    mkdir -p "$found" "$crashes"
    log=$build/$target.log
    echo "fuzz $target: $seconds s"
    if nice $build/tests/fuzz/fuzz_"$target" -max_total_time="$seconds" -max_len=65536 -timeout=10 \
        -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$crashes/" "$found" "${seeds[@]}" \
        >"$log" 2>&1; then
        grep -E 'number_of_executed_units|peak_rss_mb' "$log" | sed 's/^stat::/    /'
        grep -E 'cov: ' "$log" | tail -n 1 | sed 's/^/    /'
    else
        failed=1
        grep -E 'does not hold|ERROR: |SUMMARY: |runtime error' "$log" | sed 's/^/    /' || tail -n 5 "$log"
        artifact=$(grep -oE 'written to .*' "$log" | tail -n 1 | sed 's/written to //')
        echo "    again: $build/tests/fuzz/replay_$target $artifact"
    fi
    rmdir --ignore-fail-on-non-empty "$crashes"
done
[ ! -d tests/fuzz/crashes ] || rmdir --ignore-fail-on-non-empty tests/fuzz/crashes
exit $failed
