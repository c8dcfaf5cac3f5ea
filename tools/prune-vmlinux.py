#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""prune-vmlinux.py FULL.h USED.json SOURCE... - vmlinux.h with what SOURCE uses, and no more.

FULL.h is what `bpftool btf dump ... format c` says of a whole kernel, USED.json what
`bpftool -j btf dump` says of the BTF that `bpftool gen min_core_btf` made for the compiled
programs: the structures, and of those the members, that CO-RE relocations name. Layout does
not matter, since libbpf puts in the offsets of the kernel that runs, so all else is left out.
"""

import json
import re
import sys

ALWAYS = """bool __u8 __u16 __u32 __u64 __s8 __s16 __s32 __s64 u8 u16 u32 u64 s8 s16 s32 s64
__be16 __be32 __wsum""".split()
WORD = re.compile(r"[A-Za-z_]\w*")


def blocks(path):
    """Top-level definitions as lists of lines."""
    block = []
    for line in open(path):
        line = line.rstrip("\n")
        if line.startswith(("#", "/*")) or not line and not block:
            continue
        block.append(line)
        if not line.startswith("\t") and line.endswith(";"):
            yield block
            block = []


def name_of(block):
    """('struct', 'file'), ('typedef', 'atomic_t'), ('enum', '')..."""
    first, last = block[0], block[-1]
    if first.startswith("typedef"):
        call = re.search(r"\(\*(\w+)\)\(", first) if len(block) == 1 else None
        return "typedef", call.group(1) if call else WORD.findall(re.sub(r"\[.*", "", last))[-1]
    found = re.match(r"(struct|union|enum)\s*(\w*)", first)
    return found.groups() if found else ("", "")


def member_name(line):
    call = re.search(r"\(\*(\w+)\)\(", line)
    if call:
        return call.group(1)
    words = WORD.findall(re.sub(r"\[.*|:.*|__attribute__.*", "", line))
    return words[-1] if words else ""


def filtered(lines, keep):
    """The members named in keep, and the unnamed blocks that hold some."""
    out, i = [], 0
    while i < len(lines):
        line = lines[i]
        if not re.match(r"\s*(struct|union)\s*\w*\s*{$", line):
            if member_name(line) in keep and not re.match(r"\s*long: ", line):
                out.append(line)
            i += 1
            continue
        depth, end = 1, i + 1
        while depth:
            depth += lines[end].endswith("{") - lines[end].lstrip().startswith("}")
            end += 1
        inside = filtered(lines[i + 1 : end - 1], keep)
        if inside:
            out += [line] + inside + [lines[end - 1]]
        i = end
    return out


def used_members(types):
    """For each named structure, typedef and enum: the members that are used."""
    by_id = {t["id"]: t for t in types}

    def members(t, seen):
        names = set()
        for m in t.get("members", []):
            names.add(m["name"])
            inner = by_id.get(m["type_id"])
            while inner and inner["kind"] in ("ARRAY", "CONST", "VOLATILE"):
                inner = by_id.get(inner["type_id"])
            if inner and inner["name"] == "(anon)" and inner["id"] not in seen:
                names |= members(inner, seen | {inner["id"]})
        return names

    used = {}
    for t in types:
        if t["kind"] in ("STRUCT", "UNION") and t["name"] != "(anon)":
            used.setdefault((t["kind"].lower(), t["name"]), set()).update(members(t, set()))
        elif t["kind"] == "TYPEDEF":
            inner = by_id.get(t["type_id"])
            if inner and inner["kind"] in ("STRUCT", "UNION") and inner["name"] == "(anon)":
                used[("typedef", t["name"])] = members(inner, set())
    return used


def main():
    full, types = sys.argv[1], json.load(open(sys.argv[2]))["types"]
    tokens = set()
    for source in sys.argv[3:]:
        tokens.update(WORD.findall(re.sub(r"//[^\n]*|/\*.*?\*/", "", open(source).read(), flags=re.S)))
    used = used_members(types)

    kept = {}      # index of the block -> its lines
    index = {}
    all_blocks = list(blocks(full))
    for i, block in enumerate(all_blocks):
        kind, name = name_of(block)
        if kind in ("struct", "union") and len(block) == 1:
            continue
        index.setdefault((kind, name), i)
        if kind == "enum":
            values = [l for l in block[1:-1] if WORD.findall(l)[0] in tokens]
            if values and (values[0].strip().isupper() or "false" in values[0]):
                kept[i] = [block[0]] + values + [block[-1]]
        elif (kind, name) in used and len(block) > 1:
            kept[i] = [block[0]] + filtered(block[1:-1], used[(kind, name)]) + [block[-1]]
    for name in ALWAYS:
        kept[index[("typedef", name)]] = all_blocks[index[("typedef", name)]]

    forward = set()
    todo = list(kept)
    while todo:
        lines = kept[todo.pop()]
        for line in lines:
            for kind, name, star in re.findall(r"\b(struct|union|enum) (\w+)\s*(\**)", line):
                i = index.get((kind, name))
                if i is None or i in kept:
                    continue
                if star or "(*" in line:
                    forward.add(f"{kind} {name};")
                else:       # a member by value of which nothing is read
                    values = all_blocks[i][1:-1] if kind == "enum" else []
                    kept[i] = [all_blocks[i][0]] + values + [all_blocks[i][-1]]
                    todo.append(i)
            for word in WORD.findall(line):
                i = index.get(("typedef", word))
                if i is not None and i not in kept:
                    block = all_blocks[i]
                    kept[i] = [block[0], block[-1]] if len(block) > 1 else block
                    todo.append(i)

    print("/* SPDX-License-Identifier: GPL-2.0-only */")
    print("/* Made by tools/gen-vmlinux.sh from a kernel's BTF: do not edit. */")
    print("#ifndef __VMLINUX_H__\n#define __VMLINUX_H__\n")
    print("#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)\n")
    defined = {" ".join(name_of(kept[i])) + ";" for i in kept}
    structs = {line for line in defined if line.startswith(("struct ", "union "))} | forward
    print("\n".join(sorted(line for line in structs if not line.endswith(" ;"))) + "\n")
    for i in sorted(kept):
        print("\n".join(kept[i]) + ("\n" if len(kept[i]) > 1 else ""))
    print("\n#pragma clang attribute pop\n#endif")


main()
