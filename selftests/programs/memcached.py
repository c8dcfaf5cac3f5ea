# SPDX-License-Identifier: GPL-2.0-only
"""memcached behind a Unix socket, with four threads: what it holds is there, also what expires, and
it goes on to serve old and new clients of the tree."""

import os
import shutil
import socket

from case import Failed, Skipped

KEYS = 2000


class Client:
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(path)
        self.file = self.sock.makefile('rwb')

    def ask(self, command, data=None):
        self.file.write(command.encode() + b'\r\n' + (data + b'\r\n' if data is not None else b''))
        self.file.flush()
        return self.file.readline().strip().decode()

    def set(self, key, value):
        if self.ask(f'set {key} 0 3600 {len(value)}', value) != 'STORED':
            raise Failed(f'{key} is not stored')

    def get(self, key):
        head = self.ask(f'get {key}')
        if head == 'END':
            return None
        value = self.file.read(int(head.split()[3]) + 2)[:-2]
        self.file.readline()
        return value

    def close(self):
        self.file.close()
        self.sock.close()


def value(n):
    return f'value {n} '.encode() * (n % 50 + 1)


def test_memcached(case):
    program = shutil.which('memcached')
    if not program:
        raise Skipped('needs memcached: tools/install-deps test')
    path = case.path('socket')
    pid = case.spawn([program, '-u', 'root', '-s', path, '-t', '4', '-m', '64', '-U', '0'])

    def connect():
        try:
            return Client(path)
        except OSError:
            return None
    client = case.await_true(connect, 30, 'memcached')
    for n in range(KEYS):
        client.set(f'key{n}', value(n))
    client.set('counter', b'41')
    client.close()
    case.cycle(pid)
    client = connect()
    if not client:
        raise Failed('it does not answer')
    for n in range(KEYS):
        if client.get(f'key{n}') != value(n):
            raise Failed(f'key{n} changed')
    if client.ask('incr counter 1') != '42':
        raise Failed('it cannot count')
    client.ask('delete key7')
    if client.get('key7') is not None:
        raise Failed('key7 is still there')
    # Each client belongs to a thread: all of them go on.
    clients = [connect() for _ in range(8)]
    for n, other in enumerate(clients):
        other.set(f'new{n}', value(n))
    for n, other in enumerate(reversed(clients)):
        if other.get(f'new{n}') != value(n):
            raise Failed(f'new{n} is not there')
    for other in clients + [client]:
        other.close()
    os.kill(pid, 15)
    case.wait(pid)
