# SPDX-License-Identifier: GPL-2.0-only
"""What belongs to others (external.c): the dump is told by --external that it may be held, and the
restore is given another by --inherit-fd. Without either, both refuse."""

import os
import pty
import socket
import termios

import subjects
from case import Failed, Skipped, read_file
from harm import must_refuse, refused

FIRST = 300                     # descriptors from here on are handed down: Case.spawn closes others


class Given:
    """Descriptors that a subject, or a restore, finds from FIRST on."""

    def __init__(self):
        self.number = FIRST

    def hand(self, fd, close=True):
        os.dup2(fd, self.number, inheritable=True)
        if close:
            os.close(fd)
        self.number += 1
        return self.number - 1

    def take_back(self):
        for fd in range(FIRST, self.number):
            os.close(fd)
        self.number = FIRST


def start(case, given, *words):
    pid = subjects.start(case, os.path.join(case.settings.output, 'selftests/external'), *words)[0]
    given.take_back()
    return pid


def must_not_restore(case, images, *words):
    refused(case, [*case.restorer, 'restore', '-D', images, '-d', '-o', 'restore.log'], *words,
            seconds=30)


def file_name(pid, fd):
    """As users of CRIU make it."""
    mount = next(line.split()[1] for line in read_file(f'/proc/{pid}/fdinfo/{fd}').splitlines()
                 if line.startswith('mnt_id:'))
    return f'file[{int(mount):x}:{os.stat(f"/proc/{pid}/fd/{fd}").st_ino:x}]'


def expect(what, got, want):
    if got != want:
        raise Failed(f'{what}: {got!r}, not {want!r}')


def drain(fd):
    """All that there is to be read."""
    os.set_blocking(fd, False)
    text = b''
    while True:
        try:
            part = os.read(fd, 1000)
        except OSError:             # nothing there, or a terminal whose other side is closed
            return text
        if not part:
            return text
        text += part


def log_file(case, name):
    return os.open(case.path(name), os.O_RDWR | os.O_CREAT | os.O_APPEND)



def test_file(case):
    """A regular file, shared by dup, fork and CLONE_FILES; what is given takes its place, though it
    was opened for reading only."""
    given = Given()
    pid = start(case, given, f'w{given.hand(log_file(case, "old"))}')
    name = file_name(pid, FIRST)
    images = case.dump(pid, '--external', name)
    case.must([*case.dumper, 'verify', images])
    must_not_restore(case, images, 'belongs to others', '--inherit-fd')
    os.unlink(case.path('old'))
    os.close(log_file(case, 'new'))
    fd = given.hand(os.open(case.path('new'), os.O_RDONLY))
    case.restore(images, '--inherit-fd', f'fd[{fd}]:{name}')
    subjects.finish(case, pid)
    expect('the file given', read_file(case.path('new')), 'afterdupchildshared')


def test_path(case):
    """In place of any regular file another may be given, by its path."""
    given = Given()
    for path in case.path('old'), case.path('old')[1:]:
        for name in 'ready', 'go', 'done', 'restored':
            if os.path.exists(os.path.join(case.work, name)):
                os.unlink(os.path.join(case.work, name))
        given.take_back()
        pid = start(case, given, f'w{given.hand(log_file(case, "old"))}')
        images = case.dump(pid)
        fd = given.hand(log_file(case, 'new'))
        case.restore(images, '--inherit-fd', f'fd[{fd}]:{path}')
        subjects.finish(case, pid)
    expect('the file of the dump', read_file(case.path('old')), 'before' * 2)
    expect('the file given', read_file(case.path('new')), 'afterdupchildshared' * 2)


def test_device(case):
    """A device that no kind knows."""
    given = Given()
    device = None
    for name in 'loop-control', 'port', 'vga_arbiter', 'rtc0', 'hwrng', 'mem':
        try:
            device = os.open(f'/dev/{name}', os.O_RDWR)
            break
        except OSError:
            pass
    if device is None:
        raise Skipped('no device is here that is not carried')
    pid = start(case, given, f'r{given.hand(device)}')
    name = file_name(pid, FIRST)
    must_refuse(case, pid, f"--external '{name.replace('[', '.').replace(']', '.')}'")
    images = case.dump(pid, '--external', name)
    ours, theirs = socket.socketpair()
    ours.send(b'given')
    fd = given.hand(theirs.detach())
    case.restore(images, '--inherit-fd', f'fd[{fd}]:{name}')
    subjects.finish(case, pid)


def test_queued(case):
    """Waiting in the queue of a socket."""
    given = Given()
    fd = log_file(case, 'old')
    name = file_name(os.getpid(), fd)
    pid = start(case, given, f'q{given.hand(fd)}')
    images = case.dump(pid, '--external', name)
    must_not_restore(case, images, '--inherit-fd')
    fd = given.hand(log_file(case, 'new'))
    case.restore(images, '--inherit-fd', f'fd[{fd}]:{name}')
    subjects.finish(case, pid)
    expect('the file given', read_file(case.path('new')), 'afterdup')


def pipe_name(pid, fd):
    return os.readlink(f'/proc/{pid}/fd/{fd}')                  # pipe:[4711]


def test_pipes(case):
    """Standard input and output of a service: others have their other ends."""
    given = Given()
    (old_out, out), (inp, old_in) = os.pipe(), os.pipe()
    pid = start(case, given, f'w{given.hand(out)}', f'r{given.hand(inp)}')
    names = [pipe_name(pid, fd) for fd in (FIRST, FIRST + 1)]
    external = [word for name in names for word in ('--external', name.replace(':', ''))]
    must_refuse(case, pid, r"--external 'pipe\[")
    must_refuse(case, pid, 'outside the tree has its writing end', *external[:2])
    os.write(old_in, b'giv')                                    # half of it waits to be read
    images = case.dump(pid, *external)
    expect('the old pipe', drain(old_out), b'before')
    must_not_restore(case, images, 'belongs to others', '--inherit-fd')
    (new_out, out), (inp, new_in) = os.pipe(), os.pipe()
    numbers = given.hand(out), given.hand(inp)
    case.restore(images, *[w for fd, name in zip(numbers, names)
                           for w in ('--inherit-fd', f'fd[{fd}]:{name}')])
    os.write(new_in, b'en')
    subjects.finish(case, pid)
    expect('the new pipe', drain(new_out), b'afterdupchildshared')


def test_fifo(case):
    given = Given()
    path = case.path('fifo')
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    pid = start(case, given, f'w{given.hand(os.open(path, os.O_WRONLY))}')
    name = file_name(pid, FIRST)
    must_refuse(case, pid, r"--external 'file\[")
    images = case.dump(pid, '--external', name)
    must_not_restore(case, images, 'belongs to others', '--inherit-fd')
    fd = given.hand(os.open(path, os.O_WRONLY))
    case.restore(images, '--inherit-fd', f'fd[{fd}]:{name}')
    subjects.finish(case, pid)
    expect('the FIFO', drain(reader), b'beforeafterdupchildshared')


def test_same_pipe(case):
    """The very pipes of before, with what is in them still."""
    given = Given()
    (old_out, out), (inp, old_in) = os.pipe(), os.pipe()
    kept = [os.dup(fd) for fd in (out, inp)]
    pid = start(case, given, f'w{given.hand(out)}', f'r{given.hand(inp)}')
    names = [pipe_name(pid, fd) for fd in (FIRST, FIRST + 1)]
    os.write(old_in, b'given')
    images = case.dump(pid, *[word for name in names
                              for word in ('--external', name.replace(':', ''))])
    numbers = [given.hand(fd) for fd in kept]
    case.restore(images, *[w for fd, name in zip(numbers, names)
                           for w in ('--inherit-fd', f'fd[{fd}]:{name}')])
    subjects.finish(case, pid)
    expect('the pipe', drain(old_out), b'beforeafterdupchildshared')
    expect('what is left to be read', drain(numbers[1]), b'')


def test_socket(case):
    """One of a pair, and a client of a server that lives on."""
    given = Given()
    path = case.path('server')
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    client = socket.socket(socket.AF_UNIX)
    client.connect(path)
    (pair, end), peer = socket.socketpair(), server.accept()[0]
    pid = start(case, given, f'w{given.hand(end.detach())}', f'w{given.hand(client.detach())}')
    names = [os.readlink(f'/proc/{pid}/fd/{fd}') for fd in (FIRST, FIRST + 1)]
    external = [w for name in names for w in ('--external', name.replace('socket:', 'unix'))]
    must_refuse(case, pid, r"--external 'unix\[")
    must_refuse(case, pid, names[1].replace('socket:', 'unix').replace('[', r'\[') + '|outside',
                *external[:2])
    images = case.dump(pid, *external)
    expect('what the old ones were told', (pair.recv(100), peer.recv(100)), (b'before', b'before'))
    must_not_restore(case, images, 'belongs to others', '--inherit-fd')
    client = socket.socket(socket.AF_UNIX)
    client.connect(path)
    (pair, end), peer = socket.socketpair(), server.accept()[0]
    numbers = given.hand(end.detach()), given.hand(client.detach())
    case.restore(images, *[w for fd, name in zip(numbers, names)
                           for w in ('--inherit-fd', f'fd[{fd}]:{name}')])
    given.take_back()
    subjects.finish(case, pid)
    expect('what the new ones were told', (drain(pair.fileno()), drain(peer.fileno())),
           (b'afterdupchildshared', b'afterdupchildshared'))


def tty_name(pid, fd):
    """As runc makes it."""
    st = os.stat(f'/proc/{pid}/fd/{fd}')
    return f'tty[{st.st_rdev:x}:{st.st_dev:x}]'


def test_terminal(case):
    """The console of a session: another pty becomes its controlling terminal."""
    given = Given()
    old, slave = pty.openpty()
    pid = start(case, given, f't{given.hand(slave)}')
    name = tty_name(pid, FIRST)
    must_refuse(case, pid, "--external 'tty")
    images = case.dump(pid, '--external', name)
    expect('the old terminal', drain(old), b'before')
    must_not_restore(case, images, 'belongs to others', '--inherit-fd')
    new, slave = pty.openpty()
    fd = given.hand(slave)
    case.restore(images, '--inherit-fd', f'fd[{fd}]:{name}')
    given.take_back()
    subjects.finish(case, pid)
    expect('the new terminal', drain(new), b'afterdup')
    if termios.tcgetattr(new)[3] & termios.ECHO:
        raise Failed('the new terminal echoes')


def test_wrong_words(case):
    images = case.new_images()
    for words in (['dump', '-t', '1', '--external', 'file[12]'],
                  ['dump', '-t', '1', '--external', 'tty[xyz:1]'],
                  ['dump', '-t', '1', '--external', 'dev[8/1]:disk'],
                  ['restore', '--inherit-fd', 'pipe:[1]'], ['restore', '--inherit-fd', 'fd[0]'],
                  ['restore', '--inherit-fd', 'fd[0]:'], ['restore', '--inherit-fd', 'fd[999]:x'],
                  ['dump', '-t', '1', '--inherit-fd', 'fd[0]:x']):
        refused(case, [*case.settings.crbpf, *words, '-D', images], words[-2], seconds=30)


def interop(case, given, old, new, name_of, external_of, result):
    """Both ways between criu and crbpf."""
    if not case.settings.criu:
        raise Skipped('needs criu: tools/install-deps test')
    for dumper, restorer in ((case.settings.crbpf, case.settings.criu),
                             (case.settings.criu, case.settings.crbpf)):
        for name in 'ready', 'go', 'done', 'restored':
            if os.path.exists(os.path.join(case.work, name)):
                os.unlink(os.path.join(case.work, name))
        case.dumper, case.restorer = dumper, restorer
        pid = start(case, given, f'W{given.hand(old())}')
        name = name_of(pid, FIRST)
        # Of pipes CRIU takes for granted that others may have ends.
        asked = dumper == case.settings.crbpf or not name.startswith('pipe')
        images = case.dump(pid, *(['--external', external_of(name)] if asked else []))
        fd = given.hand(new())
        case.restore(images, '--inherit-fd', f'fd[{fd}]:{name}')
        given.take_back()
        subjects.finish(case, pid)
        expect(f'{dumper} to {restorer}', result(), b'afterdupchildshared')


def test_interop_file(case):
    def result():
        text = read_file(case.path('new')).encode()
        os.unlink(case.path('new'))
        return text

    interop(case, Given(), lambda: log_file(case, 'old'), lambda: log_file(case, 'new'), file_name,
            str, result)


def test_interop_pipe(case):
    ends = []

    def new():
        ends[:] = os.pipe()
        return ends[1]

    def old():
        case.old, end = os.pipe()
        return end

    interop(case, Given(), old, new, pipe_name, lambda name: name.replace(':', ''),
            lambda: drain(ends[0]))


def test_interop_socket(case):
    ends = []

    def pair():
        ends[:] = socket.socketpair()
        return ends[1].detach()

    interop(case, Given(), pair, pair, pipe_name, lambda name: name.replace('socket:', 'unix'),
            lambda: drain(ends[0].fileno()))


def test_interop_terminal(case):
    """Not as controlling terminal: what criu makes of that depends on its own."""
    ends = []

    def terminal():
        ends[:] = pty.openpty()
        attributes = termios.tcgetattr(ends[1])
        attributes[1] &= ~termios.OPOST
        termios.tcsetattr(ends[1], termios.TCSANOW, attributes)
        return ends[1]

    interop(case, Given(), terminal, terminal, tty_name, str, lambda: drain(ends[0]))
