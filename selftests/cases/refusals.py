# SPDX-License-Identifier: GPL-2.0-only
"""What cannot be carried is refused before anything is written: one line for each obstacle, all of
them at once, and the target goes on untouched (obstacles*.c). A kind that learns to carry one of
them removes it there."""

import os
import re

import subjects
import verdict
from case import Failed, Skipped, children, kill, read_file
from harm import fingerprint, refused, unharmed

# By the program that makes them.
NAMES = {
    'obstacles': (
        'inotify_overflow', 'fanotify_permission', 'fanotify_unread', 'netlink', 'netlink_queue', 'packet',
        'raw', 'vsock', 'tcp', 'waiting_client', 'udp_queue', 'multicast', 'unix_arrival',
        'unix_flight', 'locked', 'unlinked', 'unix_renamed', 'unix_replaced', 'lease', 'pidfd', 'userfaultfd',
        'io_uring', 'bpf_map', 'perf_event', 'secretmem', 'fuse', 'mqueue',
        'reuseport_program', 'alg', 'mptcp', 'xdp', 'bpf_program', 'bpf_link', 'kvm',
        'block_device', 'namespace', 'ruleset', 'new_mount', 'detached_mount', 'pressure',
        'dnotify', 'watch_queue', 'eventfd_told', 'tap_filter',
        'timerfd_cancelled'),
    'obstacles_tasks': (
        'network_namespace', 'mount_namespace', 'ipc_namespace', 'uts_namespace', 'traced',
        'vfork', 'aio', 'time_namespace', 'pid_namespace', 'headless', 'thread_directory',
        'thread_descriptors', 'shared_memory', 'shared_handlers', 'semaphore_undo',
        'seccomp_listener', 'landlock', 'thread_key', 'process_key', 'session_key',
        'users_name', 'users_ring', 'invocation', 'thread_invocation'),
    'obstacles_maps': (
        'map_device', 'map_perf', 'map_io_uring', 'map_bpf', 'map_packets', 'map_secret',
        'map_kvm', 'map_userfaults', 'map_tags'),
}

# These also in the queue of a socket, where no process has them open.
FLYING = ('inotify_overflow', 'fanotify_permission', 'fanotify_unread', 'waiting_client',
          'udp_queue', 'unix_arrival', 'unix_renamed', 'unix_flight', 'locked', 'unlinked', 'lease',
          'pidfd', 'fuse', 'bpf_map', 'perf_event', 'secretmem', 'mqueue', 'reuseport_program', 'seccomp_listener')


# Which timers of other tests would be told.
SETS_CLOCK = 'timerfd_cancelled'


def start(case, *names):
    """A process with these obstacles. Returns its pid and the descriptors: [(name, fd)]."""
    plain = names[0].removeprefix('flying_')
    made_by = next(p for p, made in NAMES.items() if plain in made)
    program = os.path.join(case.settings.output, 'selftests', made_by)
    pid, _ = subjects.start(case, program, *names)
    made = [line.split() for line in read_file(os.path.join(case.work, 'made')).splitlines()]
    return pid, [(name, int(fd)) for name, fd in made]


def dump_refused(case, pid, *options):
    before = fingerprint(pid)
    images = case.new_images()
    err = refused(case, [*case.dumper, 'dump', '-t', str(pid), '-D', images, '-o', 'dump.log',
                         '--timeout', '2', *options], seconds=30)
    left = [n for n in os.listdir(images) if n != 'dump.log']
    if left:
        raise Failed(f'refused, but it wrote {left}')
    unharmed(case, pid, before)
    verdict.must_agree(case, pid, err, options)
    return err


def run(case, name):
    pid, made = start(case, name)
    err = dump_refused(case, pid)
    fd = made[0][1]
    if fd and not re.search(rf'\bfd {fd}\b', err):
        raise Failed(f'descriptor {fd} is not named: {err}')
    if not re.search(r'(task|process|thread) \d+', err):
        raise Failed(f'the task is not named: {err}')
    for start_of in read_file(os.path.join(case.work, 'mapped')).split():
        if f'mapping {start_of}-' not in err:
            raise Failed(f'the mapping at {start_of} is not named: {err}')
    subjects.finish(case, pid)
    return err.strip()


def add(name):
    def test(case):
        return run(case, name)
    test.alone = name == SETS_CLOCK
    globals()[f'test_{name}'] = test


for obstacle in (*(name for names in NAMES.values() for name in names), *(f'flying_{name}' for name in FLYING)):
    add(obstacle)


def test_list_is_whole(case):
    """This file and the programs know the same obstacles."""
    for program, names in NAMES.items():
        out = case.must([os.path.join(case.settings.output, 'selftests', program)]).split()
        if sorted(out) != sorted(names):
            raise Failed(f'they differ in {sorted(set(out) ^ set(names))}')


def all_at_once(case, program):
    """A process with many obstacles: each has its line."""
    names = [n for n in NAMES[program] if not n.endswith('_namespace') and
             n not in ('traced', 'vfork', 'vsock', 'headless', SETS_CLOCK)]
    pid, made = start(case, *names)
    err = dump_refused(case, pid)
    missing = [f'{name} (fd {fd})' for name, fd in made if fd and not re.search(rf'\bfd {fd}\b', err)]
    if missing:
        raise Failed(f'not named: {missing} in {err}')
    subjects.finish(case, pid)
    return err.strip()


def test_all_at_once(case):
    return all_at_once(case, 'obstacles')


def test_all_tasks_at_once(case):
    return all_at_once(case, 'obstacles_tasks')


def test_all_maps_at_once(case):
    return all_at_once(case, 'obstacles_maps')


def option_needed(case, program, option):
    """A subject that needs an option is refused without it, with that option as advice."""
    pid, options = subjects.start(case, os.path.join(case.settings.output, 'selftests', program))
    if option not in options:
        raise Failed(f'{program} does not ask for {option}')
    err = dump_refused(case, pid)
    if option not in err:
        raise Failed(f'{option} is not advised: {err}')
    subjects.finish(case, pid)
    return err.strip()


def test_locks_without_option(case):
    return option_needed(case, 'file_locks', '--file-locks')


def test_lock_in_flight(case):
    """Whoever may take it again: who receives it is not known yet."""
    pid, _ = start(case, 'flying_locked')
    err = dump_refused(case, pid, '--file-locks')
    if 'no process has it open' not in err:
        raise Failed(f'another reason: {err}')
    subjects.finish(case, pid)
    return err.strip()


def test_link_without_option(case):
    return option_needed(case, 'deleted_link', '--link-remap')


def test_shared_directory(case):
    """CLONE_FS without CLONE_THREAD."""
    pid, _ = subjects.start(case, os.path.join(case.settings.output, 'selftests/fs_sharing'))
    err = dump_refused(case, pid)
    if 'CLONE_FS' not in err:
        raise Failed(f'CLONE_FS is not named: {err}')
    subjects.finish(case, pid)
    return err.strip()


IN_NAMESPACE = '''
import ctypes, os, threading, time

def live(moves):
    if moves and ctypes.CDLL(None).unshare(0x04000000):         # CLONE_NEWUTS
        open('skipped', 'w').close()
    up.wait()
    time.sleep(1000)

if os.fork():
    time.sleep(1000)
up = threading.Barrier(7)
ctypes.CDLL(None).unshare(0x04000000)
for i in range(6):
    threading.Thread(target=live, args=(i == 2,)).start()
up.wait()
open('ready', 'w').close()
time.sleep(1000)
'''


def test_namespace_of_threads(case):
    """One line for a process, however many of its threads live there, and one for who lives elsewhere."""
    pid = case.spawn(['/usr/bin/python3', '-c', IN_NAMESPACE])
    case.await_true(lambda: os.path.exists(os.path.join(case.work, 'ready')), 20, 'its threads')
    if os.path.exists(os.path.join(case.work, 'skipped')):
        raise Skipped('needs UTS namespaces (CONFIG_UTS_NS)')
    lines = [line for line in dump_refused(case, pid).splitlines() if 'uts namespace' in line]
    named = [int(re.search(r'thread (\d+)', line).group(1)) for line in lines]
    if len(named) != 2 or named[:1] != children(pid):
        raise Failed(f'process {pid}: {lines}')
    return '\n'.join(lines)


def test_terminal_without_option(case):
    import pty
    master, slave = pty.openpty()
    pid = case.start(['sleep', '1000'], stdin=slave)
    os.close(slave)
    err = dump_refused(case, pid)
    if '--shell-job' not in err:
        raise Failed(f'--shell-job is not advised: {err}')
    kill(pid)
    os.close(master)
    return err.strip()


def test_shared_table_outside(case):
    """A pipe whose other end is outside the tree."""
    reader, writer = os.pipe()
    pid = case.start(['sleep', '1000'], stdout=writer)
    os.close(writer)
    err = dump_refused(case, pid)
    if not re.search(r'\bfd 1\b', err):
        raise Failed(f'fd 1 is not named: {err}')
    kill(pid)
    os.close(reader)
    return err.strip()
