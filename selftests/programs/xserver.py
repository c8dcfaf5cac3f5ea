# SPDX-License-Identifier: GPL-2.0-only
"""An X server with xterm in it, and a shell in that: what is typed before reaches the shell, and
so does what is typed after, by the X server's own fake keys. And a VNC server, with a client that
comes before, and again after: it sees the same picture, and its keys reach the same shell."""

import os
import re
import shutil

import rfb
from case import Failed, Skipped, read_file

XVFB = 'Xvfb -nolisten tcp -screen 0 640x480x24 -noreset'
VNC = 'Xtigervnc -SecurityTypes None -localhost -geometry 640x480 -depth 24 -noreset'


class Display:
    """A tree of an X server and xterm below one shell; `number` is the server's."""

    def __init__(self, case, server):
        self.case = case
        script = (f'{server} -displayfd 3 3>display & '
                  'until [ -s display ]; do sleep 0.1; done; '
                  'DISPLAY=:$(cat display) xterm -fn fixed -e bash --norc & wait')
        self.pid = case.spawn(['bash', '-c', script], stdout=case.path('log'))
        case.await_true(lambda: read_file(os.path.join(case.work, 'display')).strip(), 30,
                        'an X server')
        self.number = int(read_file(os.path.join(case.work, 'display')))

    def xdotool(self, *words):
        env = dict(os.environ, DISPLAY=f':{self.number}')
        status, out, err = self.case.run(['xdotool', *words], env=env, seconds=30)
        if status:
            raise Failed(f'xdotool {" ".join(words)}: {out} {err}')
        return out

    def windows(self):
        status, out, _ = self.case.run(['xdotool', 'search', '--class', 'xterm'], seconds=30,
                                       env=dict(os.environ, DISPLAY=f':{self.number}'))
        return [] if status else out.split()

    def type(self, text):
        """Keys go where the pointer is: there is no window manager to give the focus."""
        self.xdotool('mousemove', '100', '100')
        self.xdotool('type', '--delay', '5', text + '\n')

    def says(self, name):
        return read_file(os.path.join(self.case.work, name)).strip()


def run(case, server, drive):
    for program in server.split()[0], 'xterm', 'xdotool':
        if not shutil.which(program):
            raise Skipped(f'needs {program}')
    display = Display(case, server)
    try:
        return drive(case, display)
    finally:
        case.kill_all()
        for path in f'/tmp/.X{display.number}-lock', f'/tmp/.X11-unix/X{display.number}':
            if os.path.exists(path):
                os.unlink(path)


def test_xterm(case):
    run(case, XVFB, by_fake_keys)


def test_vnc(case):
    # criu 4.1 fails on TCP sockets where those have no SO_PASSCRED (6.16 and later).
    if case.dumper == case.settings.criu:
        return run(case, f'{VNC} -rfbport=-1 -rfbunixpath={case.work}/vnc', by_client)
    return run(case, VNC, by_client)


def by_fake_keys(case, display):
    case.await_true(display.windows, 30, 'a window of xterm')
    window = display.windows()

    def tty():
        display.type('tty > before; echo $BASHPID >> before')
        return case.await_true(lambda: re.match(r'/dev/pts/\d+\n\d+$', display.says('before')), 5)

    case.await_true(tty, 60, 'an answer of the shell')
    display.type('n=40')
    case.cycle(display.pid)
    if display.windows() != window:
        raise Failed(f'windows {display.windows()}, were {window}')

    def after():
        display.type('tty > after; echo $BASHPID >> after; echo $((n + 2)) > sum')
        return case.await_true(lambda: display.says('sum') == '42', 5)

    case.await_true(after, 60, 'an answer of the same shell')
    if display.says('after') != display.says('before'):
        raise Failed(f'the shell is {display.says("after")}, was {display.says("before")}')
    display.type('exit')
    case.await_true(lambda: not display.windows(), 20, 'the end of the window')


class Viewer:
    """What a user of the VNC server sees and does."""

    def __init__(self, case, display):
        path = os.path.join(case.work, 'vnc')
        address = path if os.path.exists(path) else ('127.0.0.1', 5900 + display.number)
        self.case, self.display = case, display
        self.client = rfb.Client(address, 60 * case.settings.patience)
        self.client.point(100, 100)             # keys go where it is

    def picture(self):
        """When nothing moves any more: it stays the same for a second."""
        seen = []

        def is_calm():
            seen.append(self.client.picture())
            self.display.xdotool('sleep', '0.2')
            return len(seen) > 5 and len(set(seen[-5:])) == 1

        self.case.await_true(is_calm, 60, 'a picture at rest')
        return seen[-1]

    def answer(self, text, name, pattern):
        """What the shell writes to a file."""
        def asked():
            self.client.type(f'{text} > {name}')
            return self.case.await_true(lambda: re.match(pattern, self.display.says(name)), 10)

        self.case.await_true(asked, 60, f'an answer to {text}')
        return self.display.says(name)


def by_client(case, display):
    case.await_true(display.windows, 30, 'a window of xterm')
    viewer = Viewer(case, display)
    shell = viewer.answer('echo $(tty) $BASHPID', 'before', r'/dev/pts/\d+ \d+$')
    # The terminal says where its cursor is when it has drawn all that came before.
    viewer.client.type("n=40; clear; seq 15; read -sdR -p $'\\e[6n' place; echo ${place#*[} > drawn")
    case.await_true(lambda: display.says('drawn') == '16;1', 60, 'numbers on the screen')
    picture, screen = viewer.picture(), (viewer.client.width, viewer.client.height)
    if screen != (640, 480) or len({picture[i:i + 4] for i in range(0, len(picture), 4)}) < 2:
        raise Failed(f'nothing is to be seen on a screen of {screen}')
    viewer.client.leave()
    case.cycle(display.pid)
    viewer = Viewer(case, display)
    case.await_true(lambda: viewer.client.picture() == picture, 30, 'the same picture')
    if viewer.answer('echo $(tty) $BASHPID', 'after', r'/dev/pts/\d+ \d+$') != shell:
        raise Failed(f'the shell is {display.says("after")}, was {shell}')
    viewer.answer('echo $((n + 2))', 'sum', '42$')
    if viewer.picture() == picture:
        raise Failed('what is typed is not to be seen')
    viewer.client.type('exit')
    viewer.client.leave()
    case.await_true(lambda: not display.windows(), 20, 'the end of the window')


# Their displays and terminals have numbers that others might take.
test_vnc.alone = test_xterm.alone = True
test_vnc.seconds = test_xterm.seconds = 240
