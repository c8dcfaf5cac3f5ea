# SPDX-License-Identifier: GPL-2.0-only
"""What bench and bench-plot share: programs that tick, and journeys of them by either tool."""

import os
import platform
import shlex
import shutil
import statistics
import struct
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, 'selftests'))
sys.dont_write_bytecode = True

import subjects                                               # noqa: E402
from case import Case, Failed, become_subreaper, descendants, kill, read_file   # noqa: E402


def add_options(parser):
    parser.add_argument('--output', default='.output')
    parser.add_argument('--crbpf', help='command line (OUTPUT/crbpf)')
    parser.add_argument('--criu', help='command line (.output/criu/criu)')


def prepare(settings):
    settings.patience = 1
    settings.output = os.path.abspath(settings.output)
    settings.crbpf = shlex.split(settings.crbpf or os.path.join(settings.output, 'crbpf'))
    peer = os.path.join(TOP, '.output/criu/criu')
    settings.criu = shlex.split(settings.criu or (peer if os.path.exists(peer) else ''))
    become_subreaper()
    return tempfile.mkdtemp(prefix='crbpf-bench.', dir='/dev/shm')


def machine():
    cpu = [line.split(':')[1].strip() for line in read_file('/proc/cpuinfo').splitlines()
           if line.startswith('model name')]
    return (f'{platform.machine()}, {os.cpu_count()} x {cpu[0] if cpu else "cpu"}, '
            f'Linux {platform.release()}')


def available_mib():
    for line in read_file('/proc/meminfo').splitlines():
        if line.startswith('MemAvailable:'):
            return int(line.split()[1]) // 1024
    return 0


def medians(figures):
    """Of a list of figures by name, those that each has."""
    return {name: statistics.median(f[name] for f in figures) for name in figures[0]} \
        if figures else {}


class Bench:
    def __init__(self, settings, temp):
        self.settings = settings
        self.case = Case(settings, 'bench', os.path.join(temp, 'case'))
        self.case.nice = -19                    # all alike: others may be busy
        self.temp = temp
        self.program = os.path.join(settings.output, 'selftests/ticker')
        self.watch = os.path.join(settings.output, 'selftests/stopwatch')
        self.tools = {'crbpf': settings.crbpf, 'criu': settings.criu}
        self.tools = {name: command for name, command in self.tools.items() if command}
        self.peak = {}                          # tool: KiB
        self.until = 0

    def time(self, tool, sync, *command):
        """Milliseconds that a command takes. Its peak memory is kept as the tool's."""
        result = self.case.path('result')
        self.case.must([self.watch, result, sync or '-', *map(str, command)], seconds=300)
        ms, peak, status, _, until = read_file(result).split()
        if status != '0':
            raise Failed(f'`{shlex.join(map(str, command))}` ended with {status}')
        self.peak[tool] = max(self.peak.get(tool, 0), int(peak))
        self.until = float(until)               # what was waited for with --gone was gone
        return float(ms)

    # --- the program

    def gap(self, clear=False):
        with open(os.path.join(self.case.work, 'gap'), 'r+b') as f:
            value = struct.unpack('d', f.read(8))[0]
            if clear:
                f.seek(0)
                f.write(struct.pack('d', 0))
        return value

    def gap_of(self, action):
        """The longest time between two ticks while @action is done."""
        self.gap(clear=True)
        action()
        before = self.gap()
        time.sleep(0.005)
        self.case.await_true(lambda: self.gap() > 0, what='ticks')
        return max(before, self.gap())

    def start(self, arguments):
        for name in os.listdir(self.case.work):
            os.unlink(os.path.join(self.case.work, name))
        pid, _ = subjects.start(self.case, self.program, *map(str, arguments), seconds=120)
        return pid

    def end(self, pid):
        """Kills the program, and waits until all its processes are gone."""
        kill(pid)
        self.case.wait(pid)
        self.case.await_true(lambda: not descendants(os.getpid()), 60, 'end of the children')

    def fork(self):
        """What the program's own fork() takes."""
        path = os.path.join(self.case.work, 'fork')
        self.gap(clear=True)
        open(path, 'w').close()
        self.case.await_true(lambda: not os.path.exists(path), what='fork()')
        return self.gap()

    # --- journeys; @sync: a directory to sync within the time, or None

    def dump_running(self, tool, arguments, directory, sync=None):
        """A dump that leaves it running: its time, and how long the program stood still."""
        found = {}
        images = os.path.join(directory, 'images')
        pid = self.start(arguments)
        os.mkdir(images)

        def dump():
            found['dump, left running'] = self.time(tool, sync, *self.tools[tool], 'dump', '-t',
                                                    pid, '-D', images, '-o', 'dump.log', '-R')

        found['frozen'] = self.gap_of(dump)
        shutil.rmtree(images)
        self.end(pid)
        return found

    def dump_and_restore(self, tool, arguments, directory, sync=None, options=()):
        """Of a program that was never dumped before: a clone leaves traces in its page tables."""
        found = {}
        images = os.path.join(directory, 'images')
        pid = self.start(arguments)
        os.mkdir(images)
        found['dump'] = self.time(tool, sync, '--gone', pid, *self.tools[tool], 'dump', '-t', pid,
                                  '-D', images, '-o', 'dump.log', *options)
        found['dump, until it is gone'] = self.until
        self.end(pid)
        found['image size'] = sum(os.path.getsize(os.path.join(images, n))
                                  for n in os.listdir(images) if n.endswith('.img'))
        if not options:
            found['restore'] = self.time(tool, None, *self.tools[tool], 'restore', '-D', images,
                                         '-o', 'restore.log', '-d')
            self.case.await_true(lambda: os.path.exists(f'/proc/{pid}'), what='the program')
            self.gap_of(lambda: None)
            self.end(pid)
        shutil.rmtree(images)
        return found

    # --- limits of this machine

    def plain_write(self, directory, size, threads, sync=None):
        path = os.path.join(directory, 'plain')
        ms = self.time('limit', sync, '--write', int(size), threads, path)
        os.unlink(path)
        return ms

    def read(self, size, threads, is_other):
        """Of memory in small pages, by the process itself or by another one."""
        return self.time('limit', None, '--fetch' if is_other else '--read', int(size), threads)

    def copy(self, size, threads):
        return self.time('limit', None, '--copy', int(size), threads)

    def in_turn(self, rounds, way):
        """way(tool) for each tool, whose order changes; the first round only warms memory."""
        figures = {tool: [] for tool in self.tools}
        for n in range(rounds + 1):
            for tool in sorted(figures, reverse=n % 2 == 1):
                found = way(tool)
                if n:
                    figures[tool].append(found)
        return {tool: medians(list_of) for tool, list_of in figures.items()}

    def close(self):
        self.case.kill_all()
        shutil.rmtree(self.temp, ignore_errors=True)
