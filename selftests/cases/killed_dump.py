# SPDX-License-Identifier: GPL-2.0-only
"""SIGKILL of crbpf at random moments of a dump: whatever it was doing, the target goes on and finds
itself unchanged, nobody traces it, and no copy of it runs. 200 moments in all without clones and
as many with (CRBPF_ROUNDS: another number), over subjects that verify themselves without a pause
(steady.c)."""

import os
import random
import shutil
import signal
import struct
import time

from case import Failed, descendants, is_running, kill, read_file, status_field
from harm import fingerprint, unharmed

ROUNDS = int(os.environ.get('CRBPF_ROUNDS', 200))
# What each subject changes by itself, and its share of the 200 moments.
SUBJECTS = {
    'memory': ((), 40),
    'signals': (('pending',), 30),
    'vforks': (('children', 'pending', 'threads'), 30),
    'filtered': ((), 30),
    'threads': ((), 30),
    'sleeps': ((), 20),
    'static': ((), 20),
}
# The same, with the memory saved from clones: --snapshot always. A call that slept when a clone was
# made may end with EINTR if nobody is left to put the registers back (crbpf-dump(8)).
CLONED = {
    'memory': 60,
    'signals': 40,
    'threads': 40,
    'naps': 40,
    'static': 20,
}


def beat(case):
    with open(os.path.join(case.work, 'beat'), 'rb') as f:
        return struct.unpack('Q', f.read(8))[0]


def at_rest(mode):
    """SigBlk outside of handlers: memory() blocks SIGUSR2."""
    return f'{1 << 11 if mode == "memory" else 0:016x}'


def said(case):
    return read_file(os.path.join(case.work, 'failures')).strip()


def goes_on(case, pid, when):
    """It verifies itself with every beat."""
    start = beat(case)
    if not case.await_true(lambda: beat(case) > start + 3 or not is_running(pid), 10):
        state = status_field(pid, 'State'), read_file(f'/proc/{pid}/stack')[:300]
        raise Failed(f'{when}: it stands still: {state}')
    if not is_running(pid) or said(case):
        raise Failed(f'{when}: it is gone: {said(case) or case.statuses.get(pid)}')


def dump(case, pid, options, delay=None):
    """Returns whether it had finished before it was killed, which is after @delay."""
    images = case.new_images()
    tool = case.spawn([*case.dumper, 'dump', '-t', str(pid), '-D', images, '-o', 'dump.log', '-R',
                       *options], cwd=case.root)
    if delay is not None:
        time.sleep(delay)
        kill(tool)
    status = case.wait(tool)
    if status and (status != -signal.SIGKILL or delay is None):
        log = read_file(os.path.join(images, 'dump.log'))
        raise Failed(f'the dump ended by itself, with {status}: {log[-800:]}')
    shutil.rmtree(images)
    return not status


def seconds(what):
    began = time.monotonic()
    what()
    return time.monotonic() - began


def run(case, name, moments, options=()):
    leave_out = SUBJECTS[name][0] if name in SUBJECTS else ()
    moments = max(moments * ROUNDS // 200 // case.settings.patience, 5)
    program = 'steady_static' if name == 'static' else 'steady'
    mode = 'memory' if name == 'static' else name
    pid = case.spawn([os.path.join(case.settings.output, 'selftests', program), mode])
    case.await_true(lambda: os.path.exists(os.path.join(case.work, 'beat')), what='the subject')
    case.await_true(lambda: os.path.getsize(os.path.join(case.work, 'beat')) and beat(case) > 5,
                    what='its first beats')
    family = len(descendants(os.getpid()))
    # Not while it is in a handler, which blocks signals.
    def at_rest_now():
        found = fingerprint(pid, leave_out)
        return found['SigBlk'] == at_rest(mode) and found

    before = case.await_true(at_rest_now, 10, 'a moment at rest')
    lasts = min(seconds(lambda: dump(case, pid, options)) for _ in range(3))
    finished = 0
    for n in range(moments):
        delay = random.uniform(0, lasts * 1.05)
        when = f'moment {n} ({delay * 1e3:.1f} ms of {lasts * 1e3:.0f})'
        finished += dump(case, pid, options, delay)
        goes_on(case, pid, when)
        try:
            unharmed(case, pid, before, leave_out)
        except Failed as e:
            raise Failed(f'{when}: {e}') from None
        extra = 1 if name == 'vforks' else 0
        if not case.await_true(lambda: len(descendants(os.getpid())) <= family + extra, 3):
            left = [(p, status_field(p, 'Name'), status_field(p, 'State'))
                    for p in descendants(os.getpid())]
            raise Failed(f'{when}: processes are left: {left}')
    if finished == moments:
        raise Failed(f'none of {moments} dumps was killed: they take {lasts * 1e3:.0f} ms')
    # It can still be dumped and restored.
    case.cycle(pid)
    goes_on(case, pid, 'after a whole dump and restore')
    return f'{moments} moments, {finished} after the end'


def add(name, moments, suffix='', options=()):
    def test(case):
        return run(case, name, moments, options)
    test.seconds = 300 * max(1, ROUNDS // 200)
    globals()[f'test_{name}{suffix}'] = test


for subject in SUBJECTS:
    add(subject, SUBJECTS[subject][1])
for subject in CLONED:
    add(subject, CLONED[subject], '_cloned', ('--snapshot', 'always'))
