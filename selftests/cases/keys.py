# SPDX-License-Identifier: GPL-2.0-only
"""Keyrings: what systemd puts into the session of a service is no obstacle, the rest is."""

import ctypes
import json
import platform

from case import Failed, Skipped

ADD_KEY, KEYCTL = {'x86_64': (248, 250), 'aarch64': (217, 219)}[platform.machine()]
JOIN_SESSION, LINK, SESSION, USER = 1, 8, -3, -4


def start(case, *names):
    """A process whose session keyring holds these keys, and its user's keyring."""
    def join():
        libc = ctypes.CDLL(None, use_errno=True)
        failed = libc.syscall(KEYCTL, JOIN_SESSION, None) < 0
        failed |= libc.syscall(KEYCTL, LINK, USER, SESSION) < 0
        for name in names:
            failed |= libc.syscall(ADD_KEY, b'user', name, b'x', ctypes.c_size_t(1), SESSION) < 0
        if failed:
            raise OSError(ctypes.get_errno(), 'keys')

    if ctypes.CDLL(None).syscall(KEYCTL, 0, USER, 1) < 0:
        raise Skipped('needs keyrings')
    return case.start(['sleep', '100'], before=join)


def test_service(case):
    """systemd's key is told of and lost; no other key is."""
    pid = start(case, b'invocation_id')
    tree, = json.loads(case.must([*case.dumper, 'scan', '--json', '--pid', str(pid)]))['trees']
    if [o['severity'] for o in tree['obstacles']] != ['warning']:
        raise Failed(f'{tree["obstacles"]}')
    case.restore(case.dump(pid))
    if case.run([*case.dumper, 'scan', '--pid', str(start(case, b'invocation_id', b'other'))])[0] != 1:
        raise Failed('another key beside it is lost in silence')
    status, out, _ = case.run([*case.dumper, 'scan', '--pid', str(start(case))])
    if status or 'warning' in out:
        raise Failed(f"the user's keyring is an obstacle: {out}")
