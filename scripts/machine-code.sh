#!/usr/bin/env bash
# Compiles src/internal/native/machine/machine.c for each architecture into code.ts, and writes machine.h down for TypeScript.
# Needs gcc and a cross compiler (Debian: gcc, gcc-aarch64-linux-gnu). With "--listing", shows the instructions instead.
set -euo pipefail
cd "$(dirname "$0")/../src/internal/native/machine"

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT

# Baseline instructions, no library, no tables, nothing that a loader would have to fill in.
flags=(-std=gnu11 -Os -Wall -Wextra -Werror -ffreestanding -nostdlib -fpic -fvisibility=hidden
  -fno-stack-protector -fno-asynchronous-unwind-tables
  -fno-unwind-tables -fno-jump-tables -fno-tree-loop-distribute-patterns -fno-ident)

compile() {
  local name=$1 prefix=$2
  shift 2
  "${prefix}gcc" "${flags[@]}" "$@" -c machine.c -o "$directory/$name.o"
  "${prefix}ld" -Ttext=0 --entry=0 "$directory/$name.o" -o "$directory/$name.elf"
  # Code only: data would not be where the code expects it.
  if "${prefix}size" -A "$directory/$name.elf" | grep -E '^\.(rodata|data|bss|got|eh_frame)'; then
    echo "machine.c has data" >&2
    exit 1
  fi
  "${prefix}objcopy" -O binary -j .text "$directory/$name.elf" "$directory/$name.bin"
}

offset() { echo $((16#$("${2}nm" "$directory/$1.elf" | awk -v name="$3" '$3 == name { print $1 }'))); }

emit() {
  local name=$1 prefix=$2
  echo "  $name: {"
  for entry in pool_thread abandon_pool run_cleanups; do
    echo "    $entry: $(offset "$name" "$prefix" "$entry"),"
  done
  echo "    bytes:"
  base64 -w 116 "$directory/$name.bin" | sed -e 's/.*/      "&" +/' -e '$ s/ +$//'
  echo "  },"
}

compile x64 "" -march=x86-64 -fcf-protection=none
compile arm64 aarch64-linux-gnu- -march=armv8-a -mno-outline-atomics

if [ "${1:-}" = --listing ]; then
  objdump -d "$directory/x64.elf"
  aarch64-linux-gnu-objdump -d "$directory/arm64.elf"
  exit
fi

gcc layout.c -o "$directory/layout"
{
  echo "/** Made by scripts/machine-code.sh. Addresses in it are relative to its start. */"
  echo "export const code = {"
  # test/operations/layouts.test.ts compares: who changes the sources and forgets this script is told.
  echo "  sources: \"$(cat machine.h machine.c layout.c | sha256sum | cut -d ' ' -f 1)\","
  emit x64 ""
  emit arm64 aarch64-linux-gnu-
  echo "} as const"
} >code.ts
{
  echo "/** What machine.h says, which has the explanations. Made by scripts/machine-code.sh. Sizes and offsets are in bytes, but for those in words. */"
  "$directory/layout"
} >layout.ts
npx --no-install biome check --write code.ts layout.ts
