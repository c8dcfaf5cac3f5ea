# SPDX-License-Identifier: GPL-2.0-only
"""Restores that fail half way, and of images that CRIU writes and crbpf does not."""

import ctypes
import os

import subjects
from case import Failed, Skipped, read_file
from harm import refused_once

GET_MDWE = 66                                           # of prctl(2)

SOCKETS = '''
import os, socket, time
a, b = (socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2))
b.bind('name')
a.connect('name')
os.unlink('name')
data = open('data')
a.send(b'before')
open('up', 'w').close()
while not os.path.exists('go'):
    time.sleep(0.01)
a.send(b'after')
with open('said', 'wb') as f:
    f.write(b.recv(100) + b.recv(100))
'''

LEASE = '''
import fcntl, time
f = open('data')
fcntl.fcntl(f, fcntl.F_SETLEASE, fcntl.F_RDLCK)
open('up', 'w').close()
time.sleep(1000)
'''


def start(case, script):
    """A program with a file `data` in its directory, when it is up."""
    with open(os.path.join(case.work, 'data'), 'w') as f:
        f.write('data')
    pid = case.spawn(['python3', '-c', script], stderr=os.path.join(case.work, 'stderr'))
    up = os.path.join(case.work, 'up')
    case.await_true(lambda: os.path.exists(up) or pid in case.statuses, 20, 'the program')
    if not os.path.exists(up):
        raise Failed(read_file(os.path.join(case.work, 'stderr')))
    return pid


def test_deleted_name_of_a_socket(case):
    """A name that sockets need for a moment is gone when the restore fails meanwhile."""
    name, data = (os.path.join(case.work, n) for n in ('name', 'data'))
    restore = [*case.restorer, 'restore', '-d', '-o', 'restore.log', '-D']
    pid = start(case, SOCKETS)
    images = case.dump(pid)
    os.rename(data, data + '.aside')
    for _ in range(2):
        refused_once(case, [*restore, images], data, 'No such file')
        if os.path.lexists(name):
            raise Failed('the failed restore left the socket\'s file behind')
    os.rename(data + '.aside', data)
    with open(name, 'w'):
        pass
    refused_once(case, [*restore, images], name, 'remove it')
    os.unlink(name)
    case.restore(images)
    if os.path.lexists(name):
        raise Failed('the restore left the socket\'s file behind')
    with open(os.path.join(case.work, 'go'), 'w'):
        pass
    case.wait(pid)
    said = read_file(os.path.join(case.work, 'said'))
    if said != 'beforeafter':
        raise Failed(f'the socket received {said}')


def leases_of(pid):
    return [line for line in read_file('/proc/locks').splitlines()
            if 'LEASE' in line and f' {pid} ' in line]


def test_lease_that_was_given_up(case):
    """CRIU's images tell of leases that their holders were asked to give up altogether."""
    pid = start(case, LEASE)
    if not leases_of(pid):
        raise Failed(f'there is no lease: {read_file("/proc/locks")}')
    images = case.dump(pid, '--file-locks')
    with open(os.path.join(images, 'filelocks.img'), 'rb') as f:
        image = f.read()
    lease = bytes([0x08, 8, 0x10, 0])           # flag: a lease; type: of a reader
    if image.count(lease) != 1:
        raise Failed(f'no lease in filelocks.img: {image.hex()}')
    case.restore(images, '--file-locks')
    if not leases_of(pid):
        raise Failed('the lease did not come back')
    case.kill_all()
    with open(os.path.join(images, 'filelocks.img'), 'wb') as f:
        f.write(image.replace(lease, bytes([0x08, 8, 0x10, 4 | 2])))
    case.restore(images, '--file-locks')
    if leases_of(pid):
        raise Failed('the lease that was given up came back')


def bequeath(case, what):
    """crbpf's command line as of a process with an odd lot to pass on, and @what besides."""
    return [os.path.join(case.settings.output, 'selftests/bequeath'), what, *case.restorer]


def run_strangely(case, what):
    for name in 'inherited', 'task_attributes', 'mm_fields', 'signals_pending':
        pid, options = subjects.start(case, os.path.join(case.settings.output, 'selftests', name))
        case.restore(case.dump(pid, *options), *options, tool=bequeath(case, what))
        with open(os.path.join(case.work, 'restored'), 'w'):
            pass
        subjects.finish(case, pid)
        for left in os.listdir(case.work):
            os.unlink(os.path.join(case.work, left))


def test_odd_lot(case):
    """Nothing of what crbpf itself was given by whoever started it is passed on."""
    run_strangely(case, '-')


def test_odd_processor(case):
    """Nor is the processor that it is bound to."""
    if os.cpu_count() < 2:
        raise Skipped('needs two processors')
    run_strangely(case, 'processor')


def refused(case, what, words):
    pid, _ = subjects.start(case, os.path.join(case.settings.output, 'selftests/inherited'))
    images = case.dump(pid)
    refused_once(case, [*bequeath(case, what), 'restore', '-d', '-D', images], *words)
    case.restore(images)
    with open(os.path.join(case.work, 'restored'), 'w'):
        pass
    subjects.finish(case, pid)


def test_no_new_privileges(case):
    """What cannot be shed is refused: it would come back confined."""
    refused(case, 'no_new_privs', ('no new privileges', 'NoNewPrivileges='))


def test_memory_never_executable(case):
    """MDWE likewise."""
    if ctypes.CDLL(None).prctl(GET_MDWE, 0, 0, 0, 0) < 0:
        raise Skipped('needs MDWE: Linux 6.3')
    refused(case, 'mdwe', ('executable', 'MemoryDenyWriteExecute='))
