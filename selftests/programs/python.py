# SPDX-License-Identifier: GPL-2.0-only
"""python3 with threads, an sqlite database in an open transaction, a timer and a subprocess."""

import os
import sys

from case import Failed, read_file

SCRIPT = '''
import os, queue, signal, sqlite3, subprocess, sys, threading, time

ticks = 0
def tick(*_):
    global ticks
    ticks += 1
signal.signal(signal.SIGALRM, tick)

cat = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
def echo(text):
    cat.stdin.write(text.encode() + b"\\n")
    cat.stdin.flush()
    return cat.stdout.readline().decode().strip()

db = sqlite3.connect("data.db", isolation_level=None)
db.execute("create table t (n integer primary key, text)")
db.execute("insert into t values (0, 'committed')")
db.execute("begin immediate")

results, work = queue.Queue(), queue.Queue()
def worker(n):
    while True:
        item = work.get()
        if item is None:
            return
        results.put((item, sum(i * i for i in range(item))))
threads = [threading.Thread(target=worker, args=(n,)) for n in range(4)]
for t in threads:
    t.start()

assert echo("before") == "before"
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
timer = threading.Timer(0.5, lambda: results.put(("timer", time.monotonic())))
timer.start()
n = 0
while not os.path.exists("go"):
    n += 1
    db.execute("insert into t values (?, ?)", (n, "row %d" % n))
    work.put(1000 + n % 1000)
    echo("row %d" % n)
    open("count", "w").write(str(n))
    time.sleep(0.002)
had = ticks
deadline = time.monotonic() + 10
while ticks < had + 5 and time.monotonic() < deadline:
    time.sleep(0.01)
assert ticks >= had + 5, "no more ticks"
signal.setitimer(signal.ITIMER_REAL, 0)
db.execute("commit")
assert echo("after") == "after"
cat.stdin.close()
assert cat.wait() == 0
for t in threads:
    work.put(None)
for t in threads:
    t.join()
timer.join()
found = [results.get() for _ in range(n + 1)]
assert results.empty() and sum(1 for item, _ in found if item == "timer") == 1
for item, value in found:
    assert item == "timer" or value == (item - 1) * item * (2 * item - 1) // 6, (item, value)
assert [r[0] for r in db.execute("select n from t order by n")] == list(range(n + 1))
db.close()
open("verdict", "w").write("ok %d" % n)
'''


def test_python(case):
    with open(os.path.join(case.work, 'script.py'), 'w') as f:
        f.write(SCRIPT)
    python = '/usr/bin/python3' if os.path.exists('/usr/bin/python3') else sys.executable
    errors = case.path('errors')
    pid = case.spawn([python, 'script.py'], stdout=errors)
    count = os.path.join(case.work, 'count')
    case.await_true(lambda: int(read_file(count) or 0) > 20, what='the first rows')
    before = int(read_file(count) or 0)
    case.cycle(pid, '--file-locks')
    case.await_true(lambda: int(read_file(count) or 0) > before + 10,
                    what=f'more rows ({read_file(errors)})')
    if case.must(['sqlite3', 'file:data.db?mode=ro', 'select count(*) from t'],
                 cwd=case.work).strip() != '1':
        raise Failed('the open transaction is visible to others')
    with open(os.path.join(case.work, 'go'), 'w'):
        pass
    status = case.wait(pid, 30)
    verdict = read_file(os.path.join(case.work, 'verdict'))
    if status or not verdict.startswith('ok '):
        raise Failed(f'it ended with {status}: {read_file(errors)}')
    out = case.must(['sqlite3', 'data.db', 'pragma integrity_check; select count(*) from t'],
                    cwd=case.work).split()
    if out != ['ok', str(int(verdict.split()[1]) + 1)]:
        raise Failed(f'sqlite3 says {out}, the program said {verdict}')
