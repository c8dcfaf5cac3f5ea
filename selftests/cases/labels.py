# SPDX-License-Identifier: GPL-2.0-only
"""Security labels: what is confined is refused, what would be confined by the restore is told."""

import json
import os

import verdict
from case import Failed, Skipped, read_file

NAMESPACES = '/sys/kernel/security/apparmor/policy/namespaces'


def become(label):
    """What Case.spawn is to do: takes another label, that of an empty AppArmor namespace."""
    def change():
        with open('/proc/self/attr/current', 'w') as f:
            f.write(f'changeprofile {label}')
    return change


WISH = '''
import time
try:
    with open("/proc/self/attr/exec", "w") as f:
        f.write("exec unconfined")
except OSError:
    pass
time.sleep(1000)
'''


def test_wish(case):
    """A label that was asked for and not given yet."""
    if not read_file('/proc/self/attr/current').startswith('unconfined'):
        raise Skipped('needs AppArmor, unconfined')
    pid = case.start(['python3', '-c', WISH])
    asked = f'/proc/{pid}/attr/exec'
    if not case.await_true(lambda: read_file(asked).strip()):
        raise Skipped('AppArmor does not tell what was asked for')
    status, _, err = case.run([*case.dumper, 'dump', '-t', str(pid), '-D', case.new_images()])
    if status != 1 or 'attr/exec' not in err:
        raise Failed(f'dump ended with {status}: {err}')
    verdict.must_agree(case, pid, err)


def test_apparmor(case):
    if not read_file('/proc/self/attr/current').startswith('unconfined'):
        raise Skipped('needs AppArmor, unconfined')
    name = f'crbpf-test-{os.getpid()}'
    path = os.path.join(NAMESPACES, name)
    try:
        os.mkdir(path)
    except OSError as e:
        raise Skipped(f'no AppArmor namespace can be made: {e}') from None
    try:
        label = f':{name}:unconfined'
        plain, other = case.start(['sleep', '100']), case.start(['sleep', '100'], before=become(label))
        verdict.must_be_clean(case, plain)
        status, _, err = case.run([*case.dumper, 'dump', '-t', str(other), '-D', case.new_images()])
        if status != 1 or 'security label' not in err or name not in err:
            raise Failed(f'dump ended with {status}: {err}')
        verdict.must_agree(case, other, err)
        # crbpf itself under a label, and its tree without
        out = case.run([*case.dumper, 'scan', '--json', '--pid', str(plain)], before=become(label))[1]
        tree, = json.loads(out)['trees']
        told = [o for o in tree['obstacles'] if o['kind'] == 'security label']
        if len(told) != 1:
            raise Failed(f'{tree["obstacles"]}')
        return told[0]['line']
    finally:
        case.kill_all()
        os.rmdir(path)
