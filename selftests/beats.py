# SPDX-License-Identifier: GPL-2.0-only
"""Programs that verify themselves and beat into a file, and dumps that let them run on."""

import os
import re
import struct

from case import Failed, descendants, is_running, kill, read_file

ALWAYS = '--leave-running', '--snapshot', 'always'


def program(case, name):
    return os.path.join(case.settings.output, 'selftests', name)


def beat(case):
    data = open(os.path.join(case.work, 'beat'), 'rb').read(8)
    return struct.unpack('Q', data)[0] if len(data) == 8 else 0


def begin(case, name, *arguments):
    pid = case.spawn([program(case, name), *arguments])
    case.await_true(lambda: pid in case.statuses or
                    os.path.exists(os.path.join(case.work, 'beat')) and beat(case) > 3,
                    30, f'beats of {name}')
    if pid in case.statuses:
        raise Failed(f'{name} ended: {case.statuses[pid]} '
                     + read_file(os.path.join(case.work, 'failures')))
    return pid


def goes_on(case, pid, when):
    """It beats, and has nothing to say."""
    start = beat(case)
    case.await_true(lambda: beat(case) > start + 3 or not is_running(pid), 30, f'{when}: beats')
    said = read_file(os.path.join(case.work, 'failures')).strip()
    if said or not is_running(pid):
        raise Failed(f'{when}: {said or "it is gone"}')


def log_of(images):
    return read_file(os.path.join(images, 'dump.log'))


def cloned(images):
    """How many processes were cloned in a dump."""
    found = re.search(r'(\d+) processes were cloned', log_of(images))
    return int(found.group(1)) if found else 0


def must_be_cloned(images):
    """Something was."""
    if not cloned(images):
        raise Failed('nothing was cloned: ' + ' '.join(
            line for line in log_of(images).splitlines() if 'stands still' in line))


def end(case, pid):
    """Kills a tree and waits until all of its numbers are free."""
    tree = [pid, *descendants(pid)]
    for p in tree:
        kill(p)
    case.await_true(lambda: not any(os.path.exists(f'/proc/{p}') for p in tree), 10, 'the end')
    case.statuses.clear()


def must_be_copied(case, pid, why):
    """Dumps, and there is one warning, that says why nothing was cloned. Returns the images."""
    images = case.dump(pid, *ALWAYS)
    said = [line for line in log_of(images).splitlines() if 'warning' in line and 'stands still' in line]
    if cloned(images) or len(said) != 1 or not re.search(why, said[0]):
        raise Failed(f'cloned: {cloned(images)}; said: {said}')
    goes_on(case, pid, 'after a dump')
    return images
