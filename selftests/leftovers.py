# SPDX-License-Identifier: GPL-2.0-only
"""What a test may leave on the machine, also when it was killed: all of it can be told by the test's
directory or by the number of its process, or is named in a file there."""

import ctypes
import fcntl
import glob
import os
import re
import shutil
import struct
import time

from case import read_file

LIBC = ctypes.CDLL(None, use_errno=True)
MNT_DETACH = 2
IPC_RMID = 0


def mounts_below(root):
    """The last one first: it may hide others."""
    points = [line.split()[4] for line in read_file('/proc/self/mountinfo').splitlines()]
    points = [re.sub(r'\\([0-7]{3})', lambda m: chr(int(m[1], 8)), p) for p in points]
    return [p for p in reversed(points) if p.startswith(root + '/')]


def groups_of(pid):
    return [p for top in ('', '*/') for p in glob.glob(f'/sys/fs/cgroup/{top}crbpf-test-{pid}')]


def remove_group(path):
    """Once those that were killed in it have ended."""
    for _ in range(250):
        try:
            return os.rmdir(path)
        except OSError:
            time.sleep(0.02)


def told(root, name):
    """The lines of which the test or its subjects told us in case they die, in files of that name."""
    files = glob.glob(os.path.join(glob.escape(root), 'work', '**', name), recursive=True)
    return [line for path in files for line in read_file(path).splitlines()]


def remove_later(case, path):
    """A path outside of the test's directory goes when the test has ended."""
    with open(os.path.join(case.work, 'elsewhere'), 'a') as f:
        f.write(path + '\n')


def remove_elsewhere(root):
    for path in told(root, 'elsewhere'):
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.unlink(path)


def remove_interfaces(root):
    """One that was attached ends with us."""
    for name in told(root, 'interfaces'):
        flags = read_file(f'/sys/class/net/{name}/tun_flags').strip()
        if flags:
            request = struct.pack('16sH22x', name.encode(), int(flags, 16) & ~0x800)
            with open('/dev/net/tun', 'rb+', buffering=0) as f:
                try:
                    fcntl.ioctl(f, 0x400454ca, request)         # TUNSETIFF
                    fcntl.ioctl(f, 0x400454cb, 0)               # TUNSETPERSIST
                except OSError:
                    pass                                        # it has ended meanwhile


def keep_number(case, path):
    """The number in a file of /proc/sys comes back when the test has ended."""
    kept = case.path('kept')
    os.makedirs(kept, exist_ok=True)
    with open(os.path.join(kept, path.replace('/', '\\')), 'w') as f:
        f.write(read_file(path))


def restore_numbers(root):
    for kept in glob.glob(os.path.join(glob.escape(root), 'kept', '*')):
        with open(os.path.basename(kept).replace('\\', '/'), 'w') as f:
            f.write(read_file(kept))


def remove(root, pid):
    """
    Removes what the test with this directory and process has left, and puts back numbers. Returns
    what should not have been there, as text.
    """
    found = [f'mount {p}' for p in mounts_below(root)] + groups_of(pid)
    restore_numbers(root)
    for segment in told(root, 'shm'):
        LIBC.shmctl(int(segment), IPC_RMID, None)
    for semaphore in told(root, 'semaphores'):
        LIBC.semctl(int(semaphore), 0, IPC_RMID)
    remove_elsewhere(root)
    remove_interfaces(root)
    for point in mounts_below(root):
        LIBC.umount2(os.fsencode(point), MNT_DETACH)
    for path in groups_of(pid):
        remove_group(path)
    return ', '.join(found)
