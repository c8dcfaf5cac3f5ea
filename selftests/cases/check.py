# SPDX-License-Identifier: GPL-2.0-only
"""crbpf check: what it says of this system, of others, and to those without privilege."""

import json
import os
import re
import time

import schema
from case import Failed, Skipped, descendants, read_file

# CRIU 4.2's names for --feature.
CRIU = '''mnt_id mem_dirty_track aio_remap timerfd tun tun_ns userns fdinfo_lock seccomp_suspend
    seccomp_filters loginuid cgroupns autofs tcp_half_closed compat_cr uffd uffd-noncoop
    can_map_vdso sk_ns sk_unix_file net_diag_raw nsid link_nsid kcmp_epoll timens external_net_ns
    clone3_set_tid newifindex nftables has_ipt_legacy pidfd_store ns_pid apparmor_stacking
    network_lock_nftables sockopt_buf_lock memfd_hugetlb move_mount_set_group openat2
    get_rseq_conf ipv6_freebind pagemap_scan timer_cr_ids overlayfs_maps breakpoints
    pagemap_scan_guard_pages lazy_pages kcmp membarrier_get_registrations'''.split()

# Everything that a distribution's kernel, or a package, may lack.
LACKING = '''btf no
nftables no Error: Could not process rule: No such file or directory
pagemap_scan no
lockdown no confidentiality: BPF programs may not read the kernel
'''

SYSTEMS = {
    'fedora-iot': {
        'files': {
            'etc/os-release': 'NAME="Fedora Linux"\nID=fedora\nVERSION_ID=41\nVARIANT_ID=iot\n'
                              'PRETTY_NAME="Fedora Linux 41.20250101.0 (IoT Edition)"\n'
                              "OSTREE_VERSION='41.20250101.0'\n",
            'run/ostree-booted': '',
            'proc/sys/kernel/osrelease': '6.12.9-200.fc41.aarch64\n',
            'proc/sys/kernel/arch': 'aarch64\n'},
        'packages': 'rpm-ostree',
        'btf': 'rpm-ostree upgrade && systemctl reboot (for CONFIG_DEBUG_INFO_BTF)',
        'nftables': 'rpm-ostree install kernel-modules-extra && systemctl reboot',
        'pagemap_scan': 'rpm-ostree upgrade && systemctl reboot',
        'lockdown': 'rpm-ostree kargs --append=lockdown=integrity && systemctl reboot',
        'never': 'dnf|apt'},
    'silverblue': {         # told by its variant alone
        'files': {'usr/lib/os-release': 'ID=fedora\nVERSION_ID=41\nVARIANT_ID=silverblue\n'
                                        'PRETTY_NAME="Fedora Linux 41 (Silverblue)"\n'},
        'packages': 'rpm-ostree', 'nftables': 'rpm-ostree install', 'never': 'dnf|apt'},
    'fedora': {
        'files': {'etc/os-release': 'ID=fedora\nVERSION_ID=41\nVARIANT_ID=workstation\n'
                                    'PRETTY_NAME="Fedora Linux 41 (Workstation Edition)"\n'},
        'packages': 'dnf',
        'btf': 'dnf upgrade kernel && systemctl reboot',
        'nftables': 'dnf install kernel-modules kernel-modules-extra && systemctl reboot',
        'lockdown': 'grubby --update-kernel=ALL --args=lockdown=integrity',
        'never': 'ostree|apt'},
    'rocky': {              # like RHEL
        'files': {'etc/os-release': 'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.5"\n'
                                    'PRETTY_NAME="Rocky Linux 9.5 (Blue Onyx)"\n'},
        'packages': 'dnf', 'btf': 'dnf upgrade kernel', 'never': 'ostree|apt'},
    'debian': {
        'files': {'etc/os-release': 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n'
                                    'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
                  'proc/sys/kernel/osrelease': '6.1.0-30-amd64\n',
                  'proc/sys/kernel/arch': 'x86_64\n'},
        'packages': 'apt',
        'btf': 'apt install linux-image-amd64 && systemctl reboot',
        'pagemap_scan': 'apt install -t bookworm-backports linux-image-amd64 && '
                        'systemctl reboot (for CONFIG_PROC_PAGE_MONITOR, Linux 6.7 or later)',
        'lockdown': '/etc/default/grub, then update-grub',
        'never': 'ostree|dnf'},
    'raspberry-pi-os': {
        'files': {'etc/os-release': 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n'
                                    'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
                  'etc/rpi-issue': 'Raspberry Pi reference 2024-11-19\n',
                  'proc/sys/kernel/osrelease': '6.6.51+rpt-rpi-2712\n',
                  'proc/sys/kernel/arch': 'aarch64\n'},
        'packages': 'apt',
        'btf': 'apt install linux-image-rpi-2712 && systemctl reboot',
        'pagemap_scan': 'apt install linux-image-rpi-2712 && systemctl reboot',
        'lockdown': '/boot/firmware/cmdline.txt',
        'never': 'ostree|dnf|backports|grub|linux-image-arm64'},
    'ubuntu': {
        'files': {'etc/os-release': 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n'
                                    'VERSION_CODENAME=noble\nPRETTY_NAME="Ubuntu 24.04.1 LTS"\n',
                  'proc/sys/kernel/osrelease': '6.8.0-51-generic\n'},
        'packages': 'apt',
        'btf': 'apt install linux-generic-hwe-24.04 && systemctl reboot',
        'nftables': 'apt install linux-modules-extra-6.8.0-51-generic',
        'never': 'ostree|dnf|backports'},
    'unknown': {
        'files': {'etc/os-release': 'ID=arch\nPRETTY_NAME="Arch Linux"\n'},
        'packages': 'other',
        'btf': 'a kernel with CONFIG_DEBUG_INFO_BTF',
        'lockdown': 'start the kernel with the parameter lockdown=integrity',
        'never': 'ostree|dnf|apt '},
}


def check(case, *options, command=()):
    """Exit status and document of check --json."""
    status, out, err = case.run([*command, *case.settings.crbpf, 'check', '--json', *options])
    if status not in (0, 1) or err:
        raise Failed(f'exit status {status}: {err}')
    document = json.loads(out)
    wrong = schema.problems(document, schema.load('check.json'))
    if wrong:
        raise Failed('\n'.join(wrong))
    if document['verdict'] and document['verdict']['usable'] != (status == 0):
        raise Failed(f'exit status {status}, but the verdict is {document["verdict"]}')
    return status, document


def by_name(document):
    return {c['name']: c for c in document['checks']}


def unprivileged(*capabilities):
    """A command line that runs another as nobody, with some capabilities."""
    sets = ','.join(f'+{c}' for c in capabilities)
    return ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups',
            *(['--inh-caps', sets, '--ambient-caps', sets] if capabilities else [])]


def sysroot(case, name, answers=LACKING):
    root = case.path('root-' + name)
    for path, text in {**SYSTEMS[name]['files'], 'answers': answers}.items():
        path = os.path.join(root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as f:
            f.write(text)
    return root


def test_here(case):
    """Where the other tests pass, all that is required is there."""
    status, document = check(case)
    missing = [c['name'] for c in document['checks']
               if c['need'] == 'required' and c['state'] != 'yes']
    if status or missing:
        raise Failed(f'not there: {missing}')
    answers = by_name(document)
    if answers['page_size']['detail'] != f'{os.sysconf("SC_PAGESIZE")} bytes':
        raise Failed(f'page size: {answers["page_size"]}')
    if os.uname().release not in answers['kernel']['detail']:
        raise Failed(f'kernel: {answers["kernel"]}')
    for number, name in ((21, 'sys_admin'), (24, 'sys_resource'), (39, 'bpf')):
        effective = int(re.search(r'CapEff:\s*(\w+)', read_file('/proc/self/status'))[1], 16)
        if (answers['cap_' + name]['state'] == 'yes') != bool(effective >> number & 1):
            raise Failed(f'{answers["cap_" + name]}')
    return document['verdict']['text']


def test_unprivileged(case):
    """What needs privilege cannot be told; that is not a no, and nothing is called usable."""
    status, document = check(case, command=unprivileged())
    answers = by_name(document)
    if status != 1:
        raise Failed('usable without any privilege')
    for name in 'programs', 'iter_task', 'clone3_set_tid', 'map_files', 'seccomp_filters':
        if answers[name]['state'] != 'unknown' or 'cannot tell without CAP_' not in answers[name]['detail']:
            raise Failed(f'{answers[name]}')
    for name in 'ptrace_seize', 'btf', 'memfd', 'pagemap':
        if answers[name]['state'] != 'yes':
            raise Failed(f'{answers[name]}')
    if answers['cap_bpf']['state'] != 'no' or 'root' not in answers['cap_bpf']['remedy']:
        raise Failed(f'{answers["cap_bpf"]}')
    # What root is told is there must not be missing for others.
    there = by_name(check(case)[1])
    wrong = [n for n, a in answers.items() if a['state'] == 'no' and there[n]['state'] == 'yes'
             and a['group'] != 'caller']
    if wrong:
        raise Failed(f'a no that root is not given: {[answers[n] for n in wrong]}')


def test_some_capabilities(case):
    """CAP_BPF and CAP_PERFMON: the programs load."""
    answers = by_name(check(case, command=unprivileged('bpf', 'perfmon'))[1])
    for name in 'programs', 'iter_task', 'iter_task_file', 'iter_task_vma', 'ring_buffer':
        if answers[name]['state'] != 'yes':
            raise Failed(f'{answers[name]}')
    if answers['seccomp_filters']['state'] != 'unknown':
        raise Failed(f'{answers["seccomp_filters"]}')


def test_user_namespace(case):
    """Root of a user namespace has every capability, and they count for nothing."""
    status, _, err = case.run(['unshare', '-Ur', 'true'])
    if status:
        raise Skipped(f'needs user namespaces: {err.strip()}')
    answers = by_name(check(case, command=['unshare', '-Ur'])[1])
    if answers['cap_bpf']['state'] != 'no' or answers['programs']['state'] != 'unknown':
        raise Failed(f'{answers["cap_bpf"]} {answers["programs"]}')


def test_bounding_set(case):
    """A capability that was taken away for good cannot be had by being root."""
    command = ['setpriv', '--bounding-set=-net_admin,-sys_chroot', '--inh-caps=-net_admin,-sys_chroot']
    answers = by_name(check(case, command=command)[1])
    for name in 'cap_net_admin', 'cap_sys_chroot':
        answer = answers[name]
        if (answer['state'] != 'no' or 'bounding' not in answer['detail']
                or '--cap-add' not in answer['remedy']):
            raise Failed(f'{answer}')
    if answers['tcp_repair']['state'] == 'no':
        raise Failed(f'no capability, and the kernel is blamed: {answers["tcp_repair"]}')


def test_features(case):
    """--feature NAME: own names, CRIU's, and the ways CRIU is called."""
    _, document = check(case)
    answers = by_name(document)
    aliases = {alias: c['name'] for c in document['checks'] for alias in c['criu']}
    listed = case.must([*case.settings.crbpf, 'check', '--feature', 'list']).split()
    if sorted(listed) != sorted(answers):
        raise Failed('`--feature list` and --json differ')
    # Each is a run of its own: where that takes long, some of them will do.
    for name in [*answers, *CRIU][::1 if case.settings.patience == 1 else 9]:
        if name not in answers and name not in aliases:
            raise Failed(f'{name} of CRIU is not known')
        expected = 0 if answers[aliases.get(name, name)]['state'] == 'yes' else 1
        status, _, err = case.run([*case.settings.crbpf, 'check', '--feature', name, '-verbosity=0',
                                   '--no-default-config', '--no-default-config', '-v0'])
        if status != expected or err:
            raise Failed(f'{name}: exit status {status}, not {expected}: {err}')
    for arguments, expected in ((['--feature', 'nosuch'], 2), (['--feature', 'btf', '--feature', '1'], 2),
                                (['--feature=btf', '--feature=programs'], 0), (['--feature'], 2),
                                (['--feature', 'btf', '--feature', 'compat_cr'], 1),
                                (['--nosuch'], 2), (['stray'], 2), (['--help'], 0)):
        status, _, err = case.run([*case.settings.crbpf, 'check', *arguments])
        if status != expected or (status == 2) != err.startswith('crbpf: check: '):
            raise Failed(f'check {arguments}: exit status {status}, not {expected}: {err}')
    return f'{len(answers)} names and {len(aliases)} of CRIU'


test_features.seconds = 300


def test_remedies(case):
    """In the words of every distribution; no line of any ever names iptables."""
    names = case.must([*case.settings.crbpf, 'check', '--feature', 'list']).split()
    for name, system in SYSTEMS.items():
        root = sysroot(case, name, LACKING + ''.join(f'{n} yes\n' for n in names))
        status, document = check(case, '--sysroot', root)
        answers = by_name(document)
        if status != 1 or document['system']['packages'] != system['packages']:
            raise Failed(f'{name}: status {status}, {document["system"]}')
        for probe in 'btf', 'nftables', 'pagemap_scan', 'lockdown':
            remedy = answers[probe]['remedy'] or ''
            if system.get(probe, '') not in remedy or not remedy:
                raise Failed(f'{name}: {probe}: `{remedy}`, not `{system[probe]}`')
            if re.search(system['never'], remedy):
                raise Failed(f'{name}: {probe}: `{remedy}`')
        if 'btf' not in document['verdict']['missing']:
            raise Failed(f'{name}: {document["verdict"]}')
        text = case.run([*case.settings.crbpf, 'check', '--all', '--sysroot', root])[1]
        if 'iptables' in text.lower() or 'iptables' in json.dumps(document).lower():
            raise Failed(f'{name}: it names iptables')


def test_selinux(case):
    """A Fedora IoT board where SELinux is told to let nobody trace."""
    names = case.must([*case.settings.crbpf, 'check', '--feature', 'list']).split()
    others = ''.join(f'{n} yes\n' for n in names if n != 'selinux_ptrace')
    root = sysroot(case, 'fedora-iot', others)
    boolean = os.path.join(root, 'sys/fs/selinux/booleans/deny_ptrace')
    if by_name(check(case, '--sysroot', root)[1])['selinux_ptrace']['state'] != 'yes':
        raise Failed('without SELinux')
    os.makedirs(os.path.dirname(boolean))
    for setting, state, expected in ('0 0', 'yes', 0), ('1 1', 'no', 1):
        with open(boolean, 'w') as f:
            f.write(setting)
        status, document = check(case, '--sysroot', root)
        answer = by_name(document)['selinux_ptrace']
        if answer['state'] != state or status != expected:
            raise Failed(f'{setting}: exit status {status}, {answer}')
    if 'setsebool -P deny_ptrace off' not in answer['remedy']:
        raise Failed(f'{answer}')


def test_everything_missing(case):
    """Each probe's no has a reason to be one: what is lost, and mostly what to do."""
    names = case.must([*case.settings.crbpf, 'check', '--feature', 'list']).split()
    for system in 'fedora-iot', 'debian', 'raspberry-pi-os':
        root = sysroot(case, system, ''.join(f'{n} no\n' for n in names))
        for name, answer in by_name(check(case, '--sysroot', root)[1]).items():
            if answer['state'] != 'no':
                raise Failed(f'{name}: {answer["state"]}')
            if answer['need'] == 'feature' and not answer['lost']:
                raise Failed(f'{name}: nothing is lost')
            if answer['need'] in ('required', 'feature') and not answer['remedy']:
                raise Failed(f'{system}: {name}: no remedy')
            if 'iptables' in json.dumps(answer):
                raise Failed(f'{name}: it names iptables')


def test_verdicts(case):
    """The last line, one of three."""
    names = case.must([*case.settings.crbpf, 'check', '--feature', 'list']).split()
    all_there = ''.join(f'{n} yes\n' for n in names)
    for more, expected, line in (
            ('', 0, r'^crbpf is usable with everything it can do$'),
            ('nftables no\nbpffs no\n', 0, r'^crbpf is usable without bpffs, nftables$'),
            ('soft_dirty no\n', 0, r'^crbpf is usable with everything'),
            ('nftables unknown x\n', 0, r'^crbpf is usable, perhaps without nftables$'),
            ('btf no\nnftables no\n', 1, r'^crbpf is not usable because there is no btf$'),
            ('programs unknown cannot tell\n', 1,
             r'^crbpf is not usable because it cannot be told: programs$')):
        root = sysroot(case, 'debian', more + all_there)
        status, out, _ = case.run([*case.settings.crbpf, 'check', '--sysroot', root])
        if status != expected or not re.search(line, out.splitlines()[-1]):
            raise Failed(f'{more!r}: exit status {status}, {out.splitlines()[-1]!r}')


def test_layout(case):
    """80 columns, also when everything is missing; colours on a terminal only."""
    names = case.must([*case.settings.crbpf, 'check', '--feature', 'list']).split()
    root = sysroot(case, 'debian', ''.join(f'{n} no because of this and that, which is a long story\n'
                                           for n in names))
    for arguments in ['--all'], [], ['--all', '--sysroot', root], ['--sysroot', root]:
        _, out, err = case.run([*case.settings.crbpf, 'check', *arguments])
        long = [line for line in out.splitlines() if len(line) > 80]
        if long or err or '\033' in out:
            raise Failed(f'{arguments}: {long or err or "colours"}')
    shown = case.must(['script', '-qec', ' '.join([*case.settings.crbpf, 'check']), '/dev/null'])
    if '\033[32myes' not in shown:
        raise Failed('no colour on a terminal')


def traces():
    """What a probe might leave; mounts of its have the source `crbpf`."""
    def names(path):
        return sorted(os.listdir(path)) if os.path.isdir(path) else []
    mounts = read_file('/proc/self/mountinfo').splitlines()
    return {
        'mounts': sorted(line for line in mounts if ' - ' in line
                         and line.split(' - ')[1].split()[1] == 'crbpf'),
        'links': names('/sys/class/net'),
        'bpffs': names('/sys/fs/bpf'),
        'modules': sorted(line.split()[0] for line in read_file('/proc/modules').splitlines()),
    }


def test_leaves_nothing(case):
    """No process, mount, device or program stays behind, nor after it was killed in the middle."""
    check(case)                             # modules are loaded now
    before = traces()
    check(case)
    for delay in 0.01, 0.03, 0.1, 0.2:
        pid = case.spawn([*case.settings.crbpf, 'check', '--all'])
        time.sleep(delay)
        try:
            os.kill(pid, 9)
        except ProcessLookupError:
            pass
        case.wait(pid)
        # Their parent is this process now.
        case.await_true(lambda: not descendants(os.getpid()), 5, 'end of the probes')
    after = traces()
    if before != after:
        raise Failed(f'{before}\nbecame\n{after}')


test_leaves_nothing.alone = True
test_leaves_nothing.tries = 1           # else the second try would find what the first has left


def test_quick(case):
    """All of it in well under two seconds of an idle machine."""
    if case.settings.patience > 1:
        raise Skipped('run.py --patience: this machine is slow')
    took = []
    for _ in range(3):
        start = time.monotonic()
        case.must([*case.settings.crbpf, 'check', '--all'])
        took.append(time.monotonic() - start)
    if min(took) > 2:
        raise Failed(f'it takes {min(took):.1f} s')
    return f'{min(took) * 1000:.0f} ms'


test_quick.alone = True
