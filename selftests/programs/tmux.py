# SPDX-License-Identifier: GPL-2.0-only
"""A tmux server and the shell in its terminal: both sides of a pty, a session with its controlling
terminal, a Unix socket that clients connect to. The shell's loop goes on; keys reach it."""

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
        return self.tmux('capture-pane', '-p')

    def type(self, text):
        self.tmux('send-keys', text, 'Enter')

    def count(self):
        return int(read_file(os.path.join(self.case.work, 'count')) or 0)


def test_tmux(case):
    if not shutil.which('tmux'):
        raise Skipped('needs tmux')
    server = Server(case)
    server.tmux('new-session', '-d', '-x', '80', '-y', '20', 'bash --norc')
    pid = int(server.tmux('display', '-p', '#{pid}'))
    # Into a file: what is unread in a terminal cannot be carried yet.
    server.type(f'i=0; while sleep 0.1; do i=$((i+1)); echo $i > {case.work}/count; done')
    case.await_true(lambda: server.count() > 3, 20, 'a counting shell')
    before = server.count()
    case.cycle(pid)
    case.await_true(lambda: server.count() > before + 3, 20, 'the shell counting on')
    if server.count() > before + 600:
        raise Failed(f'it counts from {before} to {server.count()}')
    server.tmux('send-keys', 'C-c')
    server.type('tty; echo sum $((40 + 2))')
    case.await_true(lambda: re.search(r'^/dev/pts/\d+\nsum 42$', server.screen(), re.M), 20,
                    'an answer of the shell')
    server.tmux('resize-window', '-x', '60', '-y', '15')
    server.type('stty size')
    case.await_true(lambda: re.search(r'^15 60$', server.screen(), re.M), 20, 'another size')
    server.type('exit')
    case.wait(pid)


# Both need the same numbers of terminals.
test_tmux.alone = True
