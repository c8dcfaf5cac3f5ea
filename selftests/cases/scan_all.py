# SPDX-License-Identifier: GPL-2.0-only
"""What scan says of all trees at once is what it says of each by itself (of some, where patience is
needed): most of them are only glanced at (user/scan/glance.c), and those which are clean are not looked at any further."""

import json
import os
import shlex

from case import Failed, Skipped

# Subjects, and those that make obstacles (obstacles*.c), each a tree of its own.
CLEAN = ('eventfd', 'timerfd', 'signalfd', 'epoll', 'pipe', 'pipe_packets', 'regfile', 'directories',
         'threads', 'steady', 'memfd', 'mem_anon', 'mem_file', 'mem_shared', 'mem_vmas', 'deleted_file',
         'device', 'fifo_modes', 'fds_in_flight', 'inotify', 'posix_timers', 'pidfd', 'unix_socket',
         'unix_listen', 'unix_rights', 'inet_socket', 'fd_sharing', 'fs_sharing', 'robust_list', 'seccomp', 'zombie', 'tree',
         'signals_pending', 'orphans', 'creds', 'sysv_shm', 'hugetlb')
GROUPS = '/sys/fs/cgroup', '/sys/fs/cgroup/unified', '/sys/fs/cgroup/freezer'
OBSTACLES = {
    'obstacles': ('netlink', 'netlink_queue', 'tcp', 'udp_queue', 'unix_arrival', 'unix_flight', 'locked', 'unlinked',
                  'unix_renamed', 'unix_replaced', 'lease', 'pidfd', 'userfaultfd', 'io_uring', 'bpf_map',
                  'perf_event', 'secretmem', 'fuse', 'tun', 'mqueue', 'namespace', 'pressure', 'dnotify',
                  'watch_queue', 'eventfd_told', 'flying_locked', 'flying_pidfd'),
    'obstacles_tasks': ('network_namespace', 'mount_namespace', 'ipc_namespace', 'uts_namespace',
                        'traced', 'aio', 'time_namespace', 'pid_namespace', 'thread_directory',
                        'thread_descriptors', 'shared_memory', 'shared_handlers',
                        'semaphore_undo', 'seccomp_listener', 'landlock', 'thread_key',
                        'process_key', 'session_key'),
    'obstacles_maps': ('map_device', 'map_perf', 'map_io_uring', 'map_bpf', 'map_secret',
                       'map_userfaults', 'map_tags'),
}


def programs(case):
    folder = os.path.join(case.settings.output, 'selftests')
    plain = [os.path.join(folder, name) for name in CLEAN]
    return [path for path in plain if os.path.exists(path)] + [
        f'{os.path.join(folder, name)} {what}' for name, made in OBSTACLES.items() for what in made]


def compare(found):
    """Differences between what was said of all and of each."""
    wrong = []
    for pid in found['each']:
        program = found['started'][pid]
        name = ' '.join([os.path.basename(program.split()[0]), *program.split()[1:]])
        answers = {'all': found['all'].get(pid), 'each': found['each'][pid].get(pid),
                   'fds': found['fds'][pid].get(pid)}
        if not answers['each'] or answers['each'][1] or any(a != answers['each'] for a in answers.values()):
            wrong.append(f'{name}: {answers}')
    return wrong


def look(case, attempt, group):
    script = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'everybody.py')
    directory = os.path.join(case.work, f'everybody-{attempt}')
    os.makedirs(directory)
    status, out, err = case.run(
        ['unshare', '--pid', '--ipc', '--fork', '--mount-proc', '--kill-child', 'python3', script,
         shlex.join(case.dumper), group, str(case.settings.patience), *programs(case)],
        seconds=280, cwd=directory)
    if status:
        raise Skipped(f'no pid namespace: {err}') if 'unshare:' in err else Failed(err)
    return json.loads(out)


def new_group():
    """A control group to put some into, or ''."""
    group = next((os.path.join(m, f'crbpf-test-{os.getpid()}') for m in GROUPS
                  if os.access(os.path.join(m, 'cgroup.procs'), os.W_OK)), '')
    try:
        os.mkdir(group)
    except OSError:
        return ''
    return group


def remove_group(case, group):
    case.await_true(lambda: not open(os.path.join(group, 'cgroup.procs')).read(), 30)
    os.rmdir(group)


def test_like_each(case):
    group = new_group()
    try:
        compare_all(case, group)
    finally:
        if group:
            remove_group(case, group)


def compare_all(case, group):
    """They run on meanwhile, so an answer may change: then all are asked again."""
    for attempt in range(3):
        found = look(case, attempt, group)
        wrong = compare(found)
        if not wrong:
            break
    else:
        raise Failed('\n'.join(wrong))
    clean = [pid for pid in found['started'] if found['all'][pid][0]]
    if len(clean) < 5 or len(found['started']) - len(clean) < 5:
        raise Failed(f'{len(clean)} of {len(found["started"])} are clean: no trial')
    moved = [pid for pid in clean if any(os.path.basename(group) in line
                                         for line in found['all'][pid][4])]
    if group and not moved:
        raise Failed(f'of none of the clean ones it was told that they are in {group}')


test_like_each.seconds = 900
