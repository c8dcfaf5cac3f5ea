# SPDX-License-Identifier: GPL-2.0-only
"""Many files in flight: a scan looks at each of them, or says that it could not."""

import json
import os
import sys

from case import Failed
import verdict

# argv: files to send away; "nested": each a socket, in the last one's queue what is no kind's
SENDER = '''
import os, resource, socket, sys, time
count, nested = int(sys.argv[1]), len(sys.argv) > 2
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
to, kept = socket.socketpair()
def send(files):
    socket.send_fds(to, [b'x'], [getattr(f, 'fileno', lambda: f)() for f in files])
    for f in files:
        f.close() if nested else os.close(f)
for first in range(0, count, 200):
    if not nested:
        send([os.eventfd(n) for n in range(first, min(first + 200, count))])
        continue
    pairs = [socket.socketpair() for n in range(first, min(first + 200, count))]
    if first + 200 >= count:
        odd = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
        socket.send_fds(pairs[-1][0], [b'y'], [odd.fileno()])
        odd.close()
    send([a for a, b in pairs])
    send([b for a, b in pairs])
open('ready', 'w').close()
time.sleep(1000)
'''


def start(case, *arguments):
    pid = case.spawn([sys.executable, '-c', SENDER, *map(str, arguments)], stdout=case.path('said'))
    ready = os.path.join(case.work, 'ready')
    case.await_true(lambda: os.path.exists(ready) or pid in case.statuses, 20, 'a full queue')
    if pid in case.statuses:
        raise Failed(open(case.path('said')).read())
    os.unlink(ready)
    return pid


def obstacles(case, pid):
    status, out, err = case.run([*case.dumper, 'scan', '--json', '--pid', str(pid)])
    if status not in (0, 1):
        raise Failed(f'scan ended with {status}: {err}')
    tree, = json.loads(out)['trees']
    return [o for o in tree['obstacles'] if o['severity'] == 'obstacle']


def test_nested(case):
    """200 sockets in a queue, and in the queue of the last what cannot be carried."""
    pid = start(case, 100, 'nested')
    status, _, err = case.run([*case.dumper, 'dump', '-t', str(pid), '-D', case.new_images()])
    if status != 1 or 'AF_NETLINK' not in err:
        raise Failed(f'dump ended with {status}: {err}')
    verdict.must_agree(case, pid, err)


def test_many(case):
    """As many as are looked at, and more: those are not called clean."""
    few = obstacles(case, start(case, 1000))
    if few:
        raise Failed(str(few))
    many = obstacles(case, start(case, 1100))
    if len(many) != 1 or 'than a scan can look at' not in many[0]['text']:
        raise Failed(str(many))
