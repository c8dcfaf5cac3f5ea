# SPDX-License-Identifier: GPL-2.0-only
"""Two processes with Unix sockets that have much in their queues, also open files: what crbpf and
criu both know, so that each restores it from the other's images."""

import os
import sys

from case import Failed, read_file

PROGRAM = r'''
import array, os, select, socket, sys, time

def rights(*files):
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [f.fileno() for f in files]))]

def receive(sock, n=100):
    data, control, _, _ = sock.recvmsg(n, 1000)
    fds = array.array('i')
    for _, _, part in control:
        fds.frombytes(part)
    return data, list(fds)

stream = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
dgrams = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
packets = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
server = socket.socket(socket.AF_UNIX)
server.bind('server')
server.listen(5)
client = socket.socket(socket.AF_UNIX)
client.connect('server')
conn = server.accept()[0]
large = bytes(range(256)) * 400
file = open('file', 'w+')
file.write('0123456789')
file.flush()
file.seek(4)
reader, writer = os.pipe()
os.write(writer, b'piped')
stream[0].sendmsg([b'F'], rights(file))     # first: criu puts bytes before it and files together
stream[0].sendall(large)
for i in range(8):
    dgrams[0].send(b'd' * i if i else b'zero')
with os.fdopen(reader, 'rb', 0) as end:
    dgrams[0].sendmsg([b'pipe'], rights(end))
packets[1].send(b'first')
packets[1].send(b'second')
client.send(b'question')
conn.send(b'answer')
child = os.fork()
open('ready', 'w').close()
if not child:
    while not os.path.exists('go'):
        time.sleep(0.01)
    assert dgrams[1].recv(100) == b'zero'
    os._exit(0)
while not os.path.exists('go'):
    time.sleep(0.01)
assert os.waitpid(child, 0)[1] == 0
data, fds = receive(stream[1], 1)
assert data == b'F' and os.read(fds[0], 3) == b'456' and os.lseek(file.fileno(), 0, 1) == 7
got = b''
while len(got) < len(large):
    got += stream[1].recv(len(large) - len(got))
assert got == large
for i in range(1, 8):
    assert dgrams[1].recv(100) == b'd' * i
data, fds = receive(dgrams[1])
os.write(writer, b' more')
assert data == b'pipe' and os.read(fds[0], 100) == b'piped more'
assert packets[0].recv(100) == b'first' and packets[0].recv(100) == b'second'
assert conn.recv(100) == b'question' and client.recv(100) == b'answer'
again = socket.socket(socket.AF_UNIX)
again.connect('server')
again.send(b'new')
assert server.accept()[0].recv(10) == b'new'
for sock in stream + dgrams + packets + (server, client, conn):
    assert not select.select([sock], [], [], 0)[0]
open('passed', 'w').close()
'''


def test_queues(case):
    errors = case.path('errors')
    pid = case.spawn([sys.executable, '-c', PROGRAM], stderr=errors)
    ready = os.path.join(case.work, 'ready')
    case.await_true(lambda: os.path.exists(ready) or pid in case.statuses, 30, 'ready program')
    if pid in case.statuses:
        raise Failed(read_file(errors))
    case.cycle(pid)
    open(os.path.join(case.work, 'go'), 'w').close()
    case.wait(pid, 30)
    if not os.path.exists(os.path.join(case.work, 'passed')):
        raise Failed(read_file(errors))
