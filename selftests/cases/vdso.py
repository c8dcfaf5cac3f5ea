# SPDX-License-Identifier: GPL-2.0-only
"""A checkpoint of another kernel, whose vDSO is not the running one's: here its bytes are changed
in the image, so that it is no kernel's, and what is behind the start of its functions is not to be
executed any more."""

import os
import struct

import subjects
from case import Failed, Skipped, descendants, kill, read_file

PT_LOAD, PT_DYNAMIC, PT_NOTE = 1, 2, 4
DT_STRTAB, DT_SYMTAB = 5, 6


def mappings(pid, name):
    found = []
    with open(f'/proc/{pid}/maps') as f:
        for line in f:
            if line.rstrip().endswith(name):
                found.append(tuple(int(x, 16) for x in line.split()[0].split('-')))
    return found


def read_vdso(pid):
    """Where it is, and its bytes."""
    (start, end), = mappings(pid, '[vdso]')
    with open(f'/proc/{pid}/mem', 'rb') as f:
        f.seek(start)
        return start, f.read(end - start)


def read_own():
    return read_vdso('self')[1]


def segments(text, wanted):
    phoff, = struct.unpack_from('<Q', text, 32)
    phentsize, phnum = struct.unpack_from('<HH', text, 54)
    for i in range(phnum):
        kind, _, offset, _, _, size = struct.unpack_from('<IIQQQQ', text, phoff + i * phentsize)
        if kind == wanted:
            yield offset, size


def functions(text):
    """Names, offsets and sizes; the strings follow the symbols."""
    (at, size), = segments(text, PT_DYNAMIC)
    tags = dict(struct.unpack_from('<QQ', text, i) for i in range(at, at + size, 16))
    for i in range(tags[DT_SYMTAB], tags[DT_STRTAB], 24):
        name, info, _, section, value, length = struct.unpack_from('<IBBHQQ', text, i)
        if value and 0 < section < 0xff00 and info & 15 in (0, 2):
            end = text.index(b'\0', tags[DT_STRTAB] + name)
            yield text[tags[DT_STRTAB] + name:end].decode(), value, length


def of_another_build(text):
    changed = bytearray(text)
    for offset, size in segments(text, PT_NOTE):
        at = text.find(struct.pack('<I4s', 3, b'GNU'), offset, offset + size)
        if at >= 0:
            changed[at + 8:at + 24] = os.urandom(16)
    if changed == text:
        raise Failed('the vDSO has no build id')
    return changed


def without_functions(text):
    """All code but the first instructions gives an invalid instruction; sigreturn stays."""
    changed = of_another_build(text)
    for name, offset, size in functions(text):
        if 'sigreturn' not in name:
            changed[offset:offset + size] = b'\xff' * size
    return changed


def change(images, text, changed):
    """In the pages file, wherever it is; there is one for each process."""
    n = 0
    for name in os.listdir(images):
        if name.startswith('pages-'):
            with open(os.path.join(images, name), 'r+b') as f:
                at = f.read().find(text)
                if at >= 0:
                    f.seek(at)
                    f.write(changed)
                    n += 1
    if not n:
        raise Failed('the vDSO is not in the images')


def elsewhere(case, pid, how):
    """Dumped, made another kernel's, restored. Returns the address of this kernel's vDSO there."""
    start, text = read_vdso(pid)
    images = case.dump(pid)
    change(images, text, how(text))
    case.restore(images)
    (now, end), = mappings(pid, '[vdso]')
    if now <= start < end:
        raise Failed('the vDSO of another kernel was replaced')
    return start, now


def start_subject(case, *arguments, name='vdso_calls'):
    program = os.path.join(case.settings.output, 'selftests', name)
    pid, _ = subjects.start(case, program, *arguments)
    return pid


def test_elsewhere(case):
    """Threads are caught inside of it all the time; each is taken out."""
    pid = start_subject(case)
    inside = 0
    for _ in range(3):
        elsewhere(case, pid, of_another_build)
        inside += read_file(case.logs[-1]).count('stopped in the vDSO')
    subjects.finish(case, pid)
    return f'{inside} of 12 threads were inside'


def test_every_instruction(case):
    """A call in flight ends with the right time, wherever in it the thread was."""
    pid = start_subject(case, name='vdso_inside')
    elsewhere(case, pid, of_another_build)
    inside = read_file(case.logs[-1]).count('stopped in the vDSO')
    subjects.finish(case, pid)
    if inside < 10:
        raise Failed(f'{inside} threads were inside')
    return f'{inside} threads were inside'


def test_nothing_old_is_executed(case):
    """Of a program that is asleep."""
    pid = start_subject(case, 'idle')
    elsewhere(case, pid, without_functions)
    subjects.finish(case, pid)


def test_second_cycle(case):
    """It is dumped again after that, and restored under the same kernel, and under others."""
    pid = start_subject(case)
    _, now = elsewhere(case, pid, of_another_build)
    case.cycle(pid)
    if mappings(pid, '[vdso]')[0][0] != now:
        raise Failed('the vDSO of this kernel moved')
    for _ in range(3):
        elsewhere(case, pid, of_another_build)
    subjects.finish(case, pid)


def test_interop(case):
    """What keeps an old vDSO goes from criu to crbpf, and from crbpf to criu."""
    if not case.settings.criu:
        raise Skipped('needs criu: tools/install-deps test')
    pid = start_subject(case, 'idle')
    elsewhere(case, pid, without_functions)
    case.restore(case.dump(pid, tool=case.settings.criu))
    case.restore(case.dump(pid), tool=case.settings.criu)
    subjects.finish(case, pid)


def test_criu_image(case):
    """What criu dumped under another kernel."""
    if not case.settings.criu:
        raise Skipped('needs criu: tools/install-deps test')
    pid = start_subject(case, 'idle')
    _, text = read_vdso(pid)
    images = case.dump(pid, tool=case.settings.criu)
    change(images, text, without_functions(text))
    case.restore(images)
    if read_vdso(pid)[1] != text:
        raise Failed('this kernel has another vDSO')
    subjects.finish(case, pid)


def test_family(case):
    """A child shares the pages of its parent; a program that was executed has a vDSO elsewhere."""
    pid = start_subject(case, 'family')
    places = {p: mappings(p, '[vdso]') for p in [pid, *descendants(pid)]}
    images = case.dump(pid)
    changed = without_functions(text := read_own())
    change(images, text, changed)
    case.restore(images)
    for p, place in places.items():
        if mappings(p, '[vdso]') == place:
            raise Failed(f'process {p} has the vDSO where it was')
    subjects.finish(case, pid)


def test_no_vdso_is_a_clear_error(case):
    pid = case.start(['sleep', '1000'])
    _, text = read_vdso(pid)
    images = case.dump(pid)
    change(images, text, os.urandom(len(text)))
    status, _, err = case.run([*case.restorer, 'restore', '-d', '-D', images, '-o', 'restore.log'])
    if status != 1 or 'vDSO' not in err:
        raise Failed(f'restore ended with {status}: {err}')
    kill(pid)
