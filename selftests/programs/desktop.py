# SPDX-License-Identifier: GPL-2.0-only
"""A desktop of an unprivileged user: Xtigervnc with XFCE in it (session, window manager, panel with
its plugins, desktop, settings), ibus-daemon with engines and the bridge to X, accessibility, two
buses, and xterm with a shell, below a process that adopts orphans. Every window is there again, what
is typed reaches the same shell, and a client of the VNC server sees the desktop."""

import os
import re
import shutil
import signal

import rfb
from case import Failed, Skipped, descendants, kill, read_file

NOBODY = 65534
PROGRAMS = ('Xtigervnc', 'dbus-run-session', 'xfce4-session', 'xfwm4', 'xfce4-panel', 'xfdesktop',
            'ibus-daemon', 'xterm', 'xdotool', '/usr/bin/python3')

SESSION = '''
import ctypes, os, subprocess, time

ctypes.CDLL(None).prctl(36, 1)                  # PR_SET_CHILD_SUBREAPER
subprocess.Popen(["dbus-run-session", "--", "bash", "session.sh"])
while True:
    try:
        if not os.waitpid(-1, os.WNOHANG)[0]:
            time.sleep(0.05)
    except ChildProcessError:
        break
'''

SCRIPT = '''
Xtigervnc -displayfd 3 -SecurityTypes None -localhost -geometry 800x600 -depth 24 3>display &
until [ -s display ]; do sleep 0.1; done
export DISPLAY=:$(cat display)
ibus-daemon --panel=disable --xim &
xterm -fn fixed -e bash --norc &
xfce4-session &
wait
'''


class Desktop:
    def __init__(self, case):
        self.case = case
        work = case.work
        self.env = {'PATH': '/usr/bin:/bin', 'LANG': 'C.UTF-8', 'HOME': f'{work}/home',
                    'XDG_RUNTIME_DIR': f'{work}/run'}
        for name in 'home', 'run':
            os.mkdir(f'{work}/{name}', 0o700)
            os.chown(f'{work}/{name}', NOBODY, NOBODY)
        with open(f'{work}/session.sh', 'w') as f:
            f.write(SCRIPT)
        self.log = case.path('log')
        open(self.log, 'w').close()
        self.pid = case.spawn(['/usr/bin/python3', '-c', SESSION], env=self.env, stdout=self.log,
                              before=become_nobody)
        case.await_true(lambda: self.says('display'), 30, 'an X server')
        self.number = int(self.says('display'))
        self.env['DISPLAY'] = f':{self.number}'

    def says(self, name):
        return read_file(os.path.join(self.case.work, name)).strip()

    def xdotool(self, *words):
        """What it prints; None if it fails."""
        status, out, _ = self.case.run(['xdotool', *words], env=self.env, seconds=30)
        return None if status else out

    def windows(self):
        return sorted((self.xdotool('search', '--onlyvisible', '--name', '.') or '').split())

    def type(self, text):
        window = (self.xdotool('search', '--onlyvisible', '--class', 'xterm') or '').split()
        if window and self.xdotool('windowactivate', '--sync', window[-1]) is not None:
            self.xdotool('type', '--delay', '5', text + '\n')

    def names(self):
        """The names of all its processes, of those that stay."""
        return sorted(read_file(f'/proc/{p}/comm').strip() for p in descendants(self.pid))

    def screen(self):
        """What a VNC client is told of it, and whether there is something to be seen."""
        client = rfb.Client(('127.0.0.1', 5900 + self.number), 60 * self.case.settings.patience)
        picture = client.picture()
        client.leave()
        return client.name, client.width, client.height, len(set(picture)) > 16

    def await_rest(self):
        """All have started: the windows and processes are the same for two seconds."""
        seen, since = None, 0

        def is_at_rest():
            nonlocal seen, since
            now = self.windows(), self.names()
            since = since + 1 if now == seen else 0
            seen = now
            self.xdotool('sleep', '0.2')
            return since >= 10 and {'xfwm4', 'xfce4-panel', 'xfdesktop', 'xfconfd'} <= set(now[1])

        self.case.await_true(is_at_rest, 90, 'a desktop at rest')
        return seen


def become_nobody():
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def test_xfce(case):
    for program in PROGRAMS:
        if not shutil.which(program):
            raise Skipped(f'needs {program}')
    if case.settings.criu and case.settings.criu in (case.dumper, case.restorer):
        raise Skipped('criu: processes of another user want CAP_SYS_RESOURCE')
    desktop = Desktop(case)
    try:
        return drive(case, desktop)
    except Failed as e:
        raise Failed(f'{e}\n{read_file(desktop.log)[-1500:]}') from None
    finally:
        case.kill_all()
        for path in f'/tmp/.X{desktop.number}-lock', f'/tmp/.X11-unix/X{desktop.number}':
            if os.path.exists(path):
                os.unlink(path)


def drive(case, desktop):
    def before():
        desktop.type('tty > before; echo $BASHPID >> before')
        return case.await_true(lambda: re.match(r'/dev/pts/\d+\n\d+$', desktop.says('before')), 5)

    case.await_true(before, 60, 'an answer of the shell')
    desktop.type('n=40')
    windows, names = desktop.await_rest()
    screen = desktop.screen()
    if screen[1:] != (800, 600, True):
        raise Failed(f'a VNC client sees {screen}')
    case.cycle(desktop.pid)
    if desktop.screen() != screen:
        raise Failed(f'a VNC client sees {desktop.screen()}, saw {screen}')
    if desktop.names() != names:
        raise Failed(f'processes {desktop.names()}, were {names}')
    if desktop.windows() != windows:
        raise Failed(f'windows {desktop.windows()}, were {windows}')

    def after():
        desktop.type('tty > after; echo $BASHPID >> after; echo $((n + 2)) > sum')
        return case.await_true(lambda: desktop.says('sum') == '42', 5)

    case.await_true(after, 60, 'an answer of the same shell')
    if desktop.says('after') != desktop.says('before'):
        raise Failed(f'the shell is {desktop.says("after")}, was {desktop.says("before")}')
    # The window manager still sees what closes.
    desktop.type('exit')
    case.await_true(lambda: not desktop.xdotool('search', '--class', 'xterm'), 20,
                    'the end of the window')
    kill(desktop.pid, signal.SIGTERM)
    return f'{len(names)} processes, {len(windows)} windows'


# Its display and its terminal have numbers that others might take.
test_xfce.alone = True
test_xfce.seconds = 300
