# SPDX-License-Identifier: GPL-2.0-only
"""A Java virtual machine with its compiler and collector threads, timers, locks and a child."""

import os
import shutil

from case import Failed, Skipped, read_file

SHELL = '/usr/share/java/bsh.jar'
# BeanShell, since a runtime alone has no compiler.
SCRIPT = '''
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;

AtomicLong sums = new AtomicLong(), ticks = new AtomicLong(), echoes = new AtomicLong();
List wrong = Collections.synchronizedList(new ArrayList());
ConcurrentHashMap map = new ConcurrentHashMap();
volatile boolean done = false;

for (int t = 0; t < 4; t++) {
    final int own = t;
    new Thread(new Runnable() { public void run() {
        for (int n = 1; !done; n = n % 200 + 1) {
            long sum = 0;
            byte[][] garbage = new byte[n][];
            for (int i = 0; i < n; i++) { sum += i; garbage[i] = new byte[512]; }
            if (sum != (long) n * (n - 1) / 2) wrong.add("sum of " + n + ": " + sum);
            map.put(own + "/" + n, sum);
            sums.incrementAndGet();
        }
    } }).start();
}
ScheduledExecutorService timer = Executors.newScheduledThreadPool(1);
timer.scheduleAtFixedRate(new Runnable() { public void run() { ticks.incrementAndGet(); } }, 5, 5,
    TimeUnit.MILLISECONDS);

Process child = new ProcessBuilder(new String[] {"cat"}).start();
BufferedReader answers = new BufferedReader(new InputStreamReader(child.getInputStream()));
OutputStream questions = child.getOutputStream();
while (!new File("go").exists()) {
    String line = "line " + echoes;
    questions.write((line + "\\n").getBytes());
    questions.flush();
    String answer = answers.readLine();
    if (!line.equals(answer)) wrong.add(answer + " for " + line);
    echoes.incrementAndGet();
    File fresh = new File("state.new");
    FileWriter writer = new FileWriter(fresh);
    writer.write(ticks + " " + sums + " " + echoes + " " + wrong.size() + "\\n");
    writer.close();
    fresh.renameTo(new File("state"));
    Thread.sleep(5);
}
done = true;
questions.close();
timer.shutdown();
System.gc();
print(wrong);
System.exit(wrong.isEmpty() ? child.waitFor() : 1);
'''


def test_jvm(case):
    if not shutil.which('java') or not os.path.exists(SHELL):
        raise Skipped('needs java and bsh: tools/install-deps test')
    with open(os.path.join(case.work, 'script.bsh'), 'w') as f:
        f.write(SCRIPT)
    errors = case.path('errors')

    def state():
        return [int(n) for n in read_file(os.path.join(case.work, 'state')).split()] or [0] * 4

    pid = case.spawn(['java', '-Xmx128m', '-cp', SHELL, 'bsh.Interpreter', 'script.bsh'],
                     stdout=errors)
    case.cycle_counting(pid, lambda: state()[:3], errors)
    with open(os.path.join(case.work, 'go'), 'w'):
        pass
    status = case.wait(pid, 60)
    if status or state()[3]:
        raise Failed(f'it ended with {status}: {state()} {read_file(errors)}')
