# SPDX-License-Identifier: GPL-2.0-only
"""One test: its directories, the processes it starts, and crbpf at work on them.

Every case runs in a process of its own which is a child subreaper: whatever is started or
restored ends up as its child, is reaped at once (so that its pids are free for a restore), and
is killed when the case ends. Nothing else is ever signalled.
"""

import ctypes
import os
import shlex
import signal
import sys
import time

PR_SET_CHILD_SUBREAPER = 36


class Failed(Exception):
    """The test failed; the text says why."""


class Skipped(Exception):
    """The test cannot run here; the text says what is missing."""


def become_subreaper():
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def read_file(path, missing=''):
    try:
        with open(path, errors='replace') as f:
            return f.read()
    except OSError:
        return missing


def children(pid):
    """The children of all threads of a process."""
    found = []
    try:
        for tid in os.listdir(f'/proc/{pid}/task'):
            found += [int(p) for p in read_file(f'/proc/{pid}/task/{tid}/children').split()]
    except OSError:
        pass
    return found


def descendants(pid):
    """All processes below a process, parents first."""
    found = []
    for child in children(pid):
        found += [child] + descendants(child)
    return found


def status_field(pid, name):
    """A field of /proc/PID/status as text, '' if the process or the field is missing."""
    for line in read_file(f'/proc/{pid}/status').splitlines():
        if line.startswith(name + ':'):
            return line.split(':', 1)[1].strip()
    return ''


def is_running(pid):
    return status_field(pid, 'State')[:1] not in ('', 'Z', 'X')


def kill(pid, sig=signal.SIGKILL):
    try:
        os.kill(pid, sig)
    except ProcessLookupError:
        pass


class Case:
    """What a test needs; `settings` are the options of run.py."""

    def __init__(self, settings, name, root):
        self.settings = settings
        self.name = name
        self.root = root                                # removed afterwards
        self.work = self.path('work')                   # the subject's directory
        self.dumper = self.restorer = settings.crbpf    # command lines, as lists
        self.rounds = 2                                 # of dump and restore in cycle()
        self.statuses = {}                              # of reaped processes
        self.logs = []                                  # of dump and restore, newest last
        self.images = 0
        self.nice = 0                                   # of the sessions that are started
        os.makedirs(self.work)
        os.chmod(root, 0o755)
        os.chmod(self.work, 0o777)

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    # --- processes

    def spawn(self, argv, cwd=None, stdin='/dev/null', stdout='/dev/null', stderr=None, env=None,
              before=None):
        """Starts a session leader; stdio are paths or descriptors. Returns its pid."""
        sys.stdout.flush()
        executed, tell = os.pipe()                      # the end of file is the exec
        pid = os.fork()
        if pid:
            os.close(tell)
            os.read(executed, 1)
            os.close(executed)
            return pid
        try:
            os.setsid()
            if self.nice:
                self.set_nice()
            flags = os.O_CREAT | os.O_APPEND
            stderr = stdout if stderr is None else stderr
            for fd, where, mode in ((0, stdin, os.O_RDONLY), (1, stdout, os.O_WRONLY | flags),
                                    (2, stderr, os.O_WRONLY | flags)):
                if isinstance(where, str):
                    where = os.open(where, mode, 0o666)
                os.dup2(where, fd)
            os.closerange(3, tell)
            os.closerange(tell + 1, 256)
            os.chdir(cwd or self.work)
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            for sig in signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGHUP:
                signal.signal(sig, signal.SIG_DFL)      # what python, run.py or nohup ignore
            if before:
                before()
            os.execvpe(argv[0], argv, env or dict(os.environ))
        except OSError as e:
            os.write(2, f'{argv[0]}: {e}\n'.encode())
        finally:
            os._exit(127)

    def set_nice(self):
        """For what measures time while others are busy: a session has a priority of its own."""
        os.setpriority(os.PRIO_PROCESS, 0, self.nice)
        try:
            with open('/proc/self/autogroup', 'w') as f:
                f.write(str(self.nice))
        except OSError:
            pass                                        # no such groups here

    def start(self, argv, **how):
        """spawn(), and waits until the program runs and has come to rest."""
        pid = self.spawn(argv, **how)

        def look():
            try:
                return os.readlink(f'/proc/{pid}/exe'), read_file(f'/proc/{pid}/maps')
            except OSError:
                return None

        def is_at_rest():
            before = look()
            time.sleep(0.02)
            return before and before == look() and status_field(pid, 'State').startswith('S')

        self.await_true(is_at_rest, 10, f'{argv[0]} at rest')
        return pid

    def reap(self):
        """Collects what ended below us."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            self.statuses[pid] = status

    def await_true(self, condition, seconds=10, what=None):
        """Polls until condition() is true and returns its value; fails (if told what) or None."""
        seconds *= self.settings.patience
        end, step = time.monotonic() + seconds, 0.001
        while True:
            self.reap()
            value = condition()
            if value:
                return value
            if time.monotonic() > end:
                if what:
                    raise Failed(f'{what}: not after {seconds} s')
                return None
            time.sleep(step)
            step = min(step * 1.5, 0.02)

    def wait(self, pid, seconds=20):
        """The exit status of a child of ours, as a shell has it. Fails if it does not end."""
        self.await_true(lambda: pid in self.statuses, seconds, f'end of process {pid}')
        return os.waitstatus_to_exitcode(self.statuses.pop(pid))

    def run(self, argv, seconds=60, cwd=None, stdin='/dev/null', env=None, before=None):
        """Runs a command; returns its exit status, standard output and standard error."""
        out, err = self.path('stdout'), self.path('stderr')
        for path in out, err:
            if os.path.exists(path):
                os.unlink(path)
        pid = self.spawn(argv, cwd=cwd or self.root, stdin=stdin, stdout=out, stderr=err, env=env,
                         before=before)
        try:
            status = self.wait(pid, seconds)
        except Failed:
            kill(pid)
            raise Failed(f'`{shlex.join(argv)}` did not end in {seconds} s') from None
        return status, read_file(out), read_file(err)

    def must(self, argv, **how):
        """run() of what has to succeed; returns standard output."""
        status, out, err = self.run(argv, **how)
        if status:
            raise Failed(f'`{shlex.join(argv)}` ended with {status}: {(err or out).strip()[-800:]}')
        return out

    # --- crbpf

    def new_images(self):
        self.images += 1
        path = self.path(f'images{self.images}')
        os.mkdir(path)
        return path

    def dump(self, pid, *options, images=None, tool=None, seconds=60):
        """Dumps; returns the images' directory. The tree is gone unless an option keeps it."""
        images = images or self.new_images()
        self.logs.append(os.path.join(images, 'dump.log'))
        if (tool or self.dumper) == self.settings.crbpf:
            import verdict      # which needs this module
            verdict.must_be_clean(self, pid, options)
        self.must([*(tool or self.dumper), 'dump', '-t', str(pid), '-D', images, '-v4',
                   '-o', 'dump.log', *options], seconds=seconds)
        if not {'-R', '--leave-running', '-s', '--leave-stopped'} & set(options):
            if is_running(pid):
                raise Failed(f'process {pid} still runs after the dump')
            self.await_true(lambda: not os.path.exists(f'/proc/{pid}'), 5,
                            f'end of dumped process {pid}')
            self.statuses.pop(pid, None)
        return images

    def restore(self, images, *options, tool=None, seconds=60):
        """Restores in the background; returns the pid of the first process."""
        self.logs.append(os.path.join(images, 'restore.log'))
        pidfile = os.path.join(images, 'restored.pid')
        if os.path.exists(pidfile):
            os.unlink(pidfile)
        self.must([*(tool or self.restorer), 'restore', '-D', images, '-d', '-v4',
                   '-o', 'restore.log', '--pidfile', pidfile, *options], seconds=seconds)
        pid = int(read_file(pidfile) or 0)
        if not pid:
            raise Failed('restore wrote no pidfile')
        return pid

    def cycle(self, pid, *options):
        """Dumps and restores as often as this run of the test wants it. Returns the pid."""
        for _ in range(self.rounds):
            restored = self.restore(self.dump(pid, *options), *options)
            if restored != pid:
                raise Failed(f'process {pid} was restored as {restored}')
        return pid

    def cycle_counting(self, pid, counts, said, *options):
        """
        cycle() of a program that counts: each number of the list counts() grows before the first
        dump and after every restore. @said is the file of its standard error.
        """
        def await_more(before, what):
            try:
                self.await_true(lambda: all(now >= then + 10 for now, then in zip(counts(), before)),
                                60, what)
            except Failed as e:
                raise Failed(f'{e}: {counts()} {read_file(said)}') from None

        await_more([0] * len(counts()), 'first results')
        for _ in range(self.rounds):
            images = self.dump(pid, *options)
            before = counts()
            self.restore(images, *options)
            await_more(before, 'more results')

    # --- the end

    def kill_all(self):
        """Kills and reaps everything below us."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            found = descendants(os.getpid())
            self.reap()
            if not found:
                return
            for pid in found:
                kill(pid)
            time.sleep(0.002)

    def report(self):
        """What helps to understand a failure: the ends of the last logs."""
        text = []
        for log in self.logs[-2:]:
            lines = read_file(log).splitlines()
            if lines:
                text += [f'--- {os.path.relpath(log, self.root)}'] + lines[-15:]
        return '\n'.join(text)
