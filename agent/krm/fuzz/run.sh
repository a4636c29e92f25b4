#!/bin/sh
# Fuzzes one target on the stable compiler, without cargo-fuzz: ./run.sh yaml -max_total_time=60
set -eu
cd "$(dirname "$0")"
target=$1
shift
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
triple=$(rustc -vV | sed -n 's/^host: //p')
# Naming the target keeps build scripts from being instrumented.
cargo build --release --target "$triple" --bin "$target"
mkdir -p "corpus/$target"
words=yaml.dict
seeds=
if [ "$target" = kustomization ]; then
    words=kustomization.dict
    seeds=../../render/tests/golden
fi
# shellcheck disable=SC2086
exec "${CARGO_TARGET_DIR:-target}/$triple/release/$target" "corpus/$target" $seeds -dict="$words" "$@"
