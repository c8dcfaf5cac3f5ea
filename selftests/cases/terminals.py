# SPDX-License-Identifier: GPL-2.0-only
"""Ptys in a devpts of their own, where nobody else takes their numbers."""

import ctypes
import os

import subjects
from case import Skipped

LIBC = ctypes.CDLL(None, use_errno=True)
MNT_DETACH = 2


def with_devpts(case, name, way):
    """@name finds a devpts at pts in its directory."""
    path = os.path.join(case.work, 'pts')
    os.mkdir(path)
    if LIBC.mount(b'devpts', path.encode(), b'devpts', 0, b'ptmxmode=0666,mode=0620'):
        raise Skipped(f'needs another devpts: {os.strerror(ctypes.get_errno())}')
    try:
        way(case, os.path.join(case.settings.output, 'selftests', name))
        case.kill_all()
    finally:
        LIBC.umount2(path.encode(), MNT_DETACH)


def test_unread(case):
    with_devpts(case, 'pty_unread', subjects.restored)


def test_unread_left_running(case):
    with_devpts(case, 'pty_unread', subjects.left_running)


def test_modes(case):
    with_devpts(case, 'pty_modes', subjects.restored)


def test_modes_left_running(case):
    with_devpts(case, 'pty_modes', subjects.left_running)
