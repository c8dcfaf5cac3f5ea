# SPDX-License-Identifier: GPL-2.0-only
"""pidfds: targets outside of the tree, and in namespaces inside of it."""

import ctypes
import errno
import json
import os
import re
import signal
import sys

from case import Failed, Skipped, is_running, kill, read_file
from harm import refused

NO_NAMESPACE = 3
HOLDER = f'''
import ctypes, os, sys, time
target = int(sys.argv[1])
if not target:
    if ctypes.CDLL(None, use_errno=True).unshare(0x20000000):     # CLONE_NEWPID
        sys.exit({NO_NAMESPACE})
    target = os.fork()
    if not target:
        time.sleep(1000)
fd = os.pidfd_open(target)
open("made", "w").write("%d %d" % (fd, target))
time.sleep(1000)
'''


def start_holder(case, target):
    """A process with a pidfd of another: of its child in a pid namespace if @target is 0."""
    pid = case.spawn([sys.executable, '-c', HOLDER, str(target)])

    def made():
        path = os.path.join(case.work, 'made')
        return pid in case.statuses or (os.path.exists(path) and open(path).read())

    words = case.await_true(made, 20, 'a pidfd')
    if words is True:
        status = case.wait(pid)
        if status == NO_NAMESPACE:
            raise Skipped('needs pid namespaces (CONFIG_PID_NS)')
        raise Failed(f'no pidfd of process {target}: it ended with {status}')
    return pid, *map(int, words.split())


def clone_as(pid):
    """A child of this process with that number; None if somebody else has it."""
    tid = ctypes.c_int(pid)
    args = (ctypes.c_uint64 * 11)()                     # struct clone_args
    args[4], args[8], args[9] = signal.SIGCHLD, ctypes.addressof(tid), 1
    got = ctypes.PyDLL(None, use_errno=True).syscall(435, args, ctypes.sizeof(args))
    if got < 0 and ctypes.get_errno() == errno.EEXIST:
        return None
    if got < 0:
        raise Failed(f'process {pid} cannot be made: {os.strerror(ctypes.get_errno())}')
    if not got:
        os.execvp('sleep', ['sleep', '1000'])
    return got


def restore_refused(case, images, *words, options=()):
    return refused(case, [*case.restorer, 'restore', '-D', images, '-d', *options], *words)


def test_outside(case):
    """Refused unless allowed, by dump and by restore; and by restore if it is another one now."""
    target, other = case.spawn(['sleep', '1000']), case.spawn(['sleep', '1000'])
    pid, fd, _ = start_holder(case, target)
    allow = '--external', f'pidfd[{target}]'
    for options in (), ('--external', f'pidfd[{other}]'):
        refused(case, [*case.dumper, 'dump', '-t', str(pid), '-D', case.new_images(), *options],
                rf'fd {fd}\b', f'points at process {target}', rf'--external pidfd\[{target}\]')
    images = case.dump(pid, *allow)
    restore_refused(case, images, f'process {target}', rf'--external pidfd\[{target}\]')
    if case.restore(images, *allow) != pid:
        raise Failed('restored with another pid')
    kill(pid)
    case.wait(pid)
    kill(target)
    case.wait(target)
    restore_refused(case, images, f'task {target}', 'No such process', options=allow)
    impostor = clone_as(target)
    restore_refused(case, images, f'process {target}', 'not the one', options=allow)
    if impostor:
        kill(impostor)
    if is_running(pid):
        raise Failed('something was restored')


def test_outside_in_a_namespace(case):
    """The target has a number in a namespace of its own: what counts is the one that crbpf sees."""
    holder, _, target = start_holder(case, 0)
    pid = case.spawn([sys.executable, '-c', HOLDER.replace('"made"', '"second"'), str(target)])
    made = os.path.join(case.work, 'second')
    fd, _ = case.await_true(lambda: os.path.exists(made) and read_file(made).split(), 20, 'a pidfd')
    allow = '--external', f'pidfd[{target}]'
    refused(case, [*case.dumper, 'dump', '-t', str(pid), '-D', case.new_images(), '--external',
                   'pidfd[1]'], f'points at process {target}')
    if case.restore(case.dump(pid, *allow), *allow) != pid:
        raise Failed('restored with another pid')
    info = read_file(f'/proc/{pid}/fdinfo/{fd}')
    if not re.search(rf'^Pid:\t{target}$', info, re.M) or not re.search(r'^NSpid:.*\t1$', info, re.M):
        raise Failed(f'it points at another process: {info}')


def test_external_of_another_type(case):
    """What --external cannot do is said, not ignored."""
    for word in 'pidfd', 'pidfd[]', 'pidfd[x]', 'pidfd[1]x', 'tty[1:2', 'unix[]', 'mnt[/a]:b':
        refused(case, [*case.dumper, 'dump', '-t', '1', '-D', case.new_images(),
                       '--external', word], re.escape(word), r'pidfd\[PID\]')


def test_numbers_in_namespaces(case):
    """scan --fds shows a target's number in every namespace that has one for it."""
    pid, fd, target = start_holder(case, 0)
    status, out, err = case.run([*case.dumper, 'scan', '--json', '--fds', '--pid', str(pid)])
    if status > 1:
        raise Failed(f'scan ended with {status}: {err}')
    state, = (d['state'] for tree in json.loads(out)['trees'] for d in tree['descriptors']
              if d['pid'] == pid and d['fd'] == fd)
    inode = os.stat(f'/proc/{target}/ns/pid').st_ino
    found = re.fullmatch(rf'target {target} numbers ([\d/]+) namespace {inode}', state)
    if not found or not found[1].endswith(f'{target}/1'):
        raise Failed(f'{state}; process {target}, namespace {inode}')
    kill(target)
