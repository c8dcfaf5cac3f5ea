# SPDX-License-Identifier: GPL-2.0-only
"""Shell jobs, which are restored in another terminal: top draws again there and obeys its keys; a
shell below script goes on in a terminal of its own."""

import fcntl
import os
import pty
import re
import shutil
import struct
import termios

from case import Failed, Skipped, is_running, read_file


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


def test_script(case):
    """script gives a shell a terminal inside the tree; the one it runs in itself stays outside."""
    if not shutil.which('script'):
        raise Skipped('needs script')
    if case.dumper != case.restorer:
        raise Skipped('criu ends a poll by EINTR, and that ends script')
    log = os.path.join(case.work, 'typescript')
    terminal = Terminal(case, ['script', '-q', '-f', '-c', 'bash --norc', log])
    script, tool = terminal.pid, None
    terminal.type(b'stty -echo; PS1=prompt%; i=0; while sleep 0.01; do echo count $((i += 1)).; done\n')
    terminal.expect(b'count 5.', 'a shell that counts')
    for _ in range(case.rounds):
        images = case.dump(script, '--shell-job')
        terminal.close()
        if tool:
            case.wait(tool)
        counted = last_count(log)
        terminal = restore_in_terminal(case, images)
        tool = terminal.pid
        terminal.expect(b'count %d.' % (counted + 5), 'the shell counting on')
    # A key that comes while no job is in the foreground, between two of them, has no effect.
    case.await_true(lambda: (terminal.type(b'\x03'), b'prompt%' in terminal.read())[1], 10,
                    'a prompt of the shell')
    terminal.type(b'tty; ps -o tpgid= -p $$; echo mark $((40 + 2))\n')
    terminal.expect(b'mark 42', 'an answer of the shell')
    terminal.type(b'exit\n')
    case.wait(tool)
    terminal.close()
    counts = [int(n) for n in re.findall(r'count (\d+)\.', read_file(log))]
    if counts != list(range(1, len(counts) + 1)):
        raise Failed(f'what script wrote down has gaps: {counts}')


def last_count(log):
    return int(re.findall(r'count (\d+)\.', read_file(log))[-1])
