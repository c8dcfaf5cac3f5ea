# SPDX-License-Identifier: GPL-2.0-only
"""perl with a big hash, a child behind a pipe, an alarm and a growing file."""

import os

from case import Failed, read_file

SCRIPT = r'''
use strict; use warnings; use IO::Handle; use Time::HiRes qw(sleep ualarm);
my (%h, $ticks); $ticks = 0;
$SIG{ALRM} = sub { $ticks++ };
ualarm(10000, 10000);
open(my $child, "-|", q(i=0; while :; do i=$((i+1)); echo $i; sleep 0.002; done)) or die;
open(my $log, ">>", "log") or die; $log->autoflush(1);
my $n = 0;
until (-e "go") {
	my $line = readline($child); chomp $line;
	$n++;
	die "line $line, not $n" if $line != $n;
	$h{"key $n"} = [map { $_ * $n } 1 .. 20];
	print $log "$n\n";
}
my $had = $ticks;
sleep 0.02 for 1 .. 20;
die "no ticks" unless $ticks > $had + 3;
for my $i (1 .. $n) {
	die "key $i" unless $h{"key $i"}[19] == 20 * $i;
}
die "keys" unless keys(%h) == $n;
open(my $v, ">", "verdict") or die; print $v "ok $n"; close $v;
ualarm(0);	# perl puts the default action back before it ends
exit 0;
'''


def test_perl(case):
    log, errors = os.path.join(case.work, 'log'), case.path('errors')
    pid = case.spawn(['perl', '-e', SCRIPT], stdout=errors)
    case.await_true(lambda: read_file(log).count('\n') > 20, what='the first lines')
    case.cycle(pid)
    before = read_file(log).count('\n')
    case.await_true(lambda: read_file(log).count('\n') > before + 20,
                    what=f'more lines ({read_file(errors)})')
    with open(os.path.join(case.work, 'go'), 'w'):
        pass
    status = case.wait(pid)
    if status:
        raise Failed(f'it ended with {status}: {read_file(errors)}')
    n = int(read_file(os.path.join(case.work, 'verdict')).split()[1])
    if read_file(log).split() != [str(i) for i in range(1, n + 1)]:
        raise Failed('its log has gaps')
