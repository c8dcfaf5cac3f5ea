# SPDX-License-Identifier: GPL-2.0-only
"""Journeys from criu to crbpf and back, and what is lost on the way because criu cannot carry it.

LIMITS lists that by subject. `lost`: what the subject says then; each line of it must be known, and
each entry must be met (unless it begins with `?`), so that a change is seen. `fails`: what is said by
who gives up. `by`: the journeys that it concerns. That it is criu's doing is seen when criu dumps and
restores: a third journey, by-criu, has to fail as well. What a subject leaves out when criu is on the
way (subject_through_criu), stands there.
"""

import os
import re

from case import Failed, Skipped, read_file

FROM, TO, ALONE = 'from-criu', 'to-criu', 'by-criu'
INTERRUPTED = ['poll returned', '?epoll_wait returned', '?sigwaitinfo returned']


def limit(why, lost=(), by=(FROM, TO), fails=None):
    return {'why': why, 'by': by if isinstance(by, tuple) else (by,), 'lost': lost, 'fails': fails}


LIMITS = {
    'autogroup': [limit('nice values of sessions', ['own:', 'child:'])],
    'blocking_calls': [limit('sleeping calls end by EINTR', INTERRUPTED)],
    'creds_user': [limit('processes of another user want CAP_SYS_RESOURCE', by=FROM,
                         fails="Can't get rlimit")],
    'deadline': [limit('what a deadline is', by=FROM, fails='does not say which deadline'),
                 limit('what a deadline is', by=TO, fails='Inconsistent sched params')],
    'deleted_large': [limit('large deleted files only with --ghost-limit', by=FROM,
                            fails="Can't dump ghost file"),
                      limit('O_TMPFILE cannot be named any more', [r'a name for O_TMPFILE', 'named:'],
                            by=TO)],
    'deleted_tree': [limit('deleted directories come back, O_TMPFILE cannot be named any more',
                           ['up is back', 'the temporary file can be given no name'], by=TO)],
    'epoll_modes': [limit('edges that were told are told again', ['outer:', 'seen:', '?one-shots:'])],
    'eventfd': [limit('no semaphores, and counts of 32 bits', ['semaphore:', '?huge:'])],
    'every_kind': [limit('O_DIRECTORY, O_TMPFILE', by=TO,
                         lost=['(sent|open) (tmpfile|directory|removed): .* flags'])],
    'fanotify': [limit('no marks of file systems', ['marks are', '?fanotify ', '?flags:', '?, not'])],
    'fds_in_flight': [limit('no semaphores', ['semaphore:'])],
    'fifo_modes': [limit('owner and mode of a pipe', ['lone pipe:'])],
    'inet_socket': [limit('asks kernels since 6.16 for SO_PASSCRED, or refuses to dump a bound socket',
                          by=FROM, fails='sockets: Can.t get 1:16 opt|Connected TCP|bound')],
    'inotify_modes': [limit('the number of the next watch', ['a new watch has another number']),
                      limit('unread events, watches of deleted files and for one event',
                            ['an event is left', '-1 bytes'], by=TO)],
    'inotify_unread': [limit('unread events', ['0 bytes', '0 events', 'cookies'])],
    'locks_shared': [limit('who of those that share a table took a lock', [r'(10|14|end): held by'],
                           by=FROM)],
    'mem_attributes': [limit('MLOCK_ONFAULT', ['onfault:']),
                       limit('MADV_WIPEONFORK', ['wipeonfork:'], by=FROM)],
    'mem_droppable': [limit('MAP_DROPPABLE', ['it is not droppable'], by=FROM)],
    'mem_guard': [limit('guard pages', by=FROM, fails="Can't dump page with parasite"),
                  limit('guard pages', by=TO, fails='VMA-s are not sorted')],
    'mm_fields': [limit('coredump filter, MDWE, locking of future memory, huge pages that are advised',
                        ['.*coredump_filter', 'MDWE is 0', 'future memory', '?huge pages'])],
    'orphans': [limit('orphans are adopted by criu itself, and their pids may be taken then', by=TO,
                      lost=[r'?\d+, child of', r'?\d+ did not end'], fails='.')],
    'netlink': [limit('netlink groups above 32', by=FROM, fails='more than 32 groups'),
                limit('netlink groups above 32', by=TO, fails='Groups above 32')],
    'pidfd_exit_status': [limit('pidfds of threads', by=FROM, fails='PIDFD_THREAD'),
                          limit('how a reaped process ended', ['exited:', 'again:', 'killed:', 'thread:'],
                                by=TO)],
    'pidfd_outside': [limit('pidfds of processes outside the tree', by=FROM,
                            fails='not a part of process tree')],
    'pidfd_thread': [limit('pidfds of threads', by=FROM, fails='PIDFD_THREAD'),
                     limit('pidfds of threads', by=TO, fails='Could not open pidfd')],
    'pipe_packets': [limit('packets in pipes', by=FROM, fails='packetized mode'),
                     limit('packets in pipes', [r'end of process \d+: not after'], by=TO)],
    'regfile': [limit('O_DIRECTORY', ['directory: flags'], by=TO)],
    'sysv_shm': [limit('System V shared memory of the host', by=FROM, fails="doesn't live in IPC ns"),
                 limit('System V shared memory of the host', by=TO, fails="Can't find sysv shmem")],
    'task_attributes': [limit('personality; what threads have of their own',
                              ['personality', 'thread: timer slack', 'thread: IO', 'thread: affinity'])],
    'task_switches': [limit('TSC, MCE, KSM and NUMA settings; sealed mappings',
                            ['.*: MCE_KILL', '?.*: merging', '?.*policy', '?it is sealed',
                             '?timeless thread: TSC'])],
    'thread_cpu_timer': [limit('CPU timers of other threads', ['thread .: its timer'], by=FROM)],
    'timer_pending': [limit('alarms go on while it dumps', ['?the alarm is'])],
    'tun': [limit('tun in a network namespace of its own only', by=FROM,
                  fails='Net namespace is required')],
    'tun_attached': [limit('tun in a network namespace of its own only', by=FROM,
                           fails='Net namespace is required'),
                     limit('which interface is attached', by=TO,
                           lost=['flags of', 'its interface is', 'cr', '.*no packet', 'TUN', '?queues:'])],
    'unix_listen': [limit('clients that were closed before they were accepted', by=FROM,
                          fails='closed in-flight socket'),
                    limit('what was sent before it was accepted, and by whom', by=TO,
                          lost=['first:', 'lost:', '?(second|child|bound|packet|shut):'])],
    'unix_names': [limit('processes of another user want CAP_SYS_RESOURCE', by=FROM,
                         fails="Can't get rlimit"),
                   limit('names and credentials of peers', by=TO,
                         lost=['client: made by', 'accepted: made by', ".* (own|peer's) name of",
                               'accepted: 0 groups', '?out:'])],
    'unix_queue': [limit('credentials in queues', by=FROM, fails='Control messages in queue'),
                   limit('credentials, names, peek offsets and what is out of band', by=TO,
                         lost=['SO_PEEK_OFF', 'the peek', '(mine|dead|child): sent by', 'oob',
                               'no byte out', 'receiver: from', '?reset:'])],
    'unix_relative': [limit('names of peers', ['client: `', 'accepted: `'], by=TO)],
    'unix_renamed': [limit('sockets whose file was renamed', by=FROM, fails='too cut'),
                     limit('sockets whose file was renamed', by=TO, fails="Can't bind")],
    'user_dispatch': [limit('system call user dispatch', ['is no longer dispatched'])],
    'protection_keys': [limit('protection keys', ['?.*'])],
    'pty': [limit('a terminal whose session begins below its other end', by=FROM, fails='ctty inherit')],
    'pty_sessions': [limit('a terminal whose session begins below its other end', by=FROM,
                           fails='ctty inherit'),
                     limit('a terminal of another session', by=TO, fails='ctty|exited, status')],
    'sleep_calls': [limit('sleeping calls end by EINTR', ['.* returned', '.* ended'])],
}


def errors(log):
    """What criu complains of, but for what it does each time."""
    return [line for line in read_file(log).splitlines()
            if 'Error' in line and 'RLIMIT_NOFILE for self' not in line]


def unexpected(case, limits, text):
    """Why a failure is none that was to be expected, or None."""
    said = [line for line in text.splitlines() if line.strip()]
    gave_up = any(re.search(r'(dump|restore)\S* .*ended with', line) for line in said)
    for known in limits:
        if gave_up and known['fails']:
            log = errors(case.logs[-1]) if case.logs else []
            if any(re.search(known['fails'], line) for line in log + said):
                return None
    if gave_up:
        return 'gave up for another reason'
    patterns = [p for known in limits for p in known['lost']]
    for line in said:
        if not any(re.match(p.lstrip('?'), line) for p in patterns):
            return f'not known: {line}'
    for p in patterns:
        if not p.startswith('?') and not any(re.match(p, line) for line in said):
            return f'did not happen: {p}'
    return None


def alone(case, run):
    """What criu loses or refuses, it does by itself, too: so it is not crbpf that does."""
    try:
        run(case)
    except Failed as e:
        return f'criu alone: {e}'
    raise Failed('criu alone carries it: what LIMITS of interop.py lists is not of its doing')


def travel(case, name, way, run):
    """Runs a test by way of criu. Returns its text; an expected loss is no failure."""
    if way == ALONE:
        return alone(case, run)
    limits = [known for known in LIMITS.get(name, ()) if way in known['by']]
    try:
        text = run(case)
    except Failed as e:
        wrong = unexpected(case, limits, str(e))
        if wrong:
            raise Failed(f'{e}\n({wrong})' if limits else str(e)) from None
        return 'criu: ' + '; '.join(known['why'] for known in limits)
    if any(known['fails'] or [p for p in known['lost'] if not p.startswith('?')]
           for known in limits):
        raise Failed('it arrived whole: LIMITS of interop.py says otherwise')
    return text
