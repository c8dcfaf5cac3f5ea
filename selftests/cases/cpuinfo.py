# SPDX-License-Identifier: GPL-2.0-only
"""The processor that a checkpoint was made on: recorded, and asked for again."""

import os
import platform
import struct

from case import Failed, descendants, kill
from harm import refused

MAGIC = struct.pack('<II', 0x54564319, 0x61404013)


def varint(n):
    out = b''
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def number(field, value):
    return varint(field << 3) + varint(value)


def message(field, content):
    return varint(field << 3 | 2) + varint(len(content)) + content


def perfect():
    """A processor that has everything, as cpuinfo.img: no other one is as good."""
    if platform.machine() == 'x86_64':
        content = message(1, number(1, 1) + number(2, 6) + number(3, 255) + number(4, 1) +
                          number(5, 2) + b''.join(number(6, 2 ** 32 - 1) for _ in range(19)) +
                          number(8, 0xff) + number(9, 1 << 16))
    else:
        content = message(1000, b''.join(number(1, 2 ** 64 - 1) for _ in range(3)) + number(2, 256))
    return MAGIC + struct.pack('<I', len(content)) + content


def restore(case, images, *options):
    return [*case.restorer, 'restore', '-d', '-D', images, '-o', 'restore.log', *options]


def test_better_processor(case):
    """Whatever is missing is named, and no process is made; unless nobody asks."""
    pid = case.start(['sleep', '1000'])
    images = case.dump(pid)
    with open(os.path.join(images, 'cpuinfo.img'), 'wb') as f:
        f.write(perfect())
    for options in (), ('--cpu-cap=cpu,^fpu',), ('--cpu-cap=none,ins',), ('--cpu-cap',):
        err = refused(case, restore(case, images, *options), seconds=30)
        if 'lacks' not in err or '3dnow' not in err and 'AT_HWCAP3' not in err:
            raise Failed(f'{options}: {err}')
    if descendants(os.getpid()):
        raise Failed('processes are left behind')
    case.restore(images, '--cpu-cap=none')
    kill(pid)
    return err.strip()


def test_same_processor(case):
    """With all that can be asked, also as CRIU reads it."""
    pid = case.start(['sleep', '1000'])
    images = case.dump(pid, '--cpu-cap=all')
    case.must([*case.settings.crbpf, 'cpuinfo', 'check', '-D', images, '--cpu-cap=all'])
    if case.settings.criu and platform.machine() == 'x86_64':
        case.must([*case.settings.criu, 'cpuinfo', 'check', '-D', images])
    case.restore(images, '--cpu-cap=all')
    kill(pid)


def test_no_record(case):
    """Not recorded because nobody wants it, or lost."""
    pid = case.start(['sleep', '1000'])
    images = case.dump(pid, '--cpu-cap=none')
    if os.path.exists(os.path.join(images, 'cpuinfo.img')):
        raise Failed('cpuinfo.img was written')
    err = refused(case, restore(case, images, '--cpu-cap=image'), seconds=30)
    if 'cpuinfo.img' not in err:
        raise Failed(err)
    case.restore(images)
    kill(pid)


def test_command(case):
    """By itself: a machine is asked before a tree is moved there."""
    images = case.new_images()
    tool = [*case.settings.crbpf, 'cpuinfo']
    refused(case, [*tool, 'check', '-D', images], seconds=30)
    case.must([*tool, 'dump', '-D', images])
    case.must([*tool, 'check', '-D', images])
    with open(os.path.join(images, 'cpuinfo.img'), 'wb') as f:
        f.write(perfect())
    refused(case, [*tool, 'check', '-D', images], seconds=30)
    for wrong in ('look',), (), ('check', '--cpu-cap=gpu'), ('dump', 'check'):
        refused(case, [*tool, *wrong, '-D', images], seconds=30)
