#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs the tests: unit programs, subjects, real programs, and bad input.

  run.py [--unit | --selftests] [--only PATTERN]... [--jobs N] [--list] [--verbose]

A test of this directory is one of
  unit/NAME.c          a program with harness.h; needs no privilege
  NAME.c               a subject (subject.h), restored twice in a row, and left running
  programs/NAME.py     functions test_*(case): a real program
  cases/NAME.py        functions test_*(case): whatever needs more: bad input, refusals,
                       killed dumps, subjects ("Run by cases/NAME.py") that need a preparation
Attributes of such a function: `alone` (no other test beside it), `seconds` (its time limit), `tries`.
What runs alone measures time, or wants a number that others may take: if it fails on a busy
machine, it is said and tried once more, unless `tries` is 1. Who leaves a mount or a control group
fails (leftovers.py).
Real programs also go from crbpf to criu and back if criu is there (tools/install-deps test).
"""

import argparse
import fnmatch
import importlib.util
import os
import re
import shlex
import shutil
import signal
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import interop as journeys                                    # noqa: E402
import leftovers                                              # noqa: E402
import subjects                                               # noqa: E402
from case import Case, Failed, Skipped, become_subreaper, children, descendants, kill   # noqa: E402

ENDING = signal.SIGINT, signal.SIGTERM, signal.SIGHUP


class Test:
    def __init__(self, name, run, alone=False, seconds=120, tries=None):
        self.name, self.run, self.alone, self.seconds = name, run, alone, seconds
        self.tries = tries or (2 if alone else 1)


# --- finding tests

def unit_tests(settings):
    for name in sources('unit', '.c'):
        yield Test(f'unit/{name}', lambda case, n=name: run_unit(case, n), seconds=600)


def run_unit(case, name):
    """A unit program counts each of its tests; passes that on."""
    program = os.path.join(case.settings.output, 'selftests/unit', name)
    _, out, err = case.run([program], seconds=590)
    count = re.findall(r'^(\d+) passed, (\d+) failed, (\d+) skipped$', out, re.M)
    if not count:
        raise Failed(f'no count at the end\n{out}{err}')
    case.counts = tuple(map(int, count[-1]))
    if case.counts[1]:
        raise Failed(f'{out}{err}')
    return out


def left_out_of(text):
    """The tests that a unit program skipped, each with the reason, from what it printed."""
    return re.findall(r'^  (\S+) \n    \S+:\d+: (.*)\n    skipped$', text, re.M)


def subject_tests(settings):
    for name in sources('', '.c'):
        program = os.path.join(settings.output, 'selftests', name)
        with open(os.path.join(HERE, name + '.c')) as f:
            source = f.read()
        if re.search(r'[Rr]un by (cases|tools)/', source):
            continue
        alone = re.search(r'[Rr]uns alone', source) is not None
        for way in subjects.restored, subjects.left_running:
            yield Test(f'{name}/{way.__name__}', lambda case, w=way, p=program: w(case, p), alone)


def python_tests(settings, folder):
    for name in sources(folder, '.py'):
        spec = importlib.util.spec_from_file_location(name, os.path.join(HERE, folder, name + '.py'))
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for attribute, function in list(vars(module).items()):
            if attribute.startswith('test_'):
                yield Test(f'{folder}/{name}/{attribute[5:]}', function,
                           getattr(function, 'alone', False), getattr(function, 'seconds', 120),
                           getattr(function, 'tries', None))


def interop(settings, tests):
    """The same programs dumped by the one and restored by the other; what criu loses, by criu alone."""
    for test in tests:
        name = test.name.removeprefix('programs/').removesuffix('/restored')
        for way, dumper, restorer in ((journeys.FROM, settings.criu, settings.crbpf),
                                      (journeys.TO, settings.crbpf, settings.criu),
                                      (journeys.ALONE, settings.criu, settings.criu)):
            if way != journeys.ALONE or name in journeys.LIMITS:
                yield Test(f'interop/{name}/{way}',
                           lambda case, n=name, w=way, t=test, d=dumper, r=restorer:
                           mixed(case, n, w, t, d, r), test.alone, test.seconds,
                           test.tries)


def mixed(case, name, way, test, dumper, restorer):
    if not case.settings.criu:
        raise Skipped('needs criu: tools/install-deps test')
    os.environ['CRBPF_TEST_CRIU'] = way
    case.dumper, case.restorer, case.rounds = dumper, restorer, 1
    return journeys.travel(case, name, way, test.run)


def sources(folder, suffix):
    path = os.path.join(HERE, folder)
    return sorted(n[:-len(suffix)] for n in (os.listdir(path) if os.path.isdir(path) else [])
                  if n.endswith(suffix))


def find_tests(settings):
    tests = []
    if not settings.selftests:
        tests += unit_tests(settings)
    if not settings.unit:
        programs = list(python_tests(settings, 'programs'))
        own = list(subject_tests(settings))
        carried = programs + [t for t in own if settings.interop and t.name.endswith('/restored')]
        tests += [*own, *programs, *interop(settings, carried), *python_tests(settings, 'cases')]
    for test in tests:
        test.tries = max(test.tries, settings.tries)
    left_out = chosen(tests, settings.leave_out or [])
    tests = chosen(tests, settings.only) if settings.only else tests
    return [t for t in tests if t not in left_out]


def chosen(tests, patterns):
    found = {p: [t for t in tests if fnmatch.fnmatch(t.name, p) or p in t.name] for p in patterns}
    for pattern, matching in found.items():
        if not matching:
            sys.exit(f'run.py: no test is called {pattern} (--list shows the names)')
    return [t for t in tests if any(t in matching for matching in found.values())]


# --- running them

def work(settings, test, root, result):
    """In a child: one test. Writes its verdict and text to @result."""
    become_subreaper()
    case = Case(settings, test.name, root)
    if test.alone and not os.geteuid():
        case.nice = -15                         # it measures time, and others may be busy
    case.counts = None
    try:
        verdict, text = 'ok', test.run(case) or ''
    except Skipped as e:
        verdict, text = 'skip', str(e)
    except Failed as e:
        verdict, text = 'FAIL', f'{e}\n{case.report()}'.rstrip()
    except Exception:
        verdict, text = 'FAIL', traceback.format_exc() + case.report()
    case.kill_all()
    counts = case.counts or (verdict == 'ok', verdict == 'FAIL', verdict == 'skip')
    with open(result, 'w') as f:
        f.write('%d %d %d %s\n%s' % (*counts, verdict, text))


class Runner:
    def __init__(self, settings, temp):
        self.settings, self.temp = settings, temp
        self.running = {}                       # pid: (test, root, start)
        self.others = children(os.getpid())     # of who has executed us
        self.counts = [0, 0, 0]
        self.number = 0

    def start(self, test):
        self.number += 1
        root = os.path.join(self.temp, str(self.number))
        os.mkdir(root)
        sys.stdout.flush()
        pid = os.fork()
        if not pid:
            try:
                signal.signal(signal.SIGINT, signal.SIG_IGN)    # run.py ends us
                for sig in ENDING[1:]:
                    if signal.getsignal(sig) != signal.SIG_IGN:
                        signal.signal(sig, signal.SIG_DFL)
                work(self.settings, test, root, root + '.result')
            finally:
                os._exit(0)
        self.running[pid] = (test, root, time.monotonic())

    def collect(self):
        """Reaps what ended and ends what takes too long."""
        pid, _ = os.waitpid(-1, os.WNOHANG)
        if pid in self.running:
            self.finish(pid)
        elif not pid:
            for worker, (test, root, began) in list(self.running.items()):
                limit = test.seconds * self.settings.patience
                if time.monotonic() - began > limit:
                    self.stop(worker, f'not done after {limit} s')
            time.sleep(0.005)

    def stop(self, worker, why):
        below = descendants(worker)
        kill(worker)
        for pid in below:
            kill(pid)
        os.waitpid(worker, 0)
        self.finish(worker, why)

    def finish(self, pid, why='the test itself died'):
        test, root, began = self.running.pop(pid)
        try:
            with open(root + '.result', errors='replace') as f:
                head, _, text = f.read().partition('\n')
            passed, failed, skipped, verdict = head.split()
        except (OSError, ValueError):
            passed, failed, skipped, verdict, text = 0, 1, 0, 'FAIL', why
        self.kill_below(self.running)           # what a test has left that died itself
        left = leftovers.remove(root, pid)
        if left and verdict != 'FAIL':
            passed, failed, skipped, verdict, text = 0, 1, 0, 'FAIL', f'it left {left}'
        test.tries -= 1
        if verdict == 'FAIL' and test.tries > 0:
            self.show(test, 'again', text, time.monotonic() - began)
            return self.start(test)
        for i, n in enumerate((passed, failed, skipped)):
            self.counts[i] += int(n)
        self.show(test, verdict, text, time.monotonic() - began)
        if not (self.settings.keep and verdict == 'FAIL'):
            shutil.rmtree(root, ignore_errors=True)

    def show(self, test, verdict, text, seconds):
        reason = f': {text.splitlines()[0]}' if verdict == 'skip' and text else ''
        print(f'{verdict:4} {test.name} ({seconds:.1f} s){reason}')
        for name, why in left_out_of(text) if test.name.startswith('unit/') else ():
            print(f'skip {test.name} {name}: {why}')
        if text and (verdict in ('FAIL', 'again') or self.settings.verbose):
            print('     ' + '\n     '.join(text.splitlines()))
        sys.stdout.flush()

    def run(self, tests):
        for test in sorted(tests, key=lambda t: t.alone):
            while self.running and (len(self.running) >= self.settings.jobs or test.alone):
                self.collect()
            self.start(test)
        while self.running:
            self.collect()

    def clean_up(self):
        for worker, (test, _, _) in list(self.running.items()):
            test.tries = 0
            self.stop(worker, 'interrupted')
        self.kill_below(())

    def kill_below(self, workers):
        for child in children(os.getpid()):
            if child not in workers and child not in self.others:
                for pid in [child, *descendants(child)]:
                    kill(pid)


def set_pid_max(number):
    """
    Returns what was allowed before, or None where that cannot be changed. Numbers are used in
    turn: with many of them others rarely take a process's before it is restored.
    """
    try:
        with open('/proc/sys/kernel/pid_max', 'r+') as f:
            before = int(f.read())
            f.seek(0)
            f.write(str(number))
        return before
    except OSError:
        return None


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--output', default='.output', help='where make built (.output)')
    parser.add_argument('--unit', action='store_true', help='only what needs no privilege')
    parser.add_argument('--selftests', action='store_true', help='only what needs root')
    parser.add_argument('--only', action='append', metavar='PATTERN', help='names to run')
    parser.add_argument('--leave-out', action='append', metavar='PATTERN', help='names not to run')
    parser.add_argument('--jobs', type=int, default=os.cpu_count(), help='tests at a time')
    parser.add_argument('--crbpf', help='the program to test, as a command line')
    parser.add_argument('--criu', help='the peer, as a command line (.output/criu/criu)')
    parser.add_argument('--patience', type=int, default=1, metavar='N',
                        help='wait N times as long: for slow machines')
    parser.add_argument('--tries', type=int, default=1, metavar='N',
                        help='run what fails again, up to N times in all; each failure is shown')
    parser.add_argument('--interop', action='store_true',
                        help='subjects, too, from crbpf to criu and back')
    parser.add_argument('--list', action='store_true', help='print the names of the tests')
    parser.add_argument('--keep', action='store_true', help='keep the files of failed tests')
    parser.add_argument('--verbose', action='store_true', help='what passing tests have to say')
    settings = parser.parse_args()
    settings.output = os.path.abspath(settings.output)
    os.environ['CRBPF_TEST_PATIENCE'] = str(settings.patience)
    os.environ['CRBPF_SELFTESTS'] = HERE
    peer = os.path.join(os.path.dirname(HERE), '.output/criu/criu')
    settings.crbpf = command(settings.crbpf or os.path.join(settings.output, 'crbpf'))
    settings.criu = command(settings.criu or (peer if os.path.exists(peer) else ''))
    return settings


def command(text):
    """A command line as a list, its program by an absolute path."""
    words = shlex.split(text)
    return [os.path.abspath(w) if i == 0 and '/' in w else w for i, w in enumerate(words)]


def main():
    settings = parse_arguments()
    tests = find_tests(settings)
    if settings.list:
        print('\n'.join(t.name for t in tests))
        return 0
    if os.geteuid() and not settings.unit:
        print('run.py: the tests need root (--unit: those that do not)', file=sys.stderr)
        return 1
    become_subreaper()
    temp = os.path.realpath(tempfile.mkdtemp(prefix='crbpf-tests.'))
    os.chmod(temp, 0o755)
    for sig in ENDING:
        if signal.getsignal(sig) != signal.SIG_IGN:             # as nohup has it
            signal.signal(sig, signal.default_int_handler)
    runner = Runner(settings, temp)
    pid_max = None if settings.unit else set_pid_max(4 * 1024 * 1024)
    try:
        runner.run(tests)
    except KeyboardInterrupt:
        print('interrupted')
        runner.counts[1] += 1
    finally:
        for sig in ENDING:
            signal.signal(sig, signal.SIG_IGN)  # once is enough
        runner.clean_up()
        if pid_max:
            set_pid_max(pid_max)
        if not settings.keep:
            shutil.rmtree(temp, ignore_errors=True)
    print('%d passed, %d failed, %d skipped' % tuple(runner.counts))
    return 1 if runner.counts[1] else 0


if __name__ == '__main__':
    sys.exit(main())
