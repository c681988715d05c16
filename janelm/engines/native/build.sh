#!/bin/sh
# Makes the page's WebAssembly anew: build.sh [FOLDER]. It needs Debian's clang-16 and lld-16, whose output the tests
# compare with the files that are committed, byte for byte.
set -eu
cd "$(dirname "$0")"
folder=${1:-../../web/engine}
exports=
for name in transformer transformer_each lstm allocate release lay_floats lay_halves lay_bytes; do exports="$exports -Wl,--export=$name"; done

# build FILE [FLAG]: no C library; SIMD, and what every browser that has it has too. -ffp-contract=off: see multiply_add.
build() {
  output=$1; shift
  clang-16 --target=wasm32 -msimd128 "$@" -mbulk-memory -mnontrapping-fptoint -std=c++20 -O3 -ffp-contract=off \
    -ffreestanding -fno-exceptions -fno-rtti -fvisibility=hidden -nostdlib \
    -Wl,--no-entry -Wl,--strip-all -Wl,-z,stack-size=65536 $exports page.cpp -o "$folder/$output"
}

build step.wasm
build step-relaxed.wasm -mrelaxed-simd
