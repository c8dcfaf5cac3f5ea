# SPDX-License-Identifier: GPL-2.0-only
"""dbus-daemon with clients in its tree: a service that others call, a monitor, and new clients.
Descriptors pass through the bus too, and it still knows who its clients are."""

import os
import shutil
import sys

from case import Failed, Skipped, children, read_file

CONF = '''<busconfig>
  <type>session</type>
  <listen>unix:path={dir}/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/> <allow eavesdrop="true"/> <allow own="*"/>
  </policy>
</busconfig>
'''

# The bus protocol, as little of it as a client needs: fixed headers, string and descriptor bodies.
CLIENT = r'''
import array, os, socket, struct, sys, time

class Bus:
    def __init__(self, path):
        self.sock, self.serial, self.queue = socket.socket(socket.AF_UNIX), 0, b''
        self.fds = []
        self.sock.connect(path)
        self.sock.sendall(b'\0AUTH EXTERNAL %s\r\n' % str(os.getuid()).encode().hex().encode())
        assert self.sock.recv(100).startswith(b'OK')
        self.sock.sendall(b'NEGOTIATE_UNIX_FD\r\n')
        assert self.sock.recv(100).startswith(b'AGREE')
        self.sock.sendall(b'BEGIN\r\n')
        self.call('org.freedesktop.DBus', 'Hello')

    def send(self, kind, fields, signature='', body=b'', fds=()):
        self.serial += 1
        if signature:
            fields = fields + [(8, 'g', signature)]
        if fds:
            fields = fields + [(9, 'u', len(fds))]
        head = b''
        for code, type_, value in fields:
            head += bytes(-len(head) % 8) + bytes([code, 1]) + type_.encode() + b'\0'
            if type_ == 'u':
                head += struct.pack('<I', value)
            elif type_ == 'g':
                head += bytes([len(value)]) + value.encode() + b'\0'
            else:
                head += struct.pack('<I', len(value)) + value.encode() + b'\0'
        message = struct.pack('<cBBBIII', b'l', kind, 0, 1, len(body), self.serial, len(head)) + head
        message += bytes(-len(message) % 8) + body
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))] if fds else []
        assert self.sock.sendmsg([message], rights) == len(message)
        return self.serial

    def fill(self, n):
        while len(self.queue) < n:
            data, control, _, _ = self.sock.recvmsg(65536, 1000)
            assert data, 'the bus is gone'
            for _, _, part in control:
                fds = array.array('i')
                fds.frombytes(part)
                self.fds += fds
            self.queue += data

    def receive(self):
        """Kind, fields by code, body."""
        self.fill(16)
        _, kind, _, _, n_body, serial, n_head = struct.unpack('<cBBBIII', self.queue[:16])
        start = (16 + n_head + 7) // 8 * 8
        self.fill(start + n_body)
        head, body = self.queue[:16 + n_head], self.queue[start:start + n_body]
        self.queue = self.queue[start + n_body:]
        fields, at = {'serial': serial}, 16
        while at < len(head):
            code, type_ = head[at], chr(head[at + 2])
            at += 4
            if type_ == 'u':
                fields[code], at = struct.unpack_from('<I', head, at)[0], at + 4
            elif type_ == 'g':
                n = head[at]
                fields[code], at = head[at + 1:at + 1 + n].decode(), at + n + 2
            else:
                n = struct.unpack_from('<I', head, at)[0]
                fields[code], at = head[at + 4:at + 4 + n].decode(), at + n + 5
            at += -at % 8
        return kind, fields, body

    def call(self, name, member, signature='', body=b'', fds=(), path='/org/freedesktop/DBus'):
        serial = self.send(1, [(1, 'o', path), (2, 's', name), (3, 's', member), (6, 's', name)],
                           signature, body, fds)
        while True:
            kind, fields, answer = self.receive()
            if kind in (2, 3) and fields.get(5) == serial:
                assert kind == 2, fields.get(4)
                return answer

def text(value):
    return struct.pack('<I', len(value)) + value.encode() + b'\0'
'''

SERVICE = CLIENT + r'''
bus = Bus(sys.argv[1])
name = text('org.crbpf.Test')
bus.call('org.freedesktop.DBus', 'RequestName', 'su', name + bytes(-len(name) % 4) + bytes(4))
count = 0
while True:
    kind, fields, body = bus.receive()
    if kind != 1:
        continue
    if fields[3] == 'Write':
        count += 1
        writer = bus.fds.pop()
        os.write(writer, b'the service was here')
        os.close(writer)
    bus.send(2, [(5, 'u', fields['serial']), (6, 's', fields[7])], 'u', struct.pack('<I', count))
'''

CALLER = CLIENT + r'''
bus, errors, n = Bus(sys.argv[1]), 0, 0
while not os.path.exists('go'):
    n += 1
    reader, writer = os.pipe()
    answer = bus.call('org.crbpf.Test', 'Write', 'h', struct.pack('<I', 0), (writer,), '/')
    os.close(writer)
    assert struct.unpack('<I', answer)[0] == n and os.read(reader, 100) == b'the service was here'
    os.close(reader)
    with open('count.new', 'w') as f:
        f.write(str(n))
    os.rename('count.new', 'count')
    time.sleep(0.002)
pid = bus.call('org.freedesktop.DBus', 'GetConnectionUnixProcessID', 's', text('org.crbpf.Test'))
assert struct.unpack('<I', pid)[0] == int(sys.argv[2])
# A connection made now: the bus asks the kernel who we are.
new = Bus(sys.argv[1])
assert new.call('org.freedesktop.DBus', 'GetNameOwner', 's', text('org.crbpf.Test'))
open('passed', 'w').close()
'''

# The bus, and everybody on it, below one process.
ROOT = r'''
import os, subprocess, sys, time
# Who may write audit messages keeps a netlink socket, which cannot be carried yet.
daemon = subprocess.Popen(['setpriv', '--bounding-set', '-audit_write', 'dbus-daemon', '--config-file', 'conf', '--nofork', '--nopidfile'])
address = 'unix:path=' + os.getcwd() + '/bus'

def fails(name, member):
    return subprocess.call(['dbus-send', '--bus=' + address, '--print-reply', '--dest=' + name, '/', member],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

while fails('org.freedesktop.DBus', 'org.freedesktop.DBus.ListNames'):
    time.sleep(0.01)
with open('monitored', 'wb') as out:
    monitor = subprocess.Popen(['dbus-monitor', '--address', address, "type='method_call'"], stdout=out)
service = subprocess.Popen([sys.executable, '-c', open('service.py').read(), 'bus'])
while fails('org.crbpf.Test', 'org.crbpf.Test.Nothing'):
    time.sleep(0.01)
caller = subprocess.Popen([sys.executable, '-c', open('caller.py').read(), 'bus', str(service.pid)])
status = caller.wait()
for p in monitor, service, daemon:
    p.terminate()
    p.wait()
sys.exit(status)
'''


def test_dbus(case):
    for program in 'dbus-daemon', 'dbus-monitor', 'dbus-send', 'setpriv':
        if not shutil.which(program):
            raise Skipped(f'needs {program}: tools/install-deps test')
    for name, text in (('service.py', SERVICE), ('caller.py', CALLER), ('conf', CONF)):
        with open(os.path.join(case.work, name), 'w') as f:
            f.write(text.format(dir=case.work) if name == 'conf' else text)
    errors = case.path('errors')

    def count():
        return int(read_file(os.path.join(case.work, 'count')) or 0)

    def monitored():
        return os.path.getsize(os.path.join(case.work, 'monitored'))

    def calls(more, what):
        before = count()
        case.await_true(lambda: count() > before + more or pid in case.statuses, 60, what)
        if pid in case.statuses:
            raise Failed(f'{what}: it has ended: {read_file(errors)}')
    pid = case.spawn([sys.executable, '-c', ROOT], stderr=errors)
    calls(20, 'calls over the bus')
    case.await_true(monitored, 30, 'a call seen by the monitor')
    if len(children(pid)) != 4:
        raise Failed(f'{len(children(pid))} children')
    try:
        case.cycle(pid)
    except Failed as e:
        raise Failed(f'{e}; it said: {read_file(errors)[-1500:]}') from None
    seen = monitored()
    calls(100, 'calls over the restored bus')
    case.await_true(lambda: monitored() > seen, 30, 'a call seen by the monitor')
    with open(os.path.join(case.work, 'go'), 'w'):
        pass
    status = case.wait(pid, 60)
    if status or not os.path.exists(os.path.join(case.work, 'passed')):
        raise Failed(f'it ended with {status}: {read_file(errors)}')
