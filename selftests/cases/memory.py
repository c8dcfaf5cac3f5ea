# SPDX-License-Identifier: GPL-2.0-only
"""Memory that needs a preparation, and what must not be stored."""

import os
import tempfile

import leftovers
import subjects
from case import Failed, Skipped, is_running, read_file, status_field

HUGE = '/proc/sys/vm/nr_hugepages'


def with_huge_pages(case, way, name='hugetlb'):
    before = read_file(HUGE).strip()
    if not before:
        raise Skipped('needs huge pages')
    leftovers.keep_number(case, HUGE)
    with open(HUGE, 'w') as f:
        f.write(str(int(before) + 16))
    if int(read_file(HUGE)) < int(before) + 16:
        raise Skipped('no 16 huge pages could be had')
    way(case, os.path.join(case.settings.output, 'selftests', name))


def test_hugetlb(case):
    with_huge_pages(case, subjects.restored)


def test_hugetlb_left_running(case):
    with_huge_pages(case, subjects.left_running)


def test_memfd(case):
    """Mapped and unmapped: without such pages to be had the subject leaves that out."""
    with_huge_pages(case, subjects.restored, 'memfd_modes')
    if not os.path.exists(os.path.join(case.work, 'huge')):
        raise Failed('it mapped no huge page')


test_hugetlb.alone = test_hugetlb_left_running.alone = test_memfd.alone = True


def test_zero_and_clean_pages(case):
    """Zeroed anonymous pages and clean pages of files are not stored."""
    library = os.path.join(case.work, 'big')
    with open(library, 'wb') as f:
        f.write(os.urandom(16 << 20))
    script = f'''
import mmap, time
zero = mmap.mmap(-1, 64 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for i in range(0, 64 << 20, 4096): zero[i] = 0
f = open({library!r}, "r+b")
clean = mmap.mmap(f.fileno(), 0, flags=mmap.MAP_PRIVATE)
shared = mmap.mmap(f.fileno(), 0)
n = sum(clean[i] + shared[i] for i in range(0, 16 << 20, 4096))
f.close()
del f
open("up", "w").close()
while True: time.sleep(0.01)
'''
    pid = case.spawn(['python3', '-c', script])
    case.await_true(lambda: os.path.exists(os.path.join(case.work, 'up')), 30, 'the program')
    resident = int(status_field(pid, 'VmRSS').split()[0])
    if resident < 90000:
        raise Failed(f'only {resident} KiB are resident')
    images = case.dump(pid)
    size = sum(os.path.getsize(os.path.join(images, n)) for n in os.listdir(images))
    if size > 16 << 20:
        raise Failed(f'the images have {size >> 10} KiB')
    case.restore(images)
    if not is_running(pid):
        raise Failed('it does not run')
    return f'{size >> 10} KiB of images for {resident} KiB'


def test_large_on_tmpfs(case):
    """There several threads store pages in two ways, which must not get into each other's way."""
    directory = tempfile.mkdtemp(prefix='crbpf-test.', dir='/dev/shm')
    leftovers.remove_later(case, directory)
    subject = os.path.join(case.settings.output, 'selftests/mem_large')
    pid, options = subjects.start(case, subject)
    for n in range(2):
        images = os.path.join(directory, str(n))
        os.mkdir(images)
        case.dump(pid, '--leave-running', *options, images=images)
        case.must([*case.settings.crbpf, 'verify', images])
    images = os.path.join(directory, 'last')
    os.mkdir(images)
    case.dump(pid, *options, images=images)
    case.restore(images, *options)
    subjects.finish(case, pid)
