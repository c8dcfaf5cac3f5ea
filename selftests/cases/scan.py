# SPDX-License-Identifier: GPL-2.0-only
"""crbpf scan: what it shows, to whom, and how it ends. That its verdicts are dump's is asked by
every other test that dumps (verdict.py)."""

import json
import os
import pty
import re
import signal
import sys
import time

import schema
import subjects
import verdict
from case import Failed, Skipped, kill, read_file, status_field


def program(case, name):
    return os.path.join(case.settings.output, 'selftests', name)


def scan(case, *options, status=0, prefix=()):
    got, out, err = case.run([*prefix, *case.dumper, 'scan', *options])
    if got != status:
        raise Failed(f'scan {" ".join(options)} ended with {got}, not {status}: {err or out}')
    return out, err


def scan_json(case, *options, **how):
    found = json.loads(scan(case, '--json', *options, **how)[0])
    wrong = schema.problems(found, schema.load('scan.json'))
    if wrong:
        raise Failed('; '.join(wrong[:5]))
    return found


def test_descriptors(case):
    """--fds shows what the kernel has: kinds, close-on-exec, sharing, counters."""
    pid, _ = subjects.start(case, program(case, 'eventfd'))
    tree, = scan_json(case, '--pid', str(pid), '--fds')['trees']
    fds = tree['descriptors']
    for process in (pid, *{d['pid'] for d in fds} - {pid}):
        expected = sorted(int(n) for n in os.listdir(f'/proc/{process}/fd'))
        if sorted(d['fd'] for d in fds if d['pid'] == process) != expected:
            raise Failed(f'process {process} has {expected}')
    states = [d['state'] for d in fds if d['pid'] == pid and d['kind'] == 'eventfd']
    if sorted(states) != sorted(['count 7', 'count 3 semaphore', f'count {2**64 - 2}', 'count 0']):
        raise Failed(f'states {states}')
    shared = {d['fd']: d['file'] for d in fds if d['pid'] == pid}
    if any(shared[d['fd']] != d['file'] for d in fds):
        raise Failed('the child shares all of them')
    if not [d for d in fds if d['cloexec']]:
        raise Failed('close-on-exec is not seen')
    out, _ = scan(case, '--pid', str(pid), '--fds')
    if 'count 3 semaphore' not in out:
        raise Failed(out)
    subjects.finish(case, pid)


def test_sockets(case):
    """--fds gives types, protocols and states their names, also where no kind claims the socket."""
    pid, _ = subjects.start(case, program(case, 'obstacles'), 'tcp', 'udp_queue', 'netlink', 'unix_arrival')
    tree, = scan_json(case, '--pid', str(pid), '--fds', status=1)['trees']
    states = [d['state'] for d in tree['descriptors']]
    for wanted in ('type stream protocol tcp state LISTEN local [127.0.0.1]:',
                   'type stream protocol tcp state ESTABLISHED local [127.0.0.1]:',
                   'type dgram protocol udp state UNCONNECTED local [127.0.0.1]:',
                   'AF_NETLINK socket type raw protocol 16 queued 0',
                   'type stream state LISTEN peer 0', 'type stream state ESTABLISHED peer '):
        if not any(s.startswith(wanted) for s in states):
            raise Failed(f'no `{wanted}` in {states}')
    subjects.finish(case, pid)


def test_obstacles_for_people(case):
    """80 columns, no colours off a terminal, and every obstacle with its descriptor."""
    pid, _ = subjects.start(case, program(case, 'obstacles'), 'io_uring', 'pidfd', 'netlink')
    out, _ = scan(case, '--pid', str(pid), status=1)
    if '\33' in out or max(map(len, out.splitlines())) > 80:
        raise Failed(f'colours, or wide lines:\n{out}')
    if len(re.findall(r'^ {4}fd \d+ ', out, re.M)) < 3 or 'io_uring' not in out:
        raise Failed(out)
    found = scan_json(case, '-p', str(pid), status=1)
    if found['clean'] or len(found['trees'][0]['obstacles']) < 3:
        raise Failed(str(found))
    subjects.finish(case, pid)


def test_colours_on_a_terminal(case):
    pid, _ = subjects.start(case, program(case, 'eventfd'))
    master, slave = pty.openpty()
    scanner = case.spawn([*case.dumper, 'scan', '-p', str(pid)], stdout=slave)
    os.close(slave)
    text = b''
    try:
        while piece := os.read(master, 4096):
            text += piece
    except OSError:     # the end of a terminal
        pass
    case.wait(scanner)
    if b'\33[32m' not in text:
        raise Failed(f'no colour in {text!r}')
    subjects.finish(case, pid)


def test_all_trees(case):
    """Without --pid: the machine. The tree of this test is in it; processes come once."""
    pid, _ = subjects.start(case, program(case, 'eventfd'))
    for attempt in range(5):
        status, out, err = case.run([*case.dumper, 'scan', '--json', '--fds', '--all'])
        if status > 1:
            raise Failed(f'scan ended with {status}: {err}')
        found = json.loads(out)
        wrong = schema.problems(found, schema.load('scan.json'))
        if wrong:
            raise Failed('; '.join(wrong[:5]))
        if any(d['pid'] == pid for t in found['trees'] for d in t['descriptors']):
            break
    else:
        raise Failed(f'process {pid} is in no tree')
    roots = [t['pid'] for t in found['trees']]
    if len(set(roots)) != len(roots) or 1 in roots:
        raise Failed(f'roots {roots}')
    if found['clean'] != all(t['clean'] for t in found['trees']):
        raise Failed('the verdict is not that of the trees')
    if 'can be checkpointed' not in case.run([*case.dumper, 'scan'])[1]:
        raise Failed('no total')
    subjects.finish(case, pid)


def test_several_pids(case):
    first = case.spawn(['sleep', '100'])
    second = case.spawn(['sleep', '100'])
    found = scan_json(case, '--pid', str(first), '--pid', str(second))
    if sorted(t['pid'] for t in found['trees']) != sorted([first, second]) or not found['clean']:
        raise Failed(str(found))


# Many mappings of which no two are alike, and threads of whom each shows all of them.
SHOWN_TWICE = """
import ctypes, mmap, os, resource, subprocess, sys, tempfile, threading, time
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]    # each mapping has a descriptor
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
libc = ctypes.CDLL(None, use_errno=True)
page, n = mmap.PAGESIZE, 4000
f = tempfile.TemporaryFile(dir='.')
f.truncate(n * page)
maps = [mmap.mmap(f.fileno(), page, flags=mmap.MAP_SHARED, prot=1 + 2 * (i % 2), offset=i * page)
        for i in range(n)]
CLONE_FILES = 0x400
def stay(ready):
    if sys.argv[1] == 'unshare':
        assert libc.unshare(CLONE_FILES) == 0
    ready.set()
    time.sleep(1000)
for _ in range(2):
    ready = threading.Event()
    threading.Thread(target=stay, args=(ready,)).start()
    ready.wait()
child = subprocess.Popen(['sleep', '1000'])
open('told', 'w').close()
if sys.argv[1] == 'exit':
    libc.syscall({'x86_64': 60, 'aarch64': 93}[os.uname().machine], 0)
time.sleep(1000)
"""


def test_shown_twice(case):
    """Mappings that several threads show are those of one process, and no verdict gets lost."""
    for how, text in (('unshare', 'has a descriptor table of its own'),
                      ('exit', 'its first thread has ended')):
        os.mkdir(case.path(how))
        pid = case.spawn(['python3', '-c', SHOWN_TWICE, how], cwd=case.path(how))
        case.await_true(lambda: os.path.exists(case.path(how, 'told')), 60, 'its mappings')
        if how == 'exit':
            case.await_true(lambda: status_field(pid, 'State').startswith('Z'), 60,
                            'the end of its first thread')
        tree, = scan_json(case, '--pid', str(pid), status=1)['trees']
        if 'unseen' in tree or not any(text in o['text'] for o in tree['obstacles']):
            raise Failed(f'{how}: {tree}')


def test_shared_table(case):
    """Processes that share their descriptors are each shown with them, while they run."""
    pid, _ = subjects.start(case, program(case, 'fd_sharing'))
    tree, = scan_json(case, '--fds', '--pid', str(pid))['trees']
    numbers = [f['fd'] for f in tree['descriptors'] if f['pid'] == pid]
    if 'unseen' in tree or len(numbers) != len(set(numbers)) or not {0, 1, 2, 3, 4} <= set(numbers):
        raise Failed(f'{numbers}: {tree}')
    subjects.finish(case, pid)


def test_ends(case):
    """Exit status: 2 for what is wrong in the call, and nothing on standard output."""
    for words in (['--frob'], ['--pid'], ['--pid', 'x'], ['--pid', '0'], ['--pid', '4194303'], ['12']):
        out, err = scan(case, *words, status=2)
        if out or not err.startswith('crbpf: scan: '):
            raise Failed(f'{words}: {out}{err}')


def test_no_tree(case):
    """What cannot be a tree is an error, not a clean one."""
    kernel = next((p for p in os.listdir('/proc') if p.isdigit() and p != '1'
                   and not os.path.exists(f'/proc/{p}/exe') and read_file(f'/proc/{p}/maps') == ''
                   and status_field(p, 'Kthread') != '0' and status_field(p, 'PPid') in ('0', '2')), None)
    if not kernel:
        raise Skipped('no kernel thread is to be seen from here')
    _, err = scan(case, '--pid', kernel, status=2)
    if 'kernel thread' not in err:
        raise Failed(err)


def test_gone_meanwhile(case):
    """Processes come and go while they are looked at: a verdict or a clear error, never a crash."""
    busy = case.spawn(['bash', '-c', 'while :; do /bin/true & /bin/true; wait; done'])
    for _ in range(40):
        status, out, err = case.run([*case.dumper, 'scan', '--json', '--pid', str(busy)])
        if status > 1 or not json.loads(out)['trees']:
            raise Failed(f'{status}: {out}{err}')
    kill(busy, signal.SIGKILL)
    time.sleep(0.1)


THREADS = '''
import threading
while True:
    threads = [threading.Thread(target=lambda: None) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
'''
SPAWNS = '''
import os, time
while True:
    time.sleep(0.02)
    os.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)
'''


def test_restless(case):
    """Threads that end, children that share memory until they execute: none hinders a dump."""
    for text in THREADS, SPAWNS:
        pid = case.spawn([sys.executable, '-c', text])
        for _ in range(20):
            _, lines, unseen = verdict.scan(case, pid)
            if lines:
                raise Failed(f'obstacles of a moment: {lines}')
            if unseen and case.settings.patience == 1:
                raise Failed(f'not seen whole: {unseen}')
        kill(pid, signal.SIGKILL)


def test_unprivileged(case):
    """Without the right to load programs: status 3, with advice."""
    _, err = scan(case, status=3, prefix=('setpriv', '--reuid=65534', '--regid=65534',
                                          '--clear-groups', '--inh-caps=-all', '--bounding-set=-all'))
    if 'try: ' not in err:
        raise Failed(err)


def test_stranger(case):
    """With CAP_BPF and CAP_PERFMON only: processes of others are not shown."""
    pid = case.spawn(['sleep', '100'])
    caps = '+bpf,+perfmon'
    prefix = ('setpriv', '--reuid=65534', '--regid=65534', '--clear-groups',
              f'--inh-caps={caps}', f'--ambient-caps={caps}')
    found = json.loads(scan(case, '--json', prefix=prefix)[0])
    if any(t['pid'] == pid for t in found['trees']) or not found['hidden']:
        raise Failed(str(found)[:500])
    _, err = scan(case, '--pid', str(pid), status=3, prefix=prefix)
    if 'not yours' not in err:
        raise Failed(err)


def test_pins(case):
    """--pin leaves the programs, --unpin removes them; both may be called again."""
    def done():
        err = case.run([*case.dumper, 'scan', options])[2]
        left = os.path.isdir('/sys/fs/bpf/crbpf') and os.listdir('/sys/fs/bpf/crbpf')
        return 'busy' not in err and bool(left) == (options == '--pin')

    for options in ('--pin', '--pin', '--unpin', '--unpin', '--pin'):
        # another crbpf on this machine may be using them at the moment, or pin them again
        case.await_true(done, 60, f'success of {options}')


test_pins.alone = True
test_pins.tries = 1
