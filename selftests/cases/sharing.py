# SPDX-License-Identifier: GPL-2.0-only
"""What a tree shares with a process outside of it (clone(2)) cannot be carried: the child of such a
pair is dumped alone."""

import os

import subjects
import verdict
from case import Failed, children
from harm import fingerprint, refused, unharmed


def refused_alone(case, word, program, *arguments):
    pid, _ = subjects.start(case, os.path.join(case.settings.output, 'selftests', program), *arguments)
    lines = []
    for child in children(pid):
        before = fingerprint(child)
        if word not in ' '.join(verdict.scan(case, child)[1]):
            continue
        err = refused(case, [*case.dumper, 'dump', '-t', str(child), '-D', case.new_images()], word,
                      f'task {pid} outside the tree')
        unharmed(case, child, before)
        verdict.must_agree(case, child, err)
        lines += [line for line in err.splitlines() if word in line]
    if len(lines) != 1:
        raise Failed(f'{word}: {lines}')
    return lines[0]


def test_memory(case):
    return refused_alone(case, 'CLONE_VM', 'obstacles_tasks', 'shared_memory')


def test_handlers(case):
    return refused_alone(case, 'CLONE_SIGHAND', 'obstacles_tasks', 'shared_handlers')


def test_descriptors(case):
    return refused_alone(case, 'CLONE_FILES', 'fd_sharing')


def test_directories(case):
    return refused_alone(case, 'CLONE_FS', 'fs_sharing')
