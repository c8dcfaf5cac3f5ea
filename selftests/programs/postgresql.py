# SPDX-License-Identifier: GPL-2.0-only
"""PostgreSQL with a psql session over its Unix socket, in the middle of a transaction: what that has
done is visible to it alone, before and after, until it commits; other sessions go on, too."""

import glob
import os
import pwd
import re
import select
import shutil

import leftovers
from case import Failed, Skipped, read_file

# The server refuses to run as root; the numbers are those of a user that owns nothing.
ROOT = r'''
programs=$1 port=$2
"$programs/postgres" -D data -k "$PWD" -h "" -p "$port" &
server=$!
until "$programs/pg_isready" -q -h "$PWD" -p "$port"; do sleep 0.1; done
"$programs/psql" -X -q -A -t -h "$PWD" -p "$port" postgres <>orders >answers 2>&1
kill $server
wait $server
'''


class Server:
    port = '5499'      # names the socket; nobody listens on TCP

    def __init__(self, case):
        found = sorted(glob.glob('/usr/lib/postgresql/*/bin/initdb'), key=lambda p: int(p.split('/')[4]))
        initdb = found[-1] if found else shutil.which('initdb')
        if not initdb:
            raise Skipped('needs postgresql: tools/install-deps test')
        self.case, self.programs = case, os.path.dirname(initdb)
        self.orders = os.path.join(case.work, 'orders')
        self.user = pwd.getpwnam('nobody')

    def become(self):
        os.setgroups([])
        os.setgid(self.user.pw_gid)
        os.setuid(self.user.pw_uid)
        os.environ['HOME'] = self.case.work

    def run(self, *argv):
        out = self.case.path('out')
        pid = self.case.spawn(list(argv), stdout=out, before=self.become)
        status = self.case.wait(pid, 100)
        text = read_file(out)
        os.unlink(out)
        return status, text

    def query(self, text):
        """In a session of its own."""
        return self.run(os.path.join(self.programs, 'psql'), '-X', '-A', '-t', '-h', self.case.work, '-p',
                        self.port, '-c', text, 'postgres')

    def must(self, text):
        status, answer = self.query(text)
        if status:
            raise Failed(f'{text}: {answer}')
        return answer.strip()

    def tell(self, text):
        """In the session that stays."""
        fd = os.open(self.orders, os.O_RDWR)        # which waits for nobody
        os.write(fd, text.encode() + b'\n')
        self.case.await_true(lambda: not select.select([fd], [], [], 0)[0], 30, f'a reader of {text}')
        os.close(fd)

    def tell_memory(self, data):
        """What it has outside of its directory goes with the test, also if the server is killed."""
        words = read_file(os.path.join(data, 'postmaster.pid')).split('\n')
        for path in set(re.findall(r'/dev/shm/PostgreSQL\.\d+', read_file(f'/proc/{words[0]}/maps'))):
            leftovers.remove_later(self.case, path)
        with open(os.path.join(self.case.work, 'shm'), 'w') as f:
            f.write(words[6].split()[1])            # its key and its number

    def answers(self):
        return read_file(os.path.join(self.case.work, 'answers'))

    def await_answer(self, text):
        self.case.await_true(lambda: text in self.answers().splitlines(), 30,
                             f'{text} in {self.answers()!r}')


def test_postgresql(case):
    if case.settings.criu and case.settings.criu in (case.dumper, case.restorer):
        raise Skipped('criu carries System V shared memory in an IPC namespace of its own only')
    server = Server(case)
    data = os.path.join(case.work, 'data')
    status, text = server.run(os.path.join(server.programs, 'initdb'), '-D', data, '-A', 'trust', '-N',
                              '-U', 'nobody', '--no-locale', '-E', 'UTF8')
    if status:
        raise Failed(f'initdb: {text}')
    os.mkfifo(server.orders)
    os.chmod(server.orders, 0o666)
    log = case.path('log')
    pid = case.spawn(['/bin/sh', '-c', ROOT, 'sh', server.programs, server.port], stdout=log,
                     before=server.become)
    server.tell('create table t (n int primary key, text text);')
    server.tell_memory(data)
    server.tell("insert into t select n, repeat('x', n % 100) from generate_series(1, 20000) n;")
    server.tell("begin; update t set text = 'changed' where n % 2 = 0; insert into t values (-1, 'mine');")
    server.tell("declare c cursor for select n from t where n > 0 order by n; move 100 in c;")
    server.tell("select 'inside ' || count(*) from t where text = 'changed' or n < 0;")
    server.await_answer('inside 10001')
    if server.must("select count(*) from t where text = 'changed' or n < 0") != '0':
        raise Failed('the transaction shows before it commits')
    case.cycle(pid)
    server.tell("select 'again ' || count(*) from t where text = 'changed' or n < 0; fetch 1 in c;")
    server.await_answer('again 10001')
    server.await_answer('101')
    if server.must("select count(*) from t where text = 'changed' or n < 0") != '0':
        raise Failed('the transaction shows before it commits, restored')
    # Another session waits for a row that this one has changed.
    status, answer = server.query("set lock_timeout = '200ms'; update t set text = 'late' where n = 2")
    if status == 0 or 'lock timeout' not in answer:
        raise Failed(f'its locks are gone: {answer}')
    server.tell("commit; select 'committed';")
    server.await_answer('committed')
    if server.must("select count(*) from t where text = 'changed' or n < 0") != '10001':
        raise Failed('what was committed is not there')
    for text in 'update t set n = n + 100000', 'checkpoint', 'vacuum analyze t':
        server.must(text)
    if server.must('select count(*), min(n) from t') != '20001|99999':
        raise Failed('the server cannot go on')
    server.tell('\\q')
    status = case.wait(pid, 60)
    if status:
        raise Failed(f'it ended with {status}: {read_file(log)[-800:]}')


test_postgresql.seconds = 300
