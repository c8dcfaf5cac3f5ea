# SPDX-License-Identifier: GPL-2.0-only
"""sleep(1) sleeps as long as it was told, not counting the time it did not exist."""

import time

from case import Failed

SECONDS = 3     # more where patience is needed


def test_sleep(case):
    seconds = SECONDS * case.settings.patience
    began = time.monotonic()
    pid = case.spawn(['sleep', str(seconds)])
    time.sleep(0.5)
    gone = time.monotonic()
    case.cycle(pid)
    gone = time.monotonic() - gone
    if case.wait(pid):
        raise Failed('it ended with an error')
    lasted = time.monotonic() - began
    if case.rounds == 2 and not seconds - 0.05 <= lasted <= seconds + gone + 0.1:
        raise Failed(f'it slept {lasted:.2f} s, of which {gone:.2f} s were dump and restore')


test_sleep.alone = True
