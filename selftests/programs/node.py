# SPDX-License-Identifier: GPL-2.0-only
"""node with timers, a promise chain, hashing in its thread pool, a worker and a child process."""

import json
import os
import shutil

from case import Failed, Skipped, read_file

SCRIPT = '''
const fs = require('fs'), crypto = require('crypto'), { spawn } = require('child_process');
const { Worker } = require('worker_threads');
const state = { ticks: 0, echoes: 0, hashes: 0, sums: 0, wrong: [] };
const child = spawn('cat', [], { stdio: ['pipe', 'pipe', 'inherit'] });
const worker = new Worker(`
    const { parentPort } = require('worker_threads');
    parentPort.on('message', n => {
        let sum = 0;
        for (let i = 0; i < n; i++) sum += i;
        parentPort.postMessage([n, sum]);
    });`, { eval: true });
let text = '', sent = '';

child.stdout.on('data', data => {
    text += data;
    if (text.length < sent.length) return;
    if (text !== sent) state.wrong.push(`echo ${text} for ${sent}`);
    state.echoes++;
    text = '';
    say();
});
function say() { child.stdin.write(sent = `line ${state.echoes}\\n`); }
say();

const key = crypto.pbkdf2Sync('secret', 'salt', 500, 32, 'sha256').toString('hex');
function hash() {
    crypto.pbkdf2('secret', 'salt', 500, 32, 'sha256', (error, found) => {
        if (error || found.toString('hex') !== key) state.wrong.push(`hash ${error || found}`);
        state.hashes++;
        setTimeout(hash, 1);
    });
}
hash();

worker.on('message', ([n, sum]) => {
    if (sum !== n * (n - 1) / 2) state.wrong.push(`sum ${sum} of ${n}`);
    state.sums++;
    worker.postMessage(1000 + state.sums % 5000);
});
worker.postMessage(1000);

setInterval(() => {
    state.ticks++;
    fs.writeFileSync('state.new', JSON.stringify(state));
    fs.renameSync('state.new', 'state');
    if (!fs.existsSync('go')) return;
    child.on('exit', code => process.exit(state.wrong.length ? 1 : code));
    child.stdin.end();
}, 10);
'''


def test_node(case):
    if not shutil.which('node'):
        raise Skipped('needs node: tools/install-deps test')
    with open(os.path.join(case.work, 'script.js'), 'w') as f:
        f.write(SCRIPT)
    errors = case.path('errors')

    def state():
        return json.loads(read_file(os.path.join(case.work, 'state')) or '{}')

    def counts():
        now = state()
        return [now.get(k, 0) for k in ('ticks', 'echoes', 'hashes', 'sums')]

    pid = case.spawn(['node', 'script.js'], stdout=errors)
    case.cycle_counting(pid, counts, errors)
    with open(os.path.join(case.work, 'go'), 'w'):
        pass
    status = case.wait(pid, 60)
    if status or state()['wrong']:
        raise Failed(f'it ended with {status}: {state()} {read_file(errors)}')
