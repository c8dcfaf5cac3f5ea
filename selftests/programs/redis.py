# SPDX-License-Identifier: GPL-2.0-only
"""redis-server with 100,000 keys and persistence: all keys are there, new ones can be added, and
what it saved can be loaded by another server. Once while a child writes its snapshot."""

import os
import random
import shutil
import socket

from case import Failed, Skipped, read_file

KEYS = 100000      # where patience is needed, fewer


class Client:
    """Speaks the server's protocol, with many requests under way at a time."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(path)
        self.file = self.sock.makefile('rb')

    def send(self, *words):
        parts = [b'*%d\r\n' % len(words)]
        for word in words:
            word = str(word).encode()
            parts.append(b'$%d\r\n%s\r\n' % (len(word), word))
        self.sock.sendall(b''.join(parts))

    def answer(self):
        line = self.file.readline().strip()
        kind, rest = line[:1], line[1:].decode()
        if kind == b'$':
            return None if rest == '-1' else self.file.read(int(rest) + 2)[:-2].decode()
        if kind == b'*':
            return [self.answer() for _ in range(int(rest))]
        if kind == b'-' or not kind:
            raise Failed(f'redis says: {rest or "nothing"}')
        return rest

    def ask(self, *words):
        self.send(*words)
        return self.answer()

    def fill(self, first, end):
        for start in range(first, end, 1000):
            for n in range(start, start + 1000):
                self.send('SET', f'key:{n}', value(n))
            for n in range(start, start + 1000):
                self.answer()

    def close(self):
        self.file.close()
        self.sock.close()


def value(n):
    return f'value {n} ' + 'x' * (n % 40)


def program(case):
    found = shutil.which('redis-server')
    if not found:
        # The package without the service: one program with several names.
        multi = shutil.which('redis-check-rdb')
        if not multi:
            raise Skipped('needs redis: tools/install-deps test')
        found = case.path('redis-server')
        if not os.path.lexists(found):
            os.symlink(multi, found)
    return found


def start(case, name='redis'):
    path = case.path(f'{name}.sock')
    pid = case.spawn([program(case), '--port', '0', '--unixsocket', path, '--dir', case.work,
                      '--appendonly', 'yes', '--save', '3600 1', '--logfile', case.path('redis.log'),
                      '--always-show-logo', 'no'])
    return pid, path


def connect(case, path):
    def attempt():
        try:
            client = Client(path)
            client.ask('PING')
            return client
        except (OSError, Failed):
            return None
    return case.await_true(attempt, 30, f'redis ({read_file(case.path("redis.log"))[-500:]})')


def check(case, client, keys):
    if int(client.ask('DBSIZE')) != keys:
        raise Failed(f'{client.ask("DBSIZE")} keys, not {keys}')
    for n in random.sample(range(keys), 2000):
        if client.ask('GET', f'key:{n}') != value(n):
            raise Failed(f'key:{n} changed')


def run(case, saving):
    keys = KEYS // case.settings.patience // 1000 * 1000
    pid, path = start(case)
    client = connect(case, path)
    client.fill(0, keys)
    check(case, client, keys)
    if saving:
        client.ask('BGSAVE')
    client.close()
    case.cycle(pid)
    client = connect(case, path)
    check(case, client, keys)
    client.fill(keys, keys + 5000)
    check(case, client, keys + 5000)
    info = client.ask('INFO', 'persistence')
    case.await_true(lambda: 'rdb_bgsave_in_progress:0' in client.ask('INFO', 'persistence'), 30,
                    'end of the snapshot')
    for field in 'aof_last_write_status:ok', 'rdb_last_bgsave_status:ok':
        if field not in client.ask('INFO', 'persistence'):
            raise Failed(f'redis no longer says {field}: {info}')
    client.send('SHUTDOWN', 'NOSAVE')
    client.close()
    case.wait(pid)
    # What was appended to its log before and after is all there for another server.
    pid, path = start(case, 'second')
    client = connect(case, path)
    case.await_true(lambda: 'loading:0' in client.ask('INFO', 'persistence'), 30, 'loaded data')
    check(case, client, keys + 5000)


def run_logged(case, saving):
    try:
        run(case, saving)
    except Failed as e:
        raise Failed(f'{e}\n{read_file(case.path("redis.log"))[-3000:]}') from None


def test_redis(case):
    run_logged(case, saving=False)


def test_redis_saving(case):
    run_logged(case, saving=True)
