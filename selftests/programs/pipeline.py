# SPDX-License-Identifier: GPL-2.0-only
"""A bash loop in a pipeline of three commands: every line arrives once, in its order."""

import os

from case import Failed, read_file

LINES = 400


def script(condition, pause):
    """Sends lines, so many seconds apart, as long as this holds."""
    return f'''
i=0
while [ {condition} ]; do
	echo "line $i"
	i=$((i + 1))
	sleep {pause}
done | sed -u 's/line/number/' | while read -r word n; do
	sum=$((sum + n))
	echo "$word $n $sum"
done > result
echo "end ${{PIPESTATUS[*]}}" > end
'''


def count(case):
    return read_file(os.path.join(case.work, 'result')).count('\n')


def test_pipeline(case):
    pid = case.spawn(['bash', '-c', script(f'$i -lt {LINES}', 0.004)])
    case.await_true(lambda: count(case) > 20, what='the first lines')
    case.cycle(pid)
    if count(case) >= LINES:
        raise Failed('it was over before it was restored')
    if case.wait(pid, 60):
        raise Failed('it ended with an error')
    total, want = 0, []
    for n in range(LINES):
        total += n
        want.append(f'number {n} {total}')
    if read_file(os.path.join(case.work, 'result')).splitlines() != want:
        raise Failed('lines are lost, doubled or out of order')
    if read_file(os.path.join(case.work, 'end')) != 'end 0 0 0\n':
        raise Failed(f'it ended with {read_file(os.path.join(case.work, "end"))!r}')
