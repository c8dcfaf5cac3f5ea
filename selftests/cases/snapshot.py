# SPDX-License-Identifier: GPL-2.0-only
"""Dumps of programs that run on, their memory saved from clones (--snapshot): what is saved is
one instant, nobody sees a clone, and where there can be none the memory is copied in the stop."""

import os
import re
import shutil
import struct

from case import Failed, Skipped, descendants, is_running, kill, read_file, status_field
from harm import refused_once

ROUNDS = int(os.environ.get('CRBPF_ROUNDS', 20))    # of the tests with many; 500 for a long one
ALWAYS = '--leave-running', '--snapshot', 'always'


def program(case, name):
    return os.path.join(case.settings.output, 'selftests', name)


def beat(case):
    data = open(os.path.join(case.work, 'beat'), 'rb').read(8)
    return struct.unpack('Q', data)[0] if len(data) == 8 else 0


def begin(case, name, *arguments):
    pid = case.spawn([program(case, name), *arguments])
    case.await_true(lambda: os.path.exists(os.path.join(case.work, 'beat')) and beat(case) > 3,
                    30, f'beats of {name}')
    return pid


def goes_on(case, pid, when):
    start = beat(case)
    case.await_true(lambda: beat(case) > start + 3 or not is_running(pid), 30, f'{when}: beats')
    said = read_file(os.path.join(case.work, 'failures')).strip()
    if said or not is_running(pid):
        raise Failed(f'{when}: {said or "it is gone"}')


def log_of(images):
    return read_file(os.path.join(images, 'dump.log'))


def cloned(images):
    """How many processes were cloned in a dump."""
    found = re.search(r'(\d+) processes were cloned', log_of(images))
    return int(found.group(1)) if found else 0


def must_be_cloned(images):
    if 'are not proven on this processor' in log_of(images):
        raise Skipped('calls by signal frames are not proven on this processor')
    if not cloned(images):
        raise Failed('nothing was cloned: ' + ' '.join(
            line for line in log_of(images).splitlines() if 'stands still' in line))


def end(case, pid):
    """Kills a tree and waits until all of its numbers are free."""
    tree = [pid, *descendants(pid)]
    for p in tree:
        kill(p)
    case.await_true(lambda: not any(os.path.exists(f'/proc/{p}') for p in tree), 10, 'the end')
    case.statuses.clear()


def test_instant(case):
    """Counters in private, shared and unshared memory and in registers agree in what is restored."""
    pid = begin(case, 'instant')
    for n in range(ROUNDS):
        images = case.dump(pid, *ALWAYS)
        must_be_cloned(images)
        goes_on(case, pid, f'after dump {n}')
        end(case, pid)
        case.restore(images)
        goes_on(case, pid, f'after restore {n}')
        shutil.rmtree(images)
    return f'{ROUNDS} instants'


test_instant.seconds = 60 * ROUNDS


def unseen(case, *arguments):
    pid = begin(case, 'unseen', *arguments)
    family = len(descendants(os.getpid()))
    for n in range(ROUNDS):
        images = case.dump(pid, *ALWAYS)
        must_be_cloned(images)
        goes_on(case, pid, f'after dump {n}')
        shutil.rmtree(images)
    # a child of its own may be there for a moment
    case.await_true(lambda: len(descendants(os.getpid())) <= family, 10, 'the end of all clones')
    case.cycle(pid)
    goes_on(case, pid, 'after a whole dump and restore')


def test_unseen(case):
    """By wait calls of all sorts, SIGCHLD, and ends of pipes."""
    unseen(case)


def test_unseen_by_subreaper(case):
    """By one who waits for orphans."""
    unseen(case, 'subreaper')


def test_unseen_by_waiter(case):
    """By a thread that sleeps in wait4 until any child has ended."""
    unseen(case, 'waiter')


test_unseen.seconds = test_unseen_by_waiter.seconds = test_unseen_by_subreaper.seconds = 30 * ROUNDS


def test_never(case):
    """--snapshot never copies in the stop, and so does auto with a small program."""
    pid = begin(case, 'unseen')
    for options in ('--snapshot', 'never'), ('--snapshot', 'auto'), ():
        if cloned(case.dump(pid, '--leave-running', *options)):
            raise Failed(f'cloned with {options}')
    goes_on(case, pid, 'after dumps')
    refused_once(case, [*case.dumper, 'dump', '-t', str(pid), '-D', case.new_images(), '-R',
                        '--snapshot', 'sometimes'], "cannot be 'sometimes'", 'always')


def must_be_copied(case, pid, why):
    images = case.dump(pid, *ALWAYS)
    if 'are not proven on this processor' in log_of(images):
        raise Skipped('calls by signal frames are not proven on this processor')
    said = [line for line in log_of(images).splitlines() if 'warning' in line and 'stands still' in line]
    if cloned(images) or len(said) != 1 or not re.search(why, said[0]):
        raise Failed(f'cloned: {cloned(images)}; said: {said}')
    goes_on(case, pid, 'after a dump')
    return images


def test_filtered(case):
    """A program whose filter forbids nearly all calls is not harmed."""
    pid = case.spawn([program(case, 'steady'), 'filtered'])
    case.await_true(lambda: status_field(pid, 'Seccomp') == '2' and beat(case) > 3, 10, 'the filter')
    must_be_copied(case, pid, 'seccomp filter is in the way')


def group(case, controllers, limits):
    """A control group of this test's own with a limit; (version 2 or 1)."""
    for top, want in (('/sys/fs/cgroup', '2'), ('/sys/fs/cgroup/unified', '2'),
                      (f'/sys/fs/cgroup/{controllers}', '1')):
        path = os.path.join(top, f'crbpf-test-{os.getpid()}')
        if not os.path.exists(os.path.join(top, 'cgroup.procs')):
            continue
        try:
            os.mkdir(path)
        except OSError:
            continue
        try:
            for name, value in limits[want].items():
                with open(os.path.join(path, name), 'w') as f:
                    f.write(value)
            return path
        except OSError:
            os.rmdir(path)
    raise Skipped(f'no control group with a limit of {controllers} can be made here')


def in_group(case, controllers, limits, why):
    path = group(case, controllers, limits)
    try:
        pid = begin(case, 'instant')
        for p in [pid, *descendants(pid)]:
            with open(os.path.join(path, 'cgroup.procs'), 'w') as f:
                f.write(str(p))
        with open(os.path.join(path, 'cgroup.procs')) as f:
            if str(pid) not in f.read().split():
                raise Skipped(f'needs control groups to move processes to ({controllers})')
        images = must_be_copied(case, pid, why)
        end(case, pid)
        case.restore(images)
        goes_on(case, pid, 'restored')
        end(case, pid)
    finally:
        for p in descendants(os.getpid()):
            kill(p)
        case.await_true(lambda: not read_file(os.path.join(path, 'cgroup.procs')).strip(), 10)
        os.rmdir(path)


def test_memory_limit(case):
    """No room for a second copy of what the program may write to."""
    in_group(case, 'memory', {'2': {'memory.max': str(16 << 20)},
                              '1': {'memory.limit_in_bytes': str(16 << 20)}}, 'no room')


def test_pids_limit(case):
    """No room for one more task."""
    in_group(case, 'pids', {'2': {'pids.max': '5'}, '1': {'pids.max': '5'}}, 'cannot be cloned')
