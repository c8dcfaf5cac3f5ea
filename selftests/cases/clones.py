# SPDX-License-Identifier: GPL-2.0-only
"""What can happen while the memory of a tree is saved from clones: crbpf is held up there
(SIGSTOP), and processes end, are killed, or are traced by somebody else."""

import ctypes
import os
import re
import shutil
import signal
import time

from beats import ALWAYS, beat, begin, goes_on, log_of, must_be_cloned
from case import Failed, children, descendants, is_running, kill, read_file
from harm import fingerprint, unharmed

TRIES = 50              # a dump is quick: it may be over before it is held up
PTRACE_SEIZE = 0x4206
EXIT_SIGNAL = 35        # in /proc/PID/stat, behind the name


def is_clone(pid):
    fields = read_file(f'/proc/{pid}/stat').rpartition(')')[2].split()
    return len(fields) > EXIT_SIGNAL and fields[EXIT_SIGNAL] == '0'


def clones_of(pid):
    return [child for child in children(pid) if is_clone(child)]


def hold_up(case, root, cloned):
    """Begins a dump of the tree of @root; returns crbpf, which stands still while the tree runs
    and @cloned has a clone, that clone, and the images."""
    for _ in range(TRIES):
        images = case.new_images()
        tool = case.spawn([*case.dumper, 'dump', '-t', str(root), '-D', images, '-v4', '-o',
                           'dump.log', *ALWAYS], cwd=case.root, stderr=os.path.join(images, 'said'))
        clones = []
        until = time.monotonic() + 30 * case.settings.patience
        while not clones and time.monotonic() < until and is_running(tool):
            clones = clones_of(cloned)
        kill(tool, signal.SIGSTOP)
        start = beat(case)
        if clones and case.await_true(lambda: beat(case) > start + 2, 1) and is_running(clones[0]):
            return tool, clones[0], images
        kill(tool, signal.SIGCONT)
        if case.wait(tool, 60):
            raise Failed(read_file(os.path.join(images, 'said')))
        shutil.rmtree(images)
    raise Failed('every dump was over before it was held up')


def finish(case, tool, images):
    """Lets crbpf go on. Returns its status and what it said."""
    kill(tool, signal.SIGCONT)
    status = case.wait(tool, 60)
    return status, read_file(os.path.join(images, 'said')).strip()


def must_succeed(case, tool, images):
    status, said = finish(case, tool, images)
    if status:
        raise Failed(f'status {status}: {said}')
    must_be_cloned(images)


def test_clone_killed(case):
    """As the kernel does where memory is short: the dump fails, and nothing else does."""
    pid = begin(case, 'ballast', 'heavy')
    shutil.rmtree(case.dump(pid, *ALWAYS))          # what remains of it is there: frames
    before = fingerprint(pid)
    tool, clone, images = hold_up(case, pid, pid)
    kill(clone)
    status, said = finish(case, tool, images)
    if (status != 1 or len(said.splitlines()) != 2
            or not re.search(f'the clone of process {pid} was killed', said)):
        raise Failed(f'status {status}: {said}')
    if os.path.exists(os.path.join(images, 'inventory.img')):
        raise Failed('a checkpoint was left')
    goes_on(case, pid, 'without its clone')
    unharmed(case, pid, before)


def test_process_ends(case):
    """The process that was cloned ends before its memory is saved: what is saved is what it had."""
    pid = begin(case, 'ballast', 'heavy')
    family = len(descendants(os.getpid())) - 1
    tool, _, images = hold_up(case, pid, pid)
    kill(pid)
    case.await_true(lambda: not os.path.exists(f'/proc/{pid}'), 10, 'its end')
    must_succeed(case, tool, images)
    if 'taken away' in log_of(images):
        raise Failed(log_of(images))
    case.await_true(lambda: len(descendants(os.getpid())) <= family, 10, 'the end of its clone')
    case.restore(images)
    goes_on(case, pid, 'restored')


def test_child_ends(case):
    """Its parent, who goes on, learns of that end and of no other."""
    root = begin_brood(case)
    child, = children(root)
    tool, _, images = hold_up(case, root, child)
    kill(child)
    goes_on(case, root, 'without its child')
    must_succeed(case, tool, images)
    goes_on(case, root, 'after the dump')
    case.await_true(lambda: not clones_of(root), 10, 'the end of its clone')


def test_root_ends(case):
    """A child that lives on is no part of the tree any more, and loses its clone all the same."""
    root = begin_brood(case)
    child, = children(root)
    tool, _, images = hold_up(case, root, child)
    kill(root)
    case.await_true(lambda: not os.path.exists(f'/proc/{root}'), 10, 'the end of the root')
    must_succeed(case, tool, images)
    goes_on(case, child, 'without its parent')
    if clones_of(child):
        raise Failed('the clone is still there: ' + log_of(images)[-500:])


def begin_brood(case):
    root = begin(case, 'ballast', 'brood')
    case.await_true(lambda: children(root), 10, 'its child')
    return root


def seize(case, pid):
    """A process that traces @pid until it is killed."""
    ready, tell = os.pipe()
    tracer = os.fork()
    if not tracer:
        libc = ctypes.CDLL(None, use_errno=True)
        done = libc.ptrace(PTRACE_SEIZE, ctypes.c_long(pid), None, None) == 0
        os.write(tell, b'1' if done else b'0')
        while True:
            signal.pause()
    os.close(tell)
    if os.read(ready, 1) != b'1':
        raise Failed('cannot trace it')
    os.close(ready)
    return tracer


def test_traced_meanwhile(case):
    """Somebody else traces the process when its clone is to be taken away: that happens later."""
    pid = begin(case, 'ballast', 'heavy')
    tool, _, images = hold_up(case, pid, pid)
    tracer = seize(case, pid)
    must_succeed(case, tool, images)
    if 'could not be taken away yet' not in log_of(images):
        raise Failed('no warning: ' + log_of(images)[-500:])
    goes_on(case, pid, 'with a dead clone')
    kill(tracer)
    case.await_true(lambda: not clones_of(pid), 60, 'the end of the clone')
    goes_on(case, pid, 'without it')
    case.cycle(pid)
    goes_on(case, pid, 'after a whole dump and restore')
