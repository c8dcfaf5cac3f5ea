# SPDX-License-Identifier: GPL-2.0-only
"""Programs whose files lie on overlayfs, as in a container: stat(2) and the kernel's records give
different numbers for one file there."""

import ctypes
import os
import shutil

import subjects
from case import Skipped

LIBC = ctypes.CDLL(None, use_errno=True)
MNT_DETACH = 2


def on_overlay(case, name, way):
    """@name runs in a directory of an overlay, from a copy of itself in its lower layer."""
    lower, upper, scratch = (case.path(n) for n in ('lower', 'upper', 'scratch'))
    for path in lower, upper, scratch:
        os.makedirs(path)
    os.chmod(upper, 0o777)
    shutil.copy(os.path.join(case.settings.output, 'selftests', name), os.path.join(lower, 'program'))
    options = f'lowerdir={lower},upperdir={upper},workdir={scratch}'
    if LIBC.mount(b'overlay', case.work.encode(), b'overlay', 0, options.encode()):
        raise Skipped(f'needs overlayfs: {os.strerror(ctypes.get_errno())}')
    try:
        way(case, os.path.join(case.work, 'program'))
        case.kill_all()
    finally:
        LIBC.umount2(case.work.encode(), MNT_DETACH)


def test_regfile(case):
    on_overlay(case, 'regfile', subjects.restored)


def test_deleted(case):
    on_overlay(case, 'deleted_tree', subjects.restored)


def test_mapped(case):
    on_overlay(case, 'mem_file', subjects.restored)


def test_sockets(case):
    on_overlay(case, 'unix_names', subjects.restored)


def test_inotify(case):
    on_overlay(case, 'inotify', subjects.restored)


def test_inotify_unread(case):
    on_overlay(case, 'inotify_unread', subjects.restored)


def test_locks_left_running(case):
    on_overlay(case, 'file_locks', subjects.left_running)
