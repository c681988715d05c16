#!/bin/sh
# Makes the page's WebAssembly anew: build.sh [OUTPUT]. It needs Debian's clang-14 and lld-14, whose output the tests
# compare with the file that is committed, byte for byte.
set -eu
cd "$(dirname "$0")"
output=${1:-../../web/engine/step.wasm}
exports=
for name in transformer lstm allocate release widen_floats widen_halves widen_bytes; do exports="$exports -Wl,--export=$name"; done
# No C library; SIMD, and what every browser that has it has too. -ffp-contract=off: see multiply_add.
exec clang-14 --target=wasm32 -msimd128 -mbulk-memory -mnontrapping-fptoint -std=c++20 -O3 -ffp-contract=off \
  -ffreestanding -fno-exceptions -fno-rtti -fvisibility=hidden -nostdlib \
  -Wl,--no-entry -Wl,--strip-all -Wl,-z,stack-size=65536 $exports page.cpp -o "$output"
