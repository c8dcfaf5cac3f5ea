# SPDX-License-Identifier: GPL-2.0-only
"""Completion: every option of every command, in every shell; and the manual pages."""

import glob
import os
import re
import shutil

from case import Failed, Skipped, read_file

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def commands(case):
    """Name of each command: its long options, each with the letter or ''."""
    usage = case.must([*case.settings.crbpf, '--help'])
    found = {}
    for name in re.findall(r'^  (\w[\w-]*)  ', usage, re.M):
        text = case.must([*case.settings.crbpf, name, '--help'])
        found[name] = re.findall(r'^  (?:-(\w), |    )--([\w-]+)', text, re.M)
        if not {'help'} <= {long for _, long in found[name]}:
            raise Failed(f'{name} --help: {text}')
    return found


def script(case, shell):
    path = case.path('completion.' + shell)
    with open(path, 'w') as f:
        f.write(case.must([*case.settings.crbpf, 'completion', shell]))
    return path


def needs(program, package):
    if not shutil.which(program):
        raise Skipped(f'no {program} (of {package}) to ask: only read')


def bash_completes(case, path, *words):
    """What bash would offer for the last word."""
    program = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _crbpf; '
               'printf "%s\\n" "${COMPREPLY[@]}"')
    return case.must(['bash', '-c', program, 'bash', path, 'crbpf', *words]).split('\n')


def test_bash(case):
    path = script(case, 'bash')
    every = commands(case)
    offered = bash_completes(case, path, '')
    if not set(every) <= set(offered):
        raise Failed(f'commands: {offered}')
    count = 0
    for name, options in every.items():
        offered = bash_completes(case, path, name, '-')
        for letter, long in options:
            if f'--{long}' not in offered or (letter and f'-{letter}' not in offered):
                raise Failed(f'{name}: no --{long} {letter} in {offered}')
            count += 1
    if 'nftables' not in bash_completes(case, path, 'check', '--feature', 'nft'):
        raise Failed('no names of features')
    if 'nftables' not in bash_completes(case, path, 'check', '--feature', '=', 'nft'):
        raise Failed('no names of features after =')
    if str(os.getpid()) not in bash_completes(case, path, 'dump', '-t', ''):
        raise Failed('no processes')
    os.mkdir(case.path('a directory'))
    got = bash_completes(case, path, 'restore', '--images-dir', case.path('a d'))
    if case.path('a directory') not in got:
        raise Failed(f'no directory: {got}')
    if path not in bash_completes(case, path, 'show', path[:-2]):
        raise Failed('no file')
    return f'{count} options of {len(every)} commands'


def test_zsh(case):
    path = script(case, 'zsh')
    text = read_file(path)
    for name, options in commands(case).items():
        part = re.search(rf'^\t{name}\)\n(.*?);;$', text, re.M | re.S)
        if not part or f"'{name}:" not in text:
            raise Failed(f'{name} is not there')
        for letter, long in options:
            wanted = rf'\{{-{letter}\+?,--{long}=?\}}' if letter else rf"'--{long}=?'\["
            if not re.search(wanted, part[1]):
                raise Failed(f'{name}: no --{long} {letter}')
    needs('zsh', 'zsh')
    case.must(['zsh', '-n', path])


def test_fish(case):
    path = script(case, 'fish')
    text = read_file(path)
    for name, options in commands(case).items():
        if f'-n __fish_use_subcommand -a {name} ' not in text:
            raise Failed(f'{name} is not there')
        for letter, long in options:
            wanted = (rf"from {name}' -l {long}" + (f' -s {letter}' if letter else '') + ' ')
            if wanted not in text:
                raise Failed(f'{name}: no --{long} {letter}')
    needs('fish', 'fish')
    case.must(['fish', '--no-config', '-n', path])
    offered = case.must(['fish', '--no-config', '-c', f'source {path}; complete -C "crbpf check --"'])
    if '--feature' not in offered or '--json' not in offered:
        raise Failed(f'check: {offered}')


def test_other_shells(case):
    for arguments in [], ['tcsh'], ['bash', 'zsh']:
        status, out, err = case.run([*case.settings.crbpf, 'completion', *arguments])
        if status != 1 or out or not err.startswith('crbpf: completion: '):
            raise Failed(f'{arguments}: {status} {out} {err}')


def test_manual(case):
    """A page for each command, which names each of its options; man has nothing against it."""
    if not os.path.isdir(os.path.join(TOP, 'man')):
        raise Skipped('no sources here')
    missing = []
    for name, options in commands(case).items():
        path = os.path.join(TOP, 'man', f'crbpf-{name}.8')
        text = read_file(path).replace('\\-', '-')
        if not text:
            missing.append(f'man/crbpf-{name}.8')
        missing += [f'{name} --{long}' for _, long in options if text and f'--{long}' not in text]
        if f'crbpf\\-{name} (8)' not in read_file(os.path.join(TOP, 'man/crbpf.8')):
            missing.append(f'{name} in man/crbpf.8')
    if missing:
        raise Failed('not in the manual: ' + ', '.join(missing))
    needs('man', 'man-db')
    env = dict(os.environ, LC_ALL='C.UTF-8', MANROFFSEQ='')
    for path in glob.glob(os.path.join(TOP, 'man/*.8')):
        _, _, err = case.run(['man', '--warnings', '-l', path], env=env)
        if err:
            raise Failed(f'{path}: {err}')


def test_install(case):
    """make install puts everything where it is looked for."""
    if not os.path.exists(os.path.join(TOP, 'Makefile')) or not shutil.which('make'):
        raise Skipped('no sources here')
    dest = case.path('dest')
    rules = case.must(['make', '-C', TOP, f'O={case.settings.output}', f'DESTDIR={dest}', 'PREFIX=/usr',
                       '-n', 'install'])
    for path in ('sbin/crbpf', 'share/bash-completion/completions/crbpf',
                 'share/zsh/site-functions/_crbpf', 'share/fish/vendor_completions.d/crbpf.fish',
                 'share/man/man8/'):
        if f'{dest}/usr/{path}' not in rules:
            raise Failed(f'{path} is not installed')
