# SPDX-License-Identifier: GPL-2.0-only
"""Unix sockets that are connected with somebody outside the tree (unix_outside.c): refused, but for
datagram sockets that send to a name, as to /dev/log, if --ext-unix-sk allows it."""

import os
import socket

import subjects
from case import Failed, Skipped, kill
from harm import must_refuse, refused


def start(case, kind, *names):
    return subjects.start(case, os.path.join(case.settings.output, 'selftests/unix_outside'), kind,
                          *names)[0]


def listen(case, kind, name):
    """Somebody with a name for the subject to connect with, and the name as it is to be told."""
    sock = socket.socket(socket.AF_UNIX, kind)
    sock.settimeout(20)
    path = f'\0crbpf-{os.getpid()}-{name}' if name[0] == '@' else case.path(name)
    sock.bind(path)
    if kind == socket.SOCK_STREAM:
        sock.listen()
    return sock, path.replace('\0', '@')


def test_datagrams(case):
    (log, path), (abstract, name) = (listen(case, socket.SOCK_DGRAM, n) for n in ('log', '@log'))
    pid = start(case, 'dgram', path, path, name)
    received = [log.recv(100), log.recv(100), abstract.recv(100)]
    must_refuse(case, pid, '--ext-unix-sk')
    images = case.dump(pid, '-x')
    case.must([*case.dumper, 'verify', images])
    refused(case, [*case.restorer, 'restore', '-D', images, '-d', '-o', 'restore.log'],
            '--ext-unix-sk', seconds=30)
    case.restore(images, '--ext-unix-sk')
    subjects.finish(case, pid)
    received += [log.recv(100), log.recv(100), abstract.recv(100)]
    if received != [b'before'] * 3 + [b'after'] * 3:
        raise Failed(f'received {received}')


def test_another_server(case):
    """The name is what counts: meanwhile somebody else has it."""
    log, path = listen(case, socket.SOCK_DGRAM, 'log')
    pid = start(case, 'dgram', path)
    images = case.dump(pid, '-x')
    log.close()
    os.unlink(path)
    refused(case, [*case.restorer, 'restore', '-D', images, '-d', '-x', '-o', 'restore.log'],
            'No such file', seconds=30)
    log = listen(case, socket.SOCK_DGRAM, 'log')[0]
    case.restore(images, '-x')
    subjects.finish(case, pid)
    if log.recv(100) != b'after':
        raise Failed('the other server received something else')


def test_stream(case):
    server, path = listen(case, socket.SOCK_STREAM, 'server')
    pid = start(case, 'stream', path)
    connection = server.accept()[0]
    must_refuse(case, pid, 'outside the tree', '--ext-unix-sk')
    if connection.recv(100) != b'before':
        raise Failed('what was sent is gone')
    kill(pid)


def test_stream_not_accepted(case):
    server, path = listen(case, socket.SOCK_STREAM, 'server')
    pid = start(case, 'stream', path)
    must_refuse(case, pid, 'not accepted yet', '-x')
    if server.accept()[0].recv(100) != b'before':
        raise Failed('what was sent is gone')
    kill(pid)


def test_interop(case):
    """CRIU, too, connects such a socket again."""
    if not case.settings.criu:
        raise Skipped('needs criu: tools/install-deps test')
    log, path = listen(case, socket.SOCK_DGRAM, 'log')
    for dumper, restorer in ((case.settings.criu, case.settings.crbpf),
                             (case.settings.crbpf, case.settings.criu)):
        for name in 'ready', 'go', 'done', 'restored':
            if os.path.exists(os.path.join(case.work, name)):
                os.unlink(os.path.join(case.work, name))
        case.dumper, case.restorer = dumper, restorer
        pid = start(case, 'dgram', path)
        case.restore(case.dump(pid, '-x'), '-x')
        subjects.finish(case, pid)
        if [log.recv(100), log.recv(100)] != [b'before', b'after']:
            raise Failed(f'{dumper} to {restorer}: received something else')
