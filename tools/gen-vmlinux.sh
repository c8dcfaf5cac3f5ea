#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# gen-vmlinux.sh [BTF] - writes vmlinux/vmlinux.h: the kernel types that bpf/ uses.
#
# BTF is /sys/kernel/btf/vmlinux or that of another kernel, preferably a new one: what older
# ones have otherwise stands in bpf/flavour.h. To be run when a program uses a type or a
# member that it did not use before; the result is committed.
set -eu
cd "$(dirname "$0")/.."
btf=${1:-/sys/kernel/btf/vmlinux}
bpftool=$(command -v bpftool || echo /usr/sbin/bpftool)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir -p "$work/full" vmlinux
"$bpftool" btf dump file "$btf" format c > "$work/full/vmlinux.h"
grep -ohE '^int [a-z_0-9]+_detail\(' bpf/*.bpf.c | sort | sed 's/^int \(.*\)_detail(/DETAIL(\1)/' > "$work/details.inc"
for source in bpf/*.bpf.c; do
	object=$work/$(basename "$source" .bpf.c).o
	clang -g -O2 -target bpf -mcpu=v3 -Wall -I"$work/full" -I"$work" -Ibpf -c "$source" -o "$object"
done
"$bpftool" gen min_core_btf "$btf" "$work/used.btf" "$work"/*.o
"$bpftool" -j btf dump file "$work/used.btf" > "$work/used.json"
python3 tools/prune-vmlinux.py "$work/full/vmlinux.h" "$work/used.json" bpf/*.[ch] > "$work/vmlinux.h"
mv "$work/vmlinux.h" vmlinux/vmlinux.h
