# SPDX-License-Identifier: GPL-2.0-only
"""ibus-daemon with its session bus (dbus-daemon), configuration, portal and engine, below a process
that adopts orphans, as a session manager does. ibus-daemon holds a pidfd of the engine that it
started; all of them watch directories by inotify and talk by Unix sockets."""

import os
import shlex
import shutil

from case import Failed, Skipped, children, is_running, kill, read_file

# Audit messages take a netlink socket: dbus-daemon makes one if it has the privilege.
PREFIX = ['setpriv', '--bounding-set', '-audit_write']

SESSION = '''
import ctypes, os, subprocess, sys, time

ctypes.CDLL(None).prctl(36, 1)                  # PR_SET_CHILD_SUBREAPER
os.makedirs("run", 0o700)
os.makedirs("home", 0o700)
log = open("log", "a")
start = lambda *argv: subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
bus = start("dbus-daemon", "--session", "--nofork", "--nopidfile",
            "--address=" + os.environ["DBUS_SESSION_BUS_ADDRESS"])
while not os.path.exists("run/bus"):
    time.sleep(0.01)
start("ibus-daemon", "--panel=disable", *sys.argv[1:])
while not os.path.exists("go"):
    try:
        if not os.waitpid(-1, os.WNOHANG)[0]:
            time.sleep(0.01)
    except ChildProcessError:
        break
'''

MEMCONF = '/usr/libexec/ibus-memconf'
FIRST, SECOND, THIRD = 'xkb:us:dvorak:eng', 'xkb:de::deu', 'xkb:fr::fra'


class Desktop:
    def __init__(self, case):
        self.case = case
        work = case.work
        self.env = {'PATH': '/usr/bin:/bin', 'LANG': 'C.UTF-8', 'HOME': f'{work}/home',
                    'XDG_RUNTIME_DIR': f'{work}/run',
                    'DBUS_SESSION_BUS_ADDRESS': f'unix:path={work}/run/bus'}
        config = [f'--config={MEMCONF}'] if os.path.exists(MEMCONF) else ['--config=disable']
        self.pid = case.spawn([*PREFIX, '/usr/bin/python3', '-c', SESSION, *config], env=self.env,
                              stdout=os.path.join(work, 'out'))

    def ask(self, *argv):
        """What a command of the user prints; '' if it fails."""
        _, out, _ = self.case.run(list(argv), env=self.env, seconds=30)
        return out.strip()

    def await_answer(self, want, *argv):
        answer = []

        def is_it():
            answer[:] = [self.ask(*argv)]
            return want(answer[0])

        if not self.case.await_true(is_it, 30):
            log = read_file(os.path.join(self.case.work, 'log'))[-800:]
            raise Failed(f'`{shlex.join(argv)}` says {answer[0]!r}; log: {log}')
        return answer[0]

    def choose(self, engine):
        """Its exit status is that of setxkbmap, for which there is no display."""
        self.ask('ibus', 'engine', engine)
        self.await_answer(lambda said: said == engine, 'ibus', 'engine')

    def names(self):
        """Who is on the session bus under a name: a number is given to each command."""
        said = self.ask('gdbus', 'call', '--session', '--dest', 'org.freedesktop.DBus',
                        '--object-path', '/org/freedesktop/DBus', '--method',
                        'org.freedesktop.DBus.ListNames')
        return sorted(n for n in said.replace("'", ' ').split() if n.startswith('org.'))

    def process(self, name, below):
        found = [p for p in children(below) if read_file(f'/proc/{p}/comm').startswith(name)]
        if len(found) != 1:
            raise Failed(f'{len(found)} processes {name} below {below}')
        return found[0]


def pidfds(pid):
    """The processes that it has pidfds of."""
    found = []
    for fd in os.listdir(f'/proc/{pid}/fd'):
        try:
            if 'pidfd' in os.readlink(f'/proc/{pid}/fd/{fd}'):
                text = read_file(f'/proc/{pid}/fdinfo/{fd}')
                found += [int(line.split()[1]) for line in text.splitlines()
                          if line.startswith('Pid:')]
        except OSError:
            pass
    return found


def test_ibus(case):
    for program in 'ibus-daemon', 'ibus', 'dbus-daemon', 'gdbus', 'setpriv', '/usr/bin/python3':
        if not shutil.which(program):
            raise Skipped(f'needs {program}')
    desktop = Desktop(case)
    desktop.await_answer(lambda said: 'dbus-' in said, 'ibus', 'address')
    engines = desktop.await_answer(lambda said: FIRST in said and SECOND in said, 'ibus', 'list-engine')
    desktop.choose(FIRST)
    case.await_true(lambda: 'org.freedesktop.portal.IBus' in desktop.names(), 30, 'the portal')
    names = desktop.names()
    daemon = desktop.process('ibus-daemon', desktop.pid)
    engine = desktop.process('ibus-engine', daemon)
    # Of an engine that was replaced it still has one for a moment.
    watched = case.await_true(lambda: [p for p in [pidfds(daemon)] if all(map(is_running, p))], 30,
                              'the end of what it has started before')[0]
    case.cycle(desktop.pid)

    # Of those that run, that is: one that was about to end may have done so.
    if not case.await_true(lambda: pidfds(daemon) == [p for p in watched if is_running(p)], 30):
        raise Failed(f'pidfds of {pidfds(daemon)}, not {watched}')
    if desktop.ask('ibus', 'engine') != FIRST:
        raise Failed('it has another engine')
    if desktop.ask('ibus', 'list-engine') != engines or desktop.names() != names:
        raise Failed(f'other engines, or other names: {desktop.names()}, not {names}')
    desktop.choose(SECOND)
    # The end of the engine is seen (by the pidfd, if GLib uses them), and it is started again.
    kill(engine)
    case.await_true(lambda: not os.path.exists(f'/proc/{engine}'), 30, 'the end of the engine')
    desktop.choose(THIRD)
    desktop.choose(FIRST)
    if desktop.process('ibus-engine', daemon) == engine:
        raise Failed('the engine was not started again')
    desktop.ask('ibus', 'exit')
    case.await_true(lambda: not os.path.exists(f'/proc/{daemon}'), 30, 'the end of ibus-daemon')
    open(os.path.join(case.work, 'go'), 'w').close()
    if case.wait(desktop.pid):
        raise Failed(f'the session failed: {read_file(os.path.join(case.work, "out"))}')
    return f'pidfds of {watched}'
