# SPDX-License-Identifier: GPL-2.0-only
"""nginx with two workers behind a Unix socket and a TCP port: serves on, and its master still gives
orders to the workers over their channels (socket pairs, through which descriptors are sent)."""

import os
import shutil
import signal
import socket

from case import Failed, Skipped, children, read_file

CONF = '''
user root;
daemon off;
worker_processes 2;
pid {dir}/pid;
error_log {dir}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log {dir}/access.log;
    client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
    server {{
        listen unix:{dir}/socket;
        {listen}
        root {dir}/www;
    }}
}}
'''


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def get(where, path):
    """The body of an answer, or None."""
    try:
        sock = socket.socket(socket.AF_UNIX if isinstance(where, str) else socket.AF_INET)
        sock.settimeout(20)
        sock.connect(where)
    except OSError:
        return None
    with sock:
        sock.sendall(f'GET {path} HTTP/1.0\r\n\r\n'.encode())
        answer = b''
        while True:
            part = sock.recv(65536)
            if not part:
                break
            answer += part
    head, _, body = answer.partition(b'\r\n\r\n')
    return body if b' 200 ' in head.splitlines()[0] else None


def test_nginx(case):
    program = shutil.which('nginx', path=os.environ['PATH'] + ':/usr/sbin')
    if not program:
        raise Skipped('needs nginx: tools/install-deps test')
    places, listen = [os.path.join(case.work, 'socket')], ''
    # criu 4.1 fails on TCP sockets where those have no SO_PASSCRED (6.16 and later).
    if case.dumper != case.settings.criu:
        places.append(('127.0.0.1', free_port()))
        listen = 'listen 127.0.0.1:%d;' % places[1][1]
    large = os.urandom(300000)
    os.makedirs(os.path.join(case.work, 'www'))
    for name, content in (('small', b'hello'), ('large', large)):
        with open(os.path.join(case.work, 'www', name), 'wb') as f:
            f.write(content)
    with open(case.path('conf'), 'w') as f:
        f.write(CONF.format(dir=case.work, listen=listen))

    def serves():
        return all(get(p, '/small') == b'hello' and get(p, '/large') == large for p in places)

    def said():
        return read_file(os.path.join(case.work, 'error.log'))[-500:]
    pid = case.spawn([program, '-c', case.path('conf'), '-e', case.path('early.log')])
    case.await_true(lambda: get(places[0], '/small'), 30, 'nginx')
    case.await_true(lambda: len(children(pid)) == 2, 30, 'two workers')
    if not serves():
        raise Failed(f'it does not serve: {said()}')
    case.cycle(pid)
    for _ in range(20):
        if not serves():
            raise Failed(f'it does not serve any more: {said()}')
    # New workers: the old ones are told to go by their channels.
    old = set(children(pid))
    os.kill(pid, signal.SIGHUP)
    case.await_true(lambda: len(children(pid)) == 2 and not old & set(children(pid)), 30,
                    'new workers')
    if not serves():
        raise Failed(f'the new workers do not serve: {said()}')
    # One that dies is replaced.
    worker = children(pid)[0]
    os.kill(worker, signal.SIGKILL)
    case.await_true(lambda: len(children(pid)) == 2 and worker not in children(pid), 30, 'another worker')
    if not serves():
        raise Failed(f'after the death of a worker it does not serve: {said()}')
    os.kill(pid, signal.SIGQUIT)
    case.wait(pid)
