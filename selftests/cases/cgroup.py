# SPDX-License-Identifier: GPL-2.0-only
"""A tree that is in other control groups than crbpf will not be there after a restore: it is told."""

import json
import os

from case import Failed, Skipped, kill

MOUNTS = '/sys/fs/cgroup', '/sys/fs/cgroup/unified', '/sys/fs/cgroup/freezer'


def warnings(case, pid):
    tree, = json.loads(case.must([*case.dumper, 'scan', '--json', '--pid', str(pid)]))['trees']
    return [o['text'] for o in tree['obstacles'] if o['kind'] == 'control group']


def test_told(case):
    group = next((os.path.join(m, f'crbpf-test-{os.getpid()}') for m in MOUNTS
                  if os.access(os.path.join(m, 'cgroup.procs'), os.W_OK)), None)
    if not group:
        raise Skipped('needs control groups')
    pid = case.start(['sh', '-c', 'sleep 100 & wait'])
    if warnings(case, pid):
        raise Failed(f'it is where crbpf is: {warnings(case, pid)}')
    try:
        os.mkdir(group)
    except OSError as e:
        raise Skipped(f'no control group can be made: {e}') from None
    try:
        with open(os.path.join(group, 'cgroup.procs'), 'w') as f:
            f.write(str(pid))
        told = warnings(case, pid)
        if len(told) != 1 or os.path.basename(group) not in told[0]:
            raise Failed(f'it was moved to {group}: {told}')
        # the child that stayed is elsewhere than its parent, and where crbpf is
        log = case.path('dump.log')
        case.must([*case.dumper, 'dump', '-t', str(pid), '-D', case.new_images(), '-R', '-o', log])
        if os.path.basename(group) not in open(log).read():
            raise Failed('dump does not tell')
    finally:
        for process in open(os.path.join(group, 'cgroup.procs')).read().split():
            kill(int(process))
        case.await_true(lambda: not open(os.path.join(group, 'cgroup.procs')).read(), 10)
        os.rmdir(group)
