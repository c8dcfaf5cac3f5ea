# SPDX-License-Identifier: GPL-2.0-only
"""scan's verdict is dump's verdict: asked before every dump of crbpf that a test makes."""

import json
import re

from case import Failed

# Options of dump that change the verdict, and whether a value follows.
OPTIONS = {'-j': 0, '--shell-job': 0, '-l': 0, '--file-locks': 0, '-x': 0, '--ext-unix-sk': 0,
           '--tcp-established': 0, '--link-remap': 0, '--ghost-limit': 1, '--external': 1}


def options_of(options):
    kept, rest = [], list(options)
    while rest:
        word = rest.pop(0)
        if word in OPTIONS:
            kept += [word] + [rest.pop(0) for _ in range(OPTIONS[word])]
        elif word.split('=')[0] in OPTIONS:
            kept.append(word)
    return kept


def scan(case, pid, options=()):
    """Returns scan's exit status and the lines of the obstacles that it names."""
    status, out, err = case.run([*case.dumper, 'scan', '--json', '--pid', str(pid),
                                 *options_of(options)])
    if status > 1:
        raise Failed(f'scan ended with {status}: {err}')
    found = json.loads(out)
    lines = [o['line'] for tree in found['trees'] for o in tree['obstacles']
             if o['severity'] == 'obstacle']
    unseen = [tree['unseen'] for tree in found['trees'] if 'unseen' in tree]
    if (status == 0) != (not lines and not unseen):
        raise Failed(f'scan ended with {status}, but names {lines} {unseen}')
    return status, lines, unseen


def must_be_clean(case, pid, options=()):
    """It runs on meanwhile, and may pass through what cannot be carried (a vfork): asked again."""
    for _ in range(20):
        status, lines, unseen = scan(case, pid, options)
        if not status:
            return
    if not unseen:      # else it changes faster than it can be looked at: no verdict
        raise Failed(f'scan says that it cannot be dumped: {lines}')


def must_agree(case, pid, err, options=()):
    """@err is what a dump said that refused. A freeze that fails says less than a verdict."""
    said = [line.removeprefix('crbpf: dump: ') for line in err.splitlines()]
    obstacles = sorted(line for line in said if re.match(r'(process|thread) \d+ \(', line))
    status, lines, unseen = scan(case, pid, options)
    if status != 1:
        raise Failed(f'scan says that it can be dumped; dump said {err}')
    if obstacles and not unseen and sorted(lines) != obstacles:
        raise Failed(f'scan says {sorted(set(lines) - set(obstacles))}, '
                     f'dump says {sorted(set(obstacles) - set(lines))}')
