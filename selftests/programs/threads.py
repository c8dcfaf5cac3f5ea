# SPDX-License-Identifier: GPL-2.0-only
"""32 threads hammering futexes and atomics (threads.c), and a static program."""

import os

import subjects


def run(case, name):
    subjects.restored(case, os.path.join(case.settings.output, 'selftests', name))


def test_threads(case):
    run(case, 'threads')


def test_static(case):
    run(case, 'static_program')
