# SPDX-License-Identifier: GPL-2.0-only
"""Where the kernel keeps a Landlock domain has to be learned: what if that fails, or is cut short."""

import json
import os

import forbid
import subjects
from case import Failed, Skipped, read_file


def scan(case, pid, *options, before=None):
    """Exit status and what of the obstacles speaks of Landlock."""
    status, out, err = case.run([*case.dumper, 'scan', '--json', '--pid', str(pid), *options],
                                before=before)
    if status not in (0, 1):
        raise Failed(f'scan ended with {status}: {err}')
    tree, = json.loads(out)['trees']
    return status, [o['text'] for o in tree['obstacles'] if 'Landlock' in o['text']]


def confined(case):
    pid, _ = subjects.start(case, os.path.join(case.settings.output, 'selftests/obstacles_tasks'), 'landlock')
    return pid


def test_cannot_be_learned(case):
    """crbpf may not confine a child of its own: then nothing is called clean."""
    if 'landlock' not in read_file('/sys/kernel/security/lsm', 'landlock'):
        raise Skipped('needs Landlock')
    pid = case.start(['sleep', '100'])
    if scan(case, pid, '--no-cache') != (0, []):
        raise Failed('an obstacle where there is none')
    before = forbid.call(forbid.LANDLOCK_RESTRICT_SELF)
    status, lines = scan(case, pid, '--no-cache', before=before)
    if status != 1 or len(lines) != 1 or 'may have confined itself' not in lines[0]:
        raise Failed(f'{status}, {lines}')
    images = case.new_images()
    status, _, err = case.run([*case.dumper, 'dump', '-t', str(pid), '-D', images, '--no-cache'],
                              before=before)
    if status != 1 or 'may have confined itself' not in err:
        raise Failed(f'dump ended with {status}: {err}')


def test_killed_while_learning(case):
    """crbpf dies at its first look, with programs pinned: the next begins to learn anew."""
    pid, plain = confined(case), case.start(['sleep', '100'])
    if not case.await_true(lambda: not case.run([*case.dumper, 'scan', '--unpin'])[0], 20):
        raise Skipped('another crbpf uses what is pinned')
    status, _, _ = case.run([*case.dumper, 'scan', '--pid', str(pid)],
                            before=forbid.call(forbid.BPF, forbid.BPF_LINK_CREATE, forbid.KILL))
    if status >= 0:
        raise Failed(f'it was not killed, but ended with {status}')
    if not os.listdir('/sys/fs/bpf/crbpf'):
        raise Failed('nothing is pinned')
    for _ in range(2):
        if len(scan(case, pid)[1]) != 1:
            raise Failed('the domain is not seen')
        if scan(case, plain) != (0, []):
            raise Failed('a domain where there is none')


test_killed_while_learning.alone = True
