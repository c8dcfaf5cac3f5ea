# SPDX-License-Identifier: GPL-2.0-only
"""Subjects: C programs of this directory that are checkpointed and check themselves (subject.h)."""

import os
import shlex

from case import Failed, Skipped, read_file


def start(case, program, *arguments, seconds=30):
    """Starts a subject and waits until it is ready. Returns its pid and its options."""
    pid = case.spawn([program, *arguments])

    def answered():
        return pid in case.statuses or os.path.exists(os.path.join(case.work, 'ready'))

    case.await_true(answered, seconds, f'ready subject {os.path.basename(program)}')
    if os.path.exists(os.path.join(case.work, 'skipped')):
        raise Skipped(read_file(os.path.join(case.work, 'skipped')).strip())
    if pid in case.statuses:
        raise Failed(f'ended before it was ready: {failures(case) or case.statuses[pid]}')
    return pid, shlex.split(read_file(os.path.join(case.work, 'options')))


def failures(case):
    return read_file(os.path.join(case.work, 'failures')).strip()


def finish(case, pid, seconds=30):
    """Lets the subject go on, and takes its verdict."""
    with open(os.path.join(case.work, 'go'), 'w'):
        pass
    try:
        status = case.wait(pid, seconds)
    except Failed as e:
        raise Failed(f'{e}; it said: {failures(case) or "nothing"}') from None
    if failures(case):
        raise Failed(failures(case))
    if status or not os.path.exists(os.path.join(case.work, 'done')):
        raise Failed(f'the subject ended with {status}, without a verdict')


def restored(case, program):
    """Dumped and restored, then again."""
    pid, options = start(case, program)
    case.cycle(pid, *options)
    with open(os.path.join(case.work, 'restored'), 'w'):
        pass
    finish(case, pid)


def left_running(case, program):
    """Dumped with --leave-running, once from a clone where it can be cloned."""
    pid, options = start(case, program)
    case.dump(pid, '--leave-running', '--snapshot', 'always', *options)
    case.dump(pid, '--leave-running', *options)
    finish(case, pid)
