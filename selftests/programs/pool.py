# SPDX-License-Identifier: GPL-2.0-only
"""A python multiprocessing pool in mid-computation: its result equals an undisturbed run's."""

import hashlib
import os
import sys

from case import Failed, read_file

TASKS = 300
SCRIPT = f'''
import hashlib, multiprocessing, sys

def work(n):
    h = hashlib.sha256(b"%d" % n)
    for _ in range(12000):
        h = hashlib.sha256(h.digest())
    return n, h.hexdigest()

if __name__ == "__main__":
    total, done = hashlib.sha256(), {{}}
    with multiprocessing.Pool(4) as pool:
        for n, digest in pool.imap_unordered(work, range({TASKS}), chunksize=3):
            assert n not in done
            done[n] = digest
            with open("progress", "w") as f:
                f.write(str(len(done)))
    for n in sorted(done):
        total.update(done[n].encode())
    with open("result", "w") as f:
        f.write("%d %s" % (len(done), total.hexdigest()))
'''


def expected():
    total = hashlib.sha256()
    for n in range(TASKS):
        h = hashlib.sha256(b'%d' % n)
        for _ in range(12000):
            h = hashlib.sha256(h.digest())
        total.update(h.hexdigest().encode())
    return f'{TASKS} {total.hexdigest()}'


def test_pool(case):
    with open(os.path.join(case.work, 'pool.py'), 'w') as f:
        f.write(SCRIPT)
    python = '/usr/bin/python3' if os.path.exists('/usr/bin/python3') else sys.executable
    errors, progress = case.path('errors'), os.path.join(case.work, 'progress')
    pid = case.spawn([python, 'pool.py'], stdout=errors)
    case.await_true(lambda: int(read_file(progress) or 0) > 10, 30, 'the first results')
    case.cycle(pid)
    if int(read_file(progress) or 0) >= TASKS:
        raise Failed('it was over before it was restored')
    if case.wait(pid, 90):
        raise Failed(f'it ended with an error: {read_file(errors)}')
    if read_file(os.path.join(case.work, 'result')) != expected():
        raise Failed('its result is not that of an undisturbed run')
