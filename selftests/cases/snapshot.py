# SPDX-License-Identifier: GPL-2.0-only
"""Dumps of programs that run on, their memory saved from clones (--snapshot): what is saved is
one instant, nobody sees a clone, and where there can be none the memory is copied in the stop."""

import os
import shutil

from beats import (ALWAYS, beat, begin, cloned, end, goes_on, must_be_cloned, must_be_copied,
                   program)
from case import Failed, Skipped, descendants, kill, read_file, status_field
from harm import refused_once

ROUNDS = int(os.environ.get('CRBPF_ROUNDS', 20))    # of the tests with many; make soak: 500


def rounds(case):
    """Fewer where patience is needed."""
    return range(max(ROUNDS // case.settings.patience, 5))


def test_instant(case):
    """Counters in private, shared and unshared memory and in registers agree in what is restored."""
    pid = begin(case, 'instant')
    for n in rounds(case):
        images = case.dump(pid, *ALWAYS)
        must_be_cloned(images)
        goes_on(case, pid, f'after dump {n}')
        end(case, pid)
        case.restore(images)
        goes_on(case, pid, f'after restore {n}')
        shutil.rmtree(images)
    return f'{n + 1} instants'


test_instant.seconds = 60 * ROUNDS


def unseen(case, *arguments):
    pid = begin(case, 'unseen', *arguments)
    family = len(descendants(os.getpid()))
    for n in rounds(case):
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


def test_filtered(case):
    """A program whose filter forbids nearly all calls is not harmed."""
    pid = case.spawn([program(case, 'steady'), 'filtered'])
    case.await_true(lambda: status_field(pid, 'Seccomp') == '2' and beat(case) > 3, 10, 'the filter')
    must_be_copied(case, pid, 'seccomp filter is in the way')


def test_overcommit(case):
    """Memory that the kernel would not grant at once, and so not to a clone."""
    if read_file('/proc/sys/vm/overcommit_memory').strip() != '0':
        raise Skipped('this kernel grants memory by another rule (vm.overcommit_memory)')
    must_be_copied(case, begin(case, 'ballast', 'overcommitted'), 'cannot be cloned: .*memory')


def test_no_instructions(case):
    """A program without the instructions that it is made to call by."""
    pid = begin(case, 'ballast', 'bare')
    images = must_be_copied(case, pid, 'has not the instructions')
    end(case, pid)
    case.restore(images)
    goes_on(case, pid, 'restored')


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
