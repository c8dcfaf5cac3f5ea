#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A stop of a journey through several kernels (tools/vm/journey), run in a guest: programs that the
guest before dumped are restored, looked at, and dumped again for the next one.

  station.py FOLDER go_on|arrive|refused [PROGRAM...]

In the first guest the programs are started, in the last one they arrive: no further dump is made,
they come to their end. Where they are refused, the processor lacks what the one before had, or
pages have another size. FOLDER is all that guests hand on.
"""

import argparse
import json
import os
import sys
import tarfile
import time
import types

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, 'selftests'), os.path.join(TOP, 'selftests/programs')]

import perl                                                     # noqa: E402
import pipeline                                                 # noqa: E402
import redis                                                    # noqa: E402
import subjects                                                 # noqa: E402
from case import Case, Failed, Skipped, become_subreaper, is_running, kill, read_file    # noqa: E402
from harm import refused                                        # noqa: E402
from tmux import Server, asked                                  # noqa: E402

ROOT = '/var/tmp/journey'
# What a guest starts gets numbers that no other guest uses: they have to be free in the next one.
FIRST_PID, STOP_PIDS = 4000, 5000
KEYS = 2000

# CLOCK_MONOTONIC is the guest's: these use no deadline of it.
PYTHON = '''
import hashlib, os, select, threading, time
n = 0
def count():
    global n
    last = time.time()
    digest = hashlib.sha256()
    while not os.path.exists('stop'):
        select.select([], [], [], 0.02)
        now = time.time()
        assert last - 1 <= now < last + 86400, (last, now)
        assert time.clock_gettime(time.CLOCK_BOOTTIME) > 0
        last = now
        digest.update(b'%d' % n)
        n += 1
        with open('count', 'w') as f:
            f.write('%d %s' % (n, digest.hexdigest()))
thread = threading.Thread(target=count)
thread.start()
thread.join()
want = hashlib.sha256(b''.join(b'%d' % i for i in range(n))).hexdigest()
assert open('count').read() == '%d %s' % (n, want)
'''


def lines(case):
    return read_file(os.path.join(case.work, 'result')).count('\n')


def turns(case):
    return int((read_file(os.path.join(case.work, 'count')).split() or ['0'])[0])


def await_more(case, count):
    """It has gone on since."""
    before = count(case)
    case.await_true(lambda: count(case) > before + 5, 60, 'progress')


def tell_stop(case, pid):
    with open(os.path.join(case.work, 'stop'), 'w'):
        pass
    if case.wait(pid, 60):
        raise Failed('it ended with an error: ' + read_file(os.path.join(case.root, 'errors'))[-500:])


class Sleep:
    def start(self, case):
        return case.start(['sleep', '100000'])

    def look(self, case, pid):
        if not is_running(pid):
            raise Failed('it does not sleep')

    def end(self, case, pid):
        kill(pid)


class Pipeline:
    def start(self, case):
        return case.spawn(['bash', '-c', pipeline.script('! -e stop', 0.05)])

    def look(self, case, pid):
        await_more(case, lines)

    def end(self, case, pid):
        tell_stop(case, pid)
        want = [f'number {n} {n * (n + 1) // 2}' for n in range(lines(case))]
        if read_file(os.path.join(case.work, 'result')).splitlines() != want:
            raise Failed('lines are lost, doubled or out of order')


class Python:
    def start(self, case):
        return case.spawn(['python3', '-c', PYTHON], stderr=os.path.join(case.root, 'errors'))

    def look(self, case, pid):
        await_more(case, turns)

    def end(self, case, pid):
        tell_stop(case, pid)


class Redis:
    def start(self, case):
        pid, path = redis.start(case)
        client = redis.connect(case, path)
        client.fill(0, KEYS)
        client.close()
        return pid

    def look(self, case, pid):
        client = redis.connect(case, case.path('redis.sock'))
        keys = int(client.ask('DBSIZE'))
        redis.check(case, client, keys)
        client.fill(keys, keys + 1000)
        redis.check(case, client, keys + 1000)
        client.close()

    def end(self, case, pid):
        kill(pid)


class Perl:
    def start(self, case):
        return case.spawn(['perl', '-e', perl.SCRIPT], stdout=os.path.join(case.root, 'errors'))

    def look(self, case, pid):
        await_more(case, lambda c: read_file(os.path.join(c.work, 'log')).count('\n'))

    def end(self, case, pid):
        with open(os.path.join(case.work, 'go'), 'w'):
            pass
        if case.wait(pid, 60):
            raise Failed('it ended with an error: ' + read_file(os.path.join(case.root, 'errors')))


class Tmux:
    """A counting shell in it, with a terminal."""
    def start(self, case):
        server = Server(case)
        server.tmux('new-session', '-d', '-x', '80', '-y', '20', 'bash --norc')
        server.type(f'i=0; while sleep 0.01; do i=$((i+1)); echo $i; echo $i > {case.work}/count; done')
        case.await_true(server.count, 60, 'a counting shell')
        return int(server.tmux('display', '-p', '#{pid}'))

    def look(self, case, pid):
        await_more(case, lambda c: Server(c).count())

    def end(self, case, pid):
        server = Server(case)
        server.press(0, 'C-c', r'^bash.*[$#] *\n*\Z', 'a prompt')
        if not case.await_true(lambda: asked(server), 60):
            raise Failed(f'no answer of the shell; it shows {server.screen()!r}')
        server.tmux('kill-server')
        case.wait(pid, 60)


class Subject:
    """A program of selftests/, which checks itself at the end."""
    def __init__(self, name, *arguments):
        self.name, self.arguments = name, arguments

    def start(self, case):
        program = os.path.join(case.settings.output, 'selftests', self.name)
        return subjects.start(case, program, *self.arguments)[0]

    def look(self, case, pid):
        if not is_running(pid) or subjects.failures(case):
            raise Failed(subjects.failures(case) or 'it has ended')

    def end(self, case, pid):
        subjects.finish(case, pid)


# Those of the vDSO call all its functions by their old addresses (selftests/vdso_calls.c).
PROGRAMS = {'sleep': Sleep(), 'pipeline': Pipeline(), 'python': Python(), 'redis': Redis(),
            'perl': Perl(), 'tmux': Tmux(),
            'vdso': Subject('vdso_calls', 'busy', 'realtime'),
            'family': Subject('vdso_calls', 'family'), 'static': Subject('static_program'),
            'threads': Subject('threads'), 'sockets': Subject('unix_socket'),
            'registers': Subject('registers'), 'tags': Subject('mem_tags')}


def make_case(name):
    settings = types.SimpleNamespace(crbpf=[os.path.join(TOP, 'out/crbpf')], patience=8,
                                     output=os.path.join(TOP, 'out'))
    return Case(settings, name, os.path.join(ROOT, name))


def unpack(folder, name):
    """Puts its files back. Returns its pid."""
    with tarfile.open(os.path.join(folder, f'{name}.tar')) as tar:
        tar.extractall(ROOT)
    with open(os.path.join(folder, f'{name}.json')) as f:
        return json.load(f)


def arrive(folder, name, case):
    pid = unpack(folder, name)
    images = os.path.join(case.root, 'images')
    case.restore(images)
    os.rename(images, images + '.old')
    return pid


def must_be_refused(folder, name, case):
    unpack(folder, name)
    err = refused(case, [*case.restorer, 'restore', '-d', '-D', os.path.join(case.root, 'images')])
    there, here = int(read_file(os.path.join(folder, 'page_size'))), os.sysconf('SC_PAGE_SIZE')
    want = 'this processor lacks'
    if there != here:
        want = f'the images have pages of {there} bytes, this kernel of {here}'
    if want not in err.splitlines()[0]:
        raise Failed(err)
    print(err.splitlines()[0])


def leave(folder, name, case, pid):
    images = os.path.join(case.root, 'images')
    os.mkdir(images)
    case.dump(pid, images=images)
    with tarfile.open(os.path.join(folder, f'{name}.tar'), 'w') as tar:
        tar.add(case.root, arcname=name,
                filter=lambda entry: None if entry.name.endswith('.old') else entry)
    with open(os.path.join(folder, f'{name}.json'), 'w') as f:
        json.dump(pid, f)
    with open(os.path.join(folder, 'page_size'), 'w') as f:
        f.write(str(os.sysconf('SC_PAGE_SIZE')))


def take_numbers(folder):
    """From the next range of process numbers."""
    path = os.path.join(folder, 'stops')
    stops = int(read_file(path) or 0)
    with open(path, 'w') as f:
        f.write(str(stops + 1))
    with open('/proc/sys/kernel/ns_last_pid', 'w') as f:
        f.write(str(FIRST_PID + stops * STOP_PIDS))


def visit(folder, name, how, case):
    program, skipped = PROGRAMS[name], os.path.join(folder, f'{name}.skipped')
    began = os.path.exists(os.path.join(folder, f'{name}.json'))
    if os.path.exists(skipped):
        raise Skipped(read_file(skipped))
    if how == 'refused':
        if not began:
            raise Failed('it was not dumped')
        must_be_refused(folder, name, case)
        return
    try:
        pid = arrive(folder, name, case) if began else program.start(case)
    except Skipped as e:
        with open(skipped, 'w') as f:
            f.write(str(e))
        raise
    program.look(case, pid)
    if how == 'arrive':
        program.end(case, pid)
    else:
        leave(folder, name, case, pid)


def stop_over(folder, name, how):
    """Returns how it went, in one word, and more lines if there are any."""
    case = make_case(name)
    try:
        visit(folder, name, how, case)
        return 'ok', ''
    except Skipped as e:
        return 'skip', str(e)
    except Failed as e:
        return 'FAIL', f'{e}\n{case.report()}'


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('folder')
    parser.add_argument('how', choices=('go_on', 'arrive', 'refused'))
    parser.add_argument('programs', nargs='*', default=list(PROGRAMS))
    args = parser.parse_args()
    counts = {'ok': 0, 'FAIL': 0, 'skip': 0}
    become_subreaper()
    os.makedirs(ROOT)
    if args.how != 'refused':
        take_numbers(args.folder)
    for name in args.programs:
        began = time.monotonic()
        result, why = stop_over(args.folder, name, args.how)
        counts[result] += 1
        print(f'{result:4} {name} ({time.monotonic() - began:.1f} s)', flush=True)
        if why:
            print('     ' + '\n     '.join(why.splitlines()), flush=True)
    print(f'{counts["ok"]} passed, {counts["FAIL"]} failed, {counts["skip"]} skipped')
    return counts['FAIL'] > 0


sys.exit(main())
