# SPDX-License-Identifier: GPL-2.0-only
"""What options do to the tree: left running, left stopped, restored again, detached or not."""

import json
import os
import time

from case import Failed, Skipped, children, is_running, kill, read_file, status_field


def counter(case):
    """A shell that counts in a file."""
    os.mkfifo(os.path.join(case.work, 'fifo'))
    pid = case.spawn(['bash', '-c', 'exec 3<> fifo; i=0; while :; do i=$((i + 1)); echo $i >> count; '
                      'read -t 0.01 -u 3; done'])
    goes_on(case, pid, 'at first')
    return pid


def count(case):
    return read_file(os.path.join(case.work, 'count')).count('\n')


def goes_on(case, pid, when):
    before = count(case)
    if not case.await_true(lambda: count(case) > before + 3, 10):
        raise Failed(f'{when}: it does not go on ({status_field(pid, "State")})')
    lines = read_file(os.path.join(case.work, 'count')).splitlines()
    if lines != [str(i + 1) for i in range(len(lines))]:
        raise Failed(f'{when}: it lost its count')


def test_leave_running(case):
    """Dumped ten times while it runs; the last images are good when it is gone."""
    pid = counter(case)
    for n in range(10):
        images = case.dump(pid, '--leave-running')
        goes_on(case, pid, f'after dump {n}')
    kill(pid)
    case.wait(pid)
    with open(os.path.join(case.work, 'count')) as f:
        lines = f.readlines()
    case.restore(images)
    # What it wrote after the dump is in its file, which was opened for appending each time.
    if not case.await_true(lambda: count(case) > len(lines) + 3, 10):
        raise Failed('it does not go on after the restore')


def test_leave_stopped(case):
    pid = counter(case)
    images = case.dump(pid, '--leave-stopped')
    if not status_field(pid, 'State').startswith('T') or status_field(pid, 'TracerPid') != '0':
        raise Failed(f'its state is {status_field(pid, "State")}')
    before = count(case)
    time.sleep(0.1)
    if count(case) != before:
        raise Failed('it runs')
    kill(pid, 18)
    goes_on(case, pid, 'after SIGCONT')
    kill(pid)
    case.wait(pid)
    # The images hold it running, as it was.
    case.restore(images)
    case.await_true(lambda: count(case) > before + 3, 10, 'count after the restore')


def test_restore_again(case):
    """One checkpoint serves any number of restores."""
    pid = counter(case)
    images = case.dump(pid)
    at = count(case)
    for n in range(4):
        case.restore(images)
        goes_on_from(case, pid, at, n)
        kill(pid)
        case.wait(pid)
        with open(os.path.join(case.work, 'count')) as f:
            lines = f.readlines()[:at]
        with open(os.path.join(case.work, 'count'), 'w') as f:
            f.writelines(lines)


def goes_on_from(case, pid, at, n):
    case.await_true(lambda: count(case) > at + 3, 10, f'count after restore {n}')
    lines = read_file(os.path.join(case.work, 'count')).splitlines()
    if lines != [str(i + 1) for i in range(len(lines))]:
        raise Failed(f'restore {n}: it lost its count: {lines[at - 2:at + 3]}')


def test_foreground(case):
    """Without -d crbpf is the parent and waits."""
    pid = counter(case)
    images = case.dump(pid)
    tool = case.spawn([*case.restorer, 'restore', '-D', images, '-o', 'restore.log'], cwd=case.root)
    goes_on(case, pid, 'in the foreground')
    if children(tool) != [pid] or not is_running(tool):
        raise Failed(f'the children of crbpf are {children(tool)}, not {pid}')
    kill(pid, 15)
    case.wait(tool)
    if os.path.exists(f'/proc/{pid}'):
        raise Failed('it was not reaped')


def test_statistics(case):
    """stats-dump and stats-restore, which crit reads."""
    pid = case.start(['sleep', '1000'])
    images = case.dump(pid)
    case.restore(images)
    crit = os.path.join(os.path.dirname(case.settings.criu[0]), 'crit') if case.settings.criu else ''
    for name, field in (('stats-dump', 'pages_written'), ('stats-restore', 'restore_time')):
        path = os.path.join(images, name)
        if not os.path.exists(path):
            raise Failed(f'no {name}')
        if os.path.exists(crit) and field not in case.must([crit, 'show', path]):
            raise Failed(f'crit finds no {field} in {name}')


def difference(own, peer, where):
    """The first place where two documents differ; what only crbpf has are fields of its own."""
    if isinstance(own, dict) and isinstance(peer, dict):
        for key in peer:
            # nr_pages got this name in criu 4.2.
            name = key if key in own else f'compat_{key}'
            if name not in own:
                return f'{where}.{key}: crbpf has none'
            found = difference(own[name], peer[key], f'{where}.{key}')
            if found:
                return found
        return ''
    if isinstance(own, list) and isinstance(peer, list) and len(own) == len(peer):
        for i, (a, b) in enumerate(zip(own, peer)):
            found = difference(a, b, f'{where}[{i}]')
            if found:
                return found
        return ''
    return '' if own == peer else f'{where}: crbpf shows {own!r}, crit {peer!r}'


def test_crit_reads_images(case):
    """crit reads every image, and crbpf show prints the same."""
    crit = os.path.join(os.path.dirname(case.settings.criu[0]), 'crit') if case.settings.criu else ''
    if not os.path.exists(crit):
        raise Skipped('needs crit: tools/install-deps test')
    script = '(sleep 1000 & sleep 1000 | cat; wait) & wait'
    pid = case.spawn(['bash', '-c', script])
    case.await_true(lambda: len(children(pid)) == 1, what='children')
    time.sleep(0.1)
    images = case.dump(pid)
    names = [n for n in os.listdir(images) if n.endswith('.img') and not n.startswith('pages-')]
    for name in names:
        path = os.path.join(images, name)
        status, out, err = case.run([crit, 'show', path])
        if status and 'Unknown magic' in err:
            continue                        # a file of our own
        if status:
            raise Failed(f'crit cannot read {name}: {err[-300:]}')
        own = case.must([*case.dumper, 'show', path])
        found = difference(json.loads(own), json.loads(out), name)
        if found:
            raise Failed(found)
    shown = case.must([*case.dumper, 'show', images])
    if 'bash' not in shown or 'sleep' not in shown:
        raise Failed(f'the summary is {shown}')
    case.must([*case.dumper, 'verify', images])
    case.must([crit, 'x', images, 'ps'])
    return f'{len(names)} images'
