# SPDX-License-Identifier: GPL-2.0-only
"""top in a terminal, as a shell job: it draws again in the terminal where it is restored, and
obeys its keys."""

import fcntl
import os
import pty
import struct
import termios

from case import Failed, is_running, read_file


class Terminal:
    """A pseudo terminal whose foreground job is one command."""

    def __init__(self, case, argv, lines=30, columns=100):
        self.case, self.seen = case, b''
        self.master, slave = pty.openpty()
        os.set_blocking(self.master, False)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', lines, columns, 0, 0))
        env = dict(os.environ, TERM='xterm')
        self.pid = case.spawn(argv, stdin=slave, stdout=slave, env=env,
                              before=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)

    def read(self):
        try:
            while True:
                data = os.read(self.master, 65536)
                if not data:
                    break
                self.seen += data
        except OSError:
            pass
        return self.seen

    def expect(self, text, what):
        self.case.await_true(lambda: text in self.read(), 10,
                             f'{what} (it shows {self.seen[-300:]!r})')

    def type(self, text):
        os.write(self.master, text)

    def close(self):
        os.close(self.master)


def restore_in_terminal(case, images):
    """crbpf in the foreground of a new terminal; the job goes on there."""
    log = os.path.join(images, 'restore.log')
    case.logs.append(log)
    return Terminal(case, [*case.restorer, 'restore', '-D', images, '--shell-job', '-v4', '-o',
                           'restore.log'])


def test_top(case):
    terminal = Terminal(case, ['top', '-d', '0.2'])
    top = terminal.pid
    terminal.expect(b'load average', 'a screen of top')
    tool = None
    for _ in range(case.rounds):
        images = case.dump(top, '--shell-job')
        terminal.close()
        if tool:
            case.wait(tool)
        terminal = restore_in_terminal(case, images)
        tool = terminal.pid
        terminal.expect(b'\x1b[', 'a screen after the restore')
        case.await_true(lambda: is_running(top), 5, 'top')
    terminal.seen = b''
    terminal.type(b'h')
    terminal.expect(b'Help for Interactive Commands', 'its help')
    terminal.seen = b''
    terminal.type(b'q')
    terminal.expect(b'load average', 'a screen after its help')
    terminal.type(b'q')
    case.await_true(lambda: not is_running(top), 5, 'end of top by its key q')
    if case.wait(tool):
        raise Failed(f'restore in the foreground ended with an error: {read_file(case.logs[-1])[-300:]}')
    terminal.close()
