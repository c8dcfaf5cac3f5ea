# SPDX-License-Identifier: GPL-2.0-only
"""Whether a target was harmed, and whether crbpf failed as it should: one clear line, status 1."""

import os
import re
import shlex

import verdict
from case import Failed, children, read_file, status_field

# What a target's status must not show differently after a dump that failed or was killed.
FIELDS = ('TracerPid', 'SigBlk', 'SigIgn', 'SigCgt', 'Threads', 'Seccomp', 'NoNewPrivs', 'CapEff',
          'Uid', 'FDSize', 'VmLck')


def fingerprint(pid, leave_out=()):
    """All of a process that another can see and that does not change by itself."""
    print_of = {name: status_field(pid, name) for name in FIELDS if name not in leave_out}
    stat = read_file(f'/proc/{pid}/stat').rpartition(')')[2].split()
    print_of['stopped'] = stat[0] in 'tT' if stat else 'gone'
    if 'maps' not in leave_out:
        # The stack and the heap grow by themselves; their ends are not compared.
        print_of['maps'] = [line if '[stack]' not in line and '[heap]' not in line else
                            line.split()[1] for line in read_file(f'/proc/{pid}/maps').splitlines()]
    if 'pending' not in leave_out:
        print_of['pending'] = status_field(pid, 'SigPnd'), status_field(pid, 'ShdPnd')
    if 'children' not in leave_out:
        print_of['children'] = children(pid)
    if 'threads' not in leave_out:
        tasks = sorted(os.listdir(f'/proc/{pid}/task')) if stat else []
        print_of['threads'] = [(t, read_file(f'/proc/{pid}/task/{t}/status').count('(tracing stop)'))
                               for t in tasks]
    fds = {}
    for fd in os.listdir(f'/proc/{pid}/fd') if stat and 'fds' not in leave_out else ():
        try:
            fds[fd] = os.readlink(f'/proc/{pid}/fd/{fd}')
        except OSError:
            pass
    print_of['descriptors'] = fds
    return print_of


def differing(now, before):
    """Both values; of lists only what is not in the other."""
    if isinstance(now, list):
        now, before = [x for x in now if x not in before], [x for x in before if x not in now]
    return f'{now!r}, was {before!r}'


def unharmed(case, pid, before, leave_out=(), seconds=3):
    """Fails unless the target becomes what it was; a moment is granted to undo what was tried."""
    def difference():
        now = fingerprint(pid, leave_out)
        return [f'{k}: {differing(now[k], before[k])}' for k in before if now[k] != before[k]]

    if not case.await_true(lambda: not difference(), seconds):
        raise Failed(f'process {pid} was changed: ' + '; '.join(d[:600] for d in difference()))


def refused(case, argv, *words, seconds=60):
    """Runs crbpf, which has to fail with one clear line that contains all words (and perhaps
    advice below it). Returns its standard error."""
    status, _, err = case.run(argv, seconds=seconds)
    shown = f'`{shlex.join(argv)}` ended with {status} and said: {err.strip()[-1500:] or "nothing"}'
    if status != 1:
        raise Failed(shown)
    lines = err.splitlines()
    errors = [line for line in lines if not line.startswith('  ')]
    if not errors or not re.match(r'crbpf: \w+: .*\w', errors[0]):
        raise Failed('no clear line: ' + shown)
    for word in words:
        if not re.search(word, err):
            raise Failed(f'it does not mention /{word}/: ' + shown)
    return err


def refused_once(case, argv, *words, seconds=60):
    """refused(), and there is exactly one line of error."""
    err = refused(case, argv, *words, seconds=seconds)
    if len([line for line in err.splitlines() if not line.startswith('  ')]) != 1:
        raise Failed(f'more than one line: {err}')
    return err


def must_refuse(case, pid, word, *options):
    """A dump of the tree is refused, as scan says it is, and harms nothing."""
    before = fingerprint(pid)
    err = refused(case, [*case.dumper, 'dump', '-t', str(pid), '-D', case.new_images(), '-o',
                         'dump.log', *options], word, seconds=30)
    unharmed(case, pid, before)
    verdict.must_agree(case, pid, err, options)
