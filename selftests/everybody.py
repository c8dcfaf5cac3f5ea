# SPDX-License-Identifier: GPL-2.0-only
"""Run by cases/scan_all.py as the first process of a pid namespace: `everybody.py CRBPF GROUP
EVERY PROGRAM…` starts each PROGRAM, a subject with its arguments in one word, as a tree of its own,
every other one in the control group at GROUP if there is one, and prints as JSON what scan says of all of
them at once, and of each, or one in EVERY, without and with its descriptors."""

import json
import os
import shlex
import subprocess
import sys
import time

PATIENCE = 60


def start(words, directory, group):
    os.makedirs(directory)
    pid = os.fork()
    if pid:
        return pid
    try:
        if group:
            with open(os.path.join(group, 'cgroup.procs'), 'w') as f:
                f.write(str(os.getpid()))
        os.setsid()
        os.chdir(directory)
        for fd in range(3):
            os.dup2(os.open('/dev/null', os.O_RDWR), fd)
        os.closerange(3, 256)
        os.execv(words[0], words)
    finally:
        os._exit(127)


def is_ready(pid, directory):
    """False: it is none of those that this kernel allows."""
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        if os.path.exists(os.path.join(directory, 'ready')):
            return True
        if os.waitpid(pid, os.WNOHANG)[0]:
            return False
        time.sleep(0.01)
    return False


def scan(crbpf, *options):
    ran = subprocess.run([*crbpf, 'scan', '--json', *options], capture_output=True, text=True,
                         stdin=subprocess.DEVNULL)
    if ran.returncode > 1:
        return {'error': f'scan {options} ended with {ran.returncode}: {ran.stderr}'}
    return {t['pid']: [t['clean'], t.get('unseen', ''), t['processes'], t['threads'],
                       sorted(o['line'] for o in t['obstacles'])]
            for t in json.loads(ran.stdout)['trees']}


def main():
    crbpf, group, every, *programs = shlex.split(sys.argv[1]), *sys.argv[2:]
    started = {}
    for n, program in enumerate(programs):
        directory = os.path.abspath(f'everybody-{n}')
        pid = start(shlex.split(program), directory, group if n % 2 else '')
        if is_ready(pid, directory):
            started[pid] = program
    asked = list(started)[::int(every)]
    print(json.dumps({
        'started': started,
        'all': scan(crbpf),
        'each': {pid: scan(crbpf, '--pid', str(pid)) for pid in asked},
        'fds': {pid: scan(crbpf, '--pid', str(pid), '--fds') for pid in asked}}))


main()
