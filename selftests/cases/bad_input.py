# SPDX-License-Identifier: GPL-2.0-only
"""Bad input: one clear line, exit status 1, no process harmed, none left behind."""

import os
import random
import shutil
import subprocess
import time

from case import Failed, Skipped, children, descendants, is_running, kill, read_file, status_field
from harm import fingerprint, refused_once, unharmed


def dump_command(case, pid, images, *options):
    return [*case.dumper, 'dump', '-t', str(pid), '-D', images, '-o', 'dump.log', *options]


def restore_command(case, images, *options):
    return [*case.restorer, 'restore', '-d', '-D', images, '-o', 'restore.log', *options]


def dumped_sleep(case, seconds=1000):
    """The images of a process that is gone."""
    pid = case.start(['sleep', str(seconds)])
    return pid, case.dump(pid)


def nothing_left(case, images, pid):
    """After a restore that failed: no process, and the images are as good as before."""
    if not case.await_true(lambda: not descendants(os.getpid()), 3):
        left = [(p, status_field(p, 'Name')) for p in descendants(os.getpid())]
        raise Failed(f'processes are left behind: {left}')


def test_no_such_process(case):
    pid = case.spawn(['true'])
    case.wait(pid)
    images = case.new_images()
    refused_once(case, dump_command(case, pid, images), str(pid))
    if [n for n in os.listdir(images) if n.endswith('.img')]:
        raise Failed('it left images')


def test_pid_is_no_number(case):
    for pid in '0', '-1', 'abc', '', '99999999999999999999':
        refused_once(case, dump_command(case, pid, case.new_images()))


def test_process_exits_meanwhile(case):
    """Dumps of processes about to exit either work or fail cleanly."""
    failed = 0
    for _ in range(40):
        pid = case.spawn(['sleep', f'{random.uniform(0.005, 0.08):.4f}'])
        images = case.new_images()
        status, _, err = case.run(dump_command(case, pid, images))
        lines = [line for line in err.splitlines() if not line.startswith('  ')]
        if status not in (0, 1) or (status == 1 and len(lines) != 1):
            raise Failed(f'dump ended with {status}: {err}')
        failed += status
        if status and os.path.exists(os.path.join(images, 'inventory.img')):
            raise Failed('a failed dump left an inventory')
        case.await_true(lambda: pid in case.statuses, 5, f'end of {pid}')
        shutil.rmtree(images)
    return f'{failed} of 40 had ended'


def test_thread_is_no_process(case):
    """A thread's id is not a process."""
    program = os.path.join(case.settings.output, 'selftests/threads')
    pid = case.spawn([program])
    case.await_true(lambda: os.path.exists(os.path.join(case.work, 'ready')), what='threads')
    before = fingerprint(pid, ('pending',))
    tid = sorted(map(int, os.listdir(f'/proc/{pid}/task')))[3]
    refused_once(case, dump_command(case, tid, case.new_images()), str(tid))
    unharmed(case, pid, before, ('pending',))


def test_itself(case):
    """The tree that crbpf runs in cannot be dumped by it."""
    refused_once(case, dump_command(case, os.getpid(), case.new_images()))


def test_growing_tree(case):
    """A tree that forks and ends all the time is frozen, or the dump fails cleanly."""
    script = 'for i in 1 2 3; do (while :; do (:; true) & wait; done) & done; while :; do /bin/true; done'
    pid = case.spawn(['bash', '-c', script])
    case.await_true(lambda: len(children(pid)) >= 3, what='its children')
    worked = 0
    for _ in range(10):
        images = case.new_images()
        status, _, err = case.run(dump_command(case, pid, images, '--leave-running'))
        if status not in (0, 1) or (status and not err.startswith('crbpf: dump: ')):
            raise Failed(f'dump ended with {status}: {err}')
        worked += not status
        shutil.rmtree(images)
        for p in [pid] + descendants(pid):
            if status_field(p, 'TracerPid') not in ('0', ''):
                raise Failed(f'process {p} is still traced')
    if not is_running(pid):
        raise Failed('the tree was harmed')
    if not worked:
        raise Failed(f'none of 10 dumps worked: {err}')
    return f'{worked} of 10 dumps worked'


def varint(number):
    return bytes([number & 127 | 128]) + varint(number >> 7) if number > 127 else bytes([number])


def test_other_page_size(case):
    """Images say how large pages were: those of a kernel with others are refused."""
    pid, images = dumped_sleep(case)
    page, path = os.sysconf('SC_PAGESIZE'), os.path.join(images, 'inventory.img')
    key = varint(1001 << 3)
    with open(path, 'rb') as f:
        inventory = f.read()
    if inventory.count(key + varint(page)) != 1:
        raise Failed('the inventory does not say how large pages were')
    with open(path, 'wb') as f:
        f.write(inventory.replace(key + varint(page), key + varint(2 * page)))
    refused_once(case, restore_command(case, images),
                 f'the images have pages of {2 * page} bytes, this kernel of {page}')
    nothing_left(case, images, pid)
    with open(path, 'wb') as f:
        f.write(inventory)
    case.restore(images)


def with_full_disk(case, use, size='300k'):
    """Runs use(directory) on a file system of that size."""
    disk = case.path('disk')
    os.makedirs(disk, exist_ok=True)
    subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={size}', 'crbpf-test', disk], check=True)
    try:
        use(disk)
    finally:
        subprocess.run(['umount', '-l', disk], check=True)


def test_full_disk(case):
    pid = case.spawn(['python3', '-c', 'import time; x = bytes(range(256)) * 4096; '
                      'open("ready", "w").close(); time.sleep(1000)'])
    ready = os.path.join(case.work, 'ready')
    case.await_true(lambda: os.path.exists(ready) and status_field(pid, 'State')[:1] == 'S',
                    what='python3')
    before = fingerprint(pid)

    def use(disk):
        refused_once(case, dump_command(case, pid, disk), 'No space left')
        left = [name for name in os.listdir(disk) if name != 'dump.log']
        if left:
            raise Failed(f'a failed dump left {left}')

    with_full_disk(case, use)
    unharmed(case, pid, before)


def test_full_disk_tun(case):
    """The interface that was to wait for the restore ends with its program again."""
    pid = case.spawn(['python3', '-c', '''
import fcntl, struct, time
tun, x = open("/dev/net/tun", "rb+", buffering=0), bytes(range(256)) * 4096
request = fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH22x", b"crbpf%d", 0x1001))    # TUNSETIFF
open("name", "wb").write(request[:16].strip(b"\\0"))
time.sleep(1000)'''])
    if not case.await_true(lambda: read_file(os.path.join(case.work, 'name')) or pid in case.statuses
                           ) or pid in case.statuses:
        raise Skipped('needs /dev/net/tun')
    flags = f'/sys/class/net/{read_file(os.path.join(case.work, "name"))}/tun_flags'
    before = read_file(flags)
    images = case.new_images()
    case.must([*dump_command(case, pid, images), '--leave-running'])
    last = 'inventory.img', 'crbpf.sums', 'stats-dump'
    used = sum(os.stat(os.path.join(images, name)).st_blocks // 2 for name in os.listdir(images)
               if name not in last)
    # Too little for anything, and room for all but what comes last.
    for size in '300k', f'{used}k':
        with_full_disk(case, lambda disk: refused_once(case, dump_command(case, pid, disk),
                                                       'No space left'), size)
    if not before or read_file(flags) != before:
        raise Failed(f'{flags} is {read_file(flags)}, was {before}')


def test_unwritable_directory(case):
    pid = case.start(['sleep', '1000'])
    before = fingerprint(pid)

    def use(disk):
        subprocess.run(['mount', '-o', 'remount,ro', disk], check=True)
        refused_once(case, dump_command(case, pid, disk), 'Read-only file system')

    with_full_disk(case, use)
    refused_once(case, dump_command(case, pid, case.path('missing')), 'No such file')
    refused_once(case, dump_command(case, pid, '/dev/null'), 'Not a directory')
    unharmed(case, pid, before)


def test_directory_holds_images(case):
    _, images = dumped_sleep(case)
    pid = case.start(['sleep', '1000'])
    before = fingerprint(pid)
    old = {n: read_file(os.path.join(images, n)) for n in os.listdir(images) if n.endswith('.img')}
    refused_once(case, dump_command(case, pid, images), 'images')
    unharmed(case, pid, before)
    for name, text in old.items():
        if read_file(os.path.join(images, name)) != text:
            raise Failed(f'{name} was changed')


def test_not_a_checkpoint(case):
    empty = case.new_images()
    refused_once(case, restore_command(case, empty), 'inventory')
    with open(os.path.join(empty, 'inventory.img'), 'wb') as f:
        f.write(os.urandom(300))
    refused_once(case, restore_command(case, empty), 'inventory')
    refused_once(case, restore_command(case, case.path('missing')), 'No such file')
    nothing_left(case, empty, 0)


def damaged(images, name, change):
    """A context in which one image is changed."""
    path = os.path.join(images, name)
    with open(path, 'rb') as f:
        data = f.read()
    with open(path, 'wb') as f:
        f.write(change(bytearray(data)))
    return path, data


def image_names(images):
    return sorted(n for n in os.listdir(images) if n.endswith('.img'))


def test_truncated_images(case):
    """Every image cut short at several places."""
    pid, images = dumped_sleep(case)
    n = 0
    for name in image_names(images):
        if name.startswith(('stats-', 'seccomp')):
            continue                        # nothing refers to them: they are not read
        size = os.path.getsize(os.path.join(images, name))
        for keep in sorted({0, 3, 5, 9, size // 2, size - 1}):
            if keep >= size or keep < 0:
                continue
            path, data = damaged(images, name, lambda d, k=keep: d[:k])
            try:
                refused_once(case, restore_command(case, images))
            except Failed as e:
                raise Failed(f'{name} cut to {keep} of {size} bytes: {e}') from None
            with open(path, 'wb') as f:
                f.write(data)
            n += 1
    nothing_left(case, images, pid)
    case.restore(images)
    if not is_running(pid):
        raise Failed('the whole images do not restore')
    return f'{n} truncations'


def test_missing_images(case):
    pid, images = dumped_sleep(case)
    for name in image_names(images):
        if not name.startswith(('core-', 'mm-', 'pagemap-', 'pages-', 'pstree', 'inventory', 'files',
                                'fdinfo-')):
            continue
        path = os.path.join(images, name)
        os.rename(path, path + '.away')
        try:
            refused_once(case, restore_command(case, images))
        except Failed as e:
            raise Failed(f'without {name}: {e}') from None
        os.rename(path + '.away', path)
    nothing_left(case, images, pid)


def test_foreign_images(case):
    """Bytes changed at random: never a crash, never a process left by a failure."""
    pid, images = dumped_sleep(case)
    choose = random.Random(7)
    names = [n for n in image_names(images) if not n.startswith(('pages-', 'stats-'))]
    failed = 0
    for _ in range(150):
        name = choose.choice(names)

        def change(data):
            for _ in range(choose.choice((1, 1, 2, 8))):
                data[choose.randrange(len(data))] = choose.randrange(256)
            return data

        path, data = damaged(images, name, change)
        status, _, err = case.run(restore_command(case, images), seconds=20)
        if status not in (0, 1) or (status and not err.startswith('crbpf: restore: ')):
            raise Failed(f'{name} changed: restore ended with {status}: {err}')
        if status:
            failed += 1
            nothing_left(case, images, pid)
        else:
            case.kill_all()
        with open(path, 'wb') as f:
            f.write(data)
    case.restore(images)
    return f'{failed} of 150 were refused'


def test_pid_is_taken(case):
    pid = case.start(['sleep', '1000'])
    images = case.dump(pid, '--leave-running')
    before = fingerprint(pid)
    refused_once(case, restore_command(case, images), str(pid))
    unharmed(case, pid, before)
    if descendants(os.getpid()) != [pid]:
        raise Failed('a process is left behind')


def own_program(case):
    """A program that is this case's own: a copy of sleep."""
    program = os.path.join(case.work, 'program')
    shutil.copy(shutil.which('sleep'), program)
    pid = case.start([program, '1000'])
    return program, pid


def test_missing_executable(case):
    program, pid = own_program(case)
    images = case.dump(pid)
    os.rename(program, program + '.away')
    refused_once(case, restore_command(case, images), 'program', 'No such file')
    nothing_left(case, images, pid)
    os.rename(program + '.away', program)
    case.restore(images)


def test_changed_executable(case):
    program, pid = own_program(case)
    images = case.dump(pid)
    with open(program, 'rb') as f:
        good = f.read()
    build_id = good.find(b'\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0') + 16
    for what, bad in (('longer', good + b'x'), ('shorter', good[:-1]),
                      ('another build', good[:build_id] + bytes(20) + good[build_id + 20:])):
        if what == 'another build' and build_id < 16:
            continue
        os.unlink(program)
        with open(program, 'wb') as f:
            f.write(bad)
        os.chmod(program, 0o755)
        refused_once(case, restore_command(case, images), 'program')
        nothing_left(case, images, pid)


def test_missing_library(case):
    """A library that the program had opened is gone, or became another."""
    library = os.path.join(case.work, 'libown.so')
    libc = [line.split()[-1] for line in read_file('/proc/self/maps').splitlines() if 'libc.so' in line]
    shutil.copy(libc[0], library)
    script = f'import ctypes, time; ctypes.CDLL("{library}"); open("up", "w"); time.sleep(1000)'
    pid = case.spawn(['python3', '-c', script])
    case.await_true(lambda: os.path.exists(os.path.join(case.work, 'up')), what='the program')
    images = case.dump(pid)
    with open(library, 'rb') as f:
        good = f.read()
    os.unlink(library)
    refused_once(case, restore_command(case, images), 'libown.so', 'No such file')
    with open(library, 'wb') as f:
        f.write(good + bytes(4096))
    refused_once(case, restore_command(case, images), 'libown.so')
    nothing_left(case, images, pid)


def test_missing_data_file(case):
    """An open regular file that is gone or became shorter than it was."""
    data = os.path.join(case.work, 'data')
    with open(data, 'w') as f:
        f.write('x' * 1000)
    pid = case.start(['sleep', '1000'], stdin=data)
    images = case.dump(pid)
    os.truncate(data, 10)
    refused_once(case, restore_command(case, images), 'data')
    os.unlink(data)
    refused_once(case, restore_command(case, images), 'data', 'No such file')
    nothing_left(case, images, pid)


def test_options(case):
    """Unknown options and commands are refused with a hint; nothing is done."""
    pid = case.start(['sleep', '1000'])
    before = fingerprint(pid)
    images = case.new_images()
    err = refused_once(case, dump_command(case, pid, images, '--leave-runing'), 'leave-runing')
    if '  try: ' not in err:
        raise Failed(f'no hint: {err}')
    refused_once(case, [*case.dumper, 'dump', '-D', images])
    refused_once(case, [*case.dumper, 'dump', '-t', str(pid)][:3])
    status, _, err = case.run([*case.dumper, 'dmup'])
    if status != 1 or 'dmup' not in err:
        raise Failed(f'an unknown command ends with {status}: {err}')
    unharmed(case, pid, before)


def test_without_privilege(case):
    """An ordinary user learns what is missing."""
    pid = case.start(['sleep', '1000'])
    before = fingerprint(pid)
    images = case.new_images()
    os.chmod(images, 0o777)
    program = case.path('crbpf')
    shutil.copy(case.dumper[0], program)
    os.chmod(program, 0o755)
    refused_once(case, ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', program, 'dump',
                        '-t', str(pid), '-D', images, '-o', 'dump.log'])
    unharmed(case, pid, before)


def test_log_of_failure(case):
    """-o names a file in the images' directory (or -W), also when nothing else works."""
    images = case.new_images()
    refused_once(case, dump_command(case, 4194303, images))
    if not os.path.exists(os.path.join(images, 'dump.log')):
        raise Failed('no log')
    work = case.path('elsewhere')
    os.mkdir(work)
    refused_once(case, dump_command(case, 4194303, images, '-W', work))
    if not os.path.exists(os.path.join(work, 'dump.log')):
        raise Failed('no log in the work directory')


def test_options_may_repeat(case):
    pid = case.start(['sleep', '1000'])
    images = case.dump(pid, '-v2', '-v4', '--leave-running', '--leave-running')
    if not is_running(pid):
        raise Failed('it did not leave it running')
    if not os.path.exists(os.path.join(images, 'stats-dump')):
        raise Failed('no stats-dump')


def test_status_fd(case):
    """--status-fd: a NUL byte when restored; --pidfile: the pid."""
    pid, images = dumped_sleep(case)
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    tool = os.fork()
    if not tool:
        os.closerange(writer + 1, 256)
        os.execvp(case.restorer[0], [*restore_command(case, images), '--status-fd', str(writer)])
    os.close(writer)
    if case.wait(tool):
        raise Failed('restore failed')
    if os.read(reader, 10) != b'\0':
        raise Failed('no byte on the status descriptor')
    kill(pid)
    os.close(reader)


def test_restore_in_foreground(case):
    """Without -d, restore waits for the process; its own status is 0 all the same."""
    pid = case.spawn(['bash', '-c', 'until [ -e go ]; do sleep 0.1; done; touch gone; exit 7'])
    images = case.dump(pid)
    with open(os.path.join(case.work, 'go'), 'w'):
        pass
    case.must([*case.restorer, 'restore', '-D', images, '-o', 'restore.log'])
    if not os.path.exists(os.path.join(case.work, 'gone')):
        raise Failed('restore did not wait for the end of the process')
