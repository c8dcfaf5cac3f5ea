# SPDX-License-Identifier: GPL-2.0-only
"""An X server with xterm in it, and a shell in that: what is typed before reaches the shell, and
so does what is typed after, by the X server's own fake keys."""

import os
import re
import shutil

from case import Failed, Skipped, read_file


class Display:
    """A tree of Xvfb and xterm below one shell; `number` is the server's."""

    def __init__(self, case):
        self.case = case
        script = ('Xvfb -displayfd 3 -nolisten tcp -screen 0 640x480x24 -noreset 3>display & '
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


def test_xterm(case):
    for program in 'Xvfb', 'xterm', 'xdotool':
        if not shutil.which(program):
            raise Skipped(f'needs {program}')
    display = Display(case)
    try:
        drive(case, display)
    finally:
        case.kill_all()
        for path in f'/tmp/.X{display.number}-lock', f'/tmp/.X11-unix/X{display.number}':
            if os.path.exists(path):
                os.unlink(path)


def drive(case, display):
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


# Its display and its terminal have numbers that others might take.
test_xterm.alone = True
test_xterm.seconds = 240
