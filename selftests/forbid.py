# SPDX-License-Identifier: GPL-2.0-only
"""System calls that a program under test is denied, or dies of (a seccomp filter)."""

import ctypes
import errno
import platform
import struct

KILL, ERRNO, ALLOW = 0x80000000, 0x00050000, 0x7fff0000
LANDLOCK_RESTRICT_SELF = 446
BPF = {'x86_64': 321, 'aarch64': 280}[platform.machine()]
BPF_LINK_CREATE = 28


def _install(program):
    libc = ctypes.CDLL(None, use_errno=True)
    array = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *line) for line in program))
    fprog = struct.pack('HxxxxxxP', len(program), ctypes.addressof(array))
    libc.prctl(38, 1, 0, 0, 0)              # PR_SET_NO_NEW_PRIVS
    if libc.prctl(22, 2, fprog, 0, 0):      # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
        raise OSError(ctypes.get_errno(), 'seccomp')


def call(nr, first=None, action=ERRNO | errno.EPERM):
    """What Case.spawn is to do before the program begins: @nr (with this first argument) fails."""
    checks = [(0x20, 0, 0, 0), (0x15, 0, 3 if first is not None else 1, nr)]
    if first is not None:
        checks += [(0x20, 0, 0, 16), (0x15, 0, 1, first)]
    return lambda: _install(checks + [(0x06, 0, 0, action), (0x06, 0, 0, ALLOW)])
