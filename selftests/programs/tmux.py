# SPDX-License-Identifier: GPL-2.0-only
"""A tmux server with the terminals of two windows: a shell that prints all the time, and vim in
another shell. Both sides of ptys, sessions with their controlling terminals, a Unix socket that
clients connect to. The shell's loop goes on, and vim's file is written; keys reach both."""

import os
import re
import shutil

from case import Failed, Skipped, read_file


class Server:
    def __init__(self, case):
        self.case, self.socket = case, os.path.join(case.work, 'tmux.sock')

    def tmux(self, *words):
        status, out, err = self.case.run(['tmux', '-S', self.socket, '-f', '/dev/null', *words],
                                         env=dict(os.environ, TERM='xterm', TMUX=''), seconds=20)
        if status:
            raise Failed(f'tmux {" ".join(words)}: {err}')
        return out

    def screen(self):
        return self.shown(0)

    def shown(self, window):
        return self.tmux('capture-pane', '-p', '-t', f':{window}')

    def type(self, text):
        self.in_window(0, [text, 'Enter'])

    def count(self):
        return int(read_file(os.path.join(self.case.work, 'count')) or 0)


    def in_window(self, window, text):
        self.tmux('send-keys', '-t', f':{window}', *text)

    def expect(self, window, pattern, what):
        def seen():
            return re.search(pattern, self.shown(window), re.M)
        return self.case.await_true(seen, 20, what)


    def press(self, window, key, pattern, what):
        """Until it works: a key has no effect between two jobs, with none in the foreground."""
        def is_there():
            if re.search(pattern, self.shown(window), re.M):
                return True
            self.in_window(window, [key])
            return self.case.await_true(lambda: re.search(
                pattern, self.shown(window), re.M), 1)
        self.case.await_true(is_there, 20, what)


def test_tmux(case):
    if not shutil.which('tmux'):
        raise Skipped('needs tmux')
    server = Server(case)
    server.tmux('new-session', '-d', '-x', '80', '-y', '20', 'bash --norc')
    pid = int(server.tmux('display', '-p', '#{pid}'))
    server.type(f'i=0; while sleep 0.003; do i=$((i+1)); echo $i; echo $i > {case.work}/count; done')
    case.await_true(lambda: server.count() > 3, 20, 'a counting shell')
    has_vim = open_vim(server, case) if shutil.which('vim') else False
    before = server.count()
    case.cycle(pid)
    case.await_true(lambda: server.count() > before + 3, 20, 'the shell counting on')
    if server.count() > before + 60000:
        raise Failed(f'it counts from {before} to {server.count()}')
    server.press(0, 'C-c', r'^bash.*[$#] *\n*\Z', 'a prompt')
    # One that is still on its way discards what is typed behind it.
    if not case.await_true(lambda: asked(server), 60):
        raise Failed(f'no answer of the shell; it shows {server.screen()!r}')
    server.tmux('resize-window', '-t', ':0', '-x', '60', '-y', '15')
    server.in_window(0, ['stty size', 'Enter'])
    server.expect(0, r'^15 60$', 'another size')
    if has_vim:
        close_vim(server, case)
    server.tmux('kill-server')
    case.wait(pid)


def asked(server):
    server.in_window(0, ['clear; tty; echo sum $((40 + 2))', 'Enter'])
    return server.case.await_true(
        lambda: re.search(r'^/dev/pts/\d+\nsum 42$', server.screen(), re.M), 5)


def open_vim(server, case):
    """Vim as a job of the shell of a second window, in the middle of typing."""
    server.tmux('new-window', '-d', 'bash --norc')
    server.in_window(1, [f'vim -u NONE {case.work}/text', 'Enter'])
    server.expect(1, r'^~$', 'an empty page of vim')
    server.in_window(1, ['ifirst line', 'Enter', 'second '])
    server.expect(1, r'^second', 'what was typed')
    return True


def close_vim(server, case):
    server.in_window(1, ['half', 'Escape', ':s/half/line/', 'Enter'])
    server.expect(1, r'^second line', 'what was typed, changed')
    server.in_window(1, [':wq', 'Enter'])
    case.await_true(lambda: read_file(os.path.join(case.work, 'text')) ==
                    'first line\nsecond line\n', 20, 'the file of vim')
    server.in_window(1, ['sleep 600', 'Enter'])
    server.press(1, 'C-z', r'Stopped', 'job control')
    server.in_window(1, ['clear; fg', 'Enter'])
    server.expect(1, r'^sleep 600$', 'the command again')
    server.press(1, 'C-c', r'[$#] *\n*\Z', 'a prompt of the second shell')


# Both need the same numbers of terminals.
test_tmux.alone = True
