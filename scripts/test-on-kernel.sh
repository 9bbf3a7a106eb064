#!/usr/bin/env bash
# Runs tests on the kernel of a Debian release, in an emulated machine: bullseye has Linux 5.10, bookworm 6.1, trixie 6.12.
#
#   scripts/test-on-kernel.sh RELEASE [PATTERN...]        scripts/test-on-kernel.sh bullseye test/conformance/operations/catalogue
#
# As root, on x64, with debootstrap, qemu-system-x86 and e2fsprogs. Emulation takes ten times as long as the machine itself: a file of
# tests some minutes. The system and its kernels stay in $CACHE (default /var/tmp/effect-aio-kernels) for the next time.
set -euo pipefail

release=$1
shift
project=$(cd "$(dirname "$0")/.." && pwd)
cache=${CACHE:-/var/tmp/effect-aio-kernels}
root=$cache/root
mirror=http://deb.debian.org/debian
export DEBIAN_FRONTEND=noninteractive

mkdir -p "$cache"
if [[ ! -e $root/.complete ]]; then
  rm -rf "$root"
  debootstrap --variant=minbase --include=strace,util-linux,procps,iproute2,udev,initramfs-tools,libstdc++6 bookworm "$root" "$mirror"
  touch "$root/.complete"
fi
if [[ ! -e $cache/$release/vmlinuz ]]; then
  echo "deb $mirror $release main" >"$root/etc/apt/sources.list.d/kernel.list"
  chroot "$root" apt-get update -qq
  rm -f "$root"/boot/*
  chroot "$root" apt-get install -y -qq --allow-downgrades --no-install-recommends "linux-image-amd64/$release" >/dev/null
  mkdir -p "$cache/$release"
  mv "$root"/boot/vmlinuz-* "$cache/$release/vmlinuz"
  mv "$root"/boot/initrd.img-* "$cache/$release/initrd"
  rm "$root/etc/apt/sources.list.d/kernel.list"
fi

rm -rf "$root/project"
mkdir "$root/project"
tar -C "$project" --exclude=./.git --exclude=./.test-build -c . | tar -C "$root/project" -x
cp "$(readlink -f "$(command -v node)")" "$root/usr/bin/node"
echo "127.0.0.1 localhost" >"$root/etc/hosts"
printf '%s\n' "$@" >"$root/patterns"
cat >"$root/run-tests" <<'END'
#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t proc proc /proc
mountpoint -q /sys || mount -t sysfs sys /sys
mountpoint -q /dev || mount -t devtmpfs dev /dev
mkdir -p /dev/shm /dev/pts
mount -t tmpfs shm /dev/shm
mount -t devpts pts /dev/pts
ip link set lo up
ulimit -n 65536
cd /project
mapfile -t patterns </patterns
echo "Linux $(uname -r)"
node node_modules/vitest/vitest.mjs run --testTimeout 600000 --hookTimeout 600000 "${patterns[@]}" | cat
echo "exit code ${PIPESTATUS[0]}"
sync
echo o >/proc/sysrq-trigger
sleep 10
END
chmod +x "$root/run-tests"

disk=$(mktemp "$cache/disk.XXXX")
log=$(mktemp "$cache/log.XXXX")
trap 'rm -f "$disk" "$log"' EXIT
mke2fs -q -F -t ext4 -d "$root" "$disk" 6G
qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp "$(nproc)" -m 6144 -nographic -no-reboot \
  -kernel "$cache/$release/vmlinuz" -initrd "$cache/$release/initrd" \
  -drive "file=$disk,if=virtio,format=raw,cache=unsafe" \
  -append "root=/dev/vda rw console=ttyS0 quiet panic=1 init=/run-tests" </dev/null | tee "$log"
grep -q '^exit code 0' "$log"
