// SPDX-License-Identifier: GPL-2.0-only
#include "dump/freezer-tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "lib/log.h"

int task_status_read(pid_t pid, pid_t tid, struct task_status *ret)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[64], line[256];
	bool has_memory = false;

	*ret = (struct task_status){ 0 };
	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", pid, tid);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		sscanf(line, "State: %c", &ret->state);
		sscanf(line, "Tgid: %d", &ret->tgid);
		sscanf(line, "PPid: %d", &ret->ppid);
		sscanf(line, "TracerPid: %d", &ret->tracer);
		has_memory |= !strncmp(line, "VmSize:", 7);
	}
	if (ferror(file) || !ret->state)
		return -ESRCH;
	ret->is_kernel_thread = !has_memory && ret->state != 'Z' && ret->state != 'X';
	return 0;
}

int freezer_add_process(struct freezer *f, pid_t pid, pid_t parent, struct error *err)
{
	struct frozen_process *p;
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	/* EINVAL: it is being reaped, and its number no longer that of a process */
	if (pidfd < 0 && (errno == ESRCH || errno == EINVAL))
		return -ESRCH;
	if (pidfd < 0)
		return fail(err, errno, "process %d: cannot open it", pid);
	p = array_add(f->processes, f->n_processes);
	if (!p || ids_set(&f->process_index, (uint64_t)pid, (uint32_t)f->n_processes)) {
		close(pidfd);
		f->n_processes -= p != NULL;
		return fail(err, ENOMEM, "cannot remember process %d", pid);
	}
	*p = (struct frozen_process){ .pid = pid, .parent = parent, .pidfd = pidfd, .pass = f->pass };
	return 0;
}

int freezer_ignore(struct freezer *f, pid_t pid)
{
	return ids_set(&f->ignored, (uint64_t)pid, 1);
}

/* Why PTRACE_SEIZE said EPERM. A zombie is none of these reasons. */
static int explain_refusal(struct freezer *f, struct frozen_process *p, pid_t tid,
			   struct error *err)
{
	struct task_status status;

	if (task_status_read(p->pid, tid, &status))
		return 0;
	if (status.state == 'Z' || status.state == 'X') {
		if (tid == p->pid)
			p->leader_is_dead = true;
		return 0;
	}
	if (status.tracer) {
		fail(err, 0, "process %d: is traced by process %d", p->pid, status.tracer);
		return fail_hint(err, "end the debugger, or let it detach");
	}
	if (status.is_kernel_thread)
		return fail(err, 0, "process %d: is a kernel thread", p->pid);
	fail(err, EPERM, "process %d: must not be traced", p->pid);
	return fail_hint(err, "run as root, or with CAP_SYS_PTRACE");
}

int freezer_seize(struct freezer *f, struct frozen_process *p, pid_t tid, struct error *err)
{
	struct frozen_task *task;

	if (ptrace(PTRACE_SEIZE, tid, NULL, (void *)PTRACE_O_TRACESYSGOOD) < 0)
		return errno == EPERM ? explain_refusal(f, p, tid, err) :
		       errno == ESRCH ? 0 :
					fail(err, errno, "process %d: cannot seize it", p->pid);
	task = array_add(f->tasks, f->n_tasks);
	if (!task || ids_set(&f->task_index, (uint64_t)tid, (uint32_t)f->n_tasks)) {
		f->n_tasks -= task != NULL;
		return fail(err, ENOMEM, "cannot remember thread %d", tid);
	}
	*task = (struct frozen_task){ .tid = tid, .pid = p->pid, .state = FROZEN_SEIZED };
	f->n_running++;
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0 && errno != ESRCH)
		return fail(err, errno, "process %d: cannot interrupt it", p->pid);
	return 0;
}

/* Reads a whole file of /proc as text, into f->text. Returns its length or -errno. */
static ssize_t read_text(struct freezer *f, const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t length = 0;

	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t n;

		if (f->text_room - length < 2) {
			char *text = realloc(f->text, f->text_room ? f->text_room * 2 : 4096);

			if (!text)
				return -ENOMEM;
			f->text = text;
			f->text_room = f->text_room ? f->text_room * 2 : 4096;
		}
		n = read(fd, f->text + length, f->text_room - length - 1);
		if (n < 0)
			return -errno;
		length += (size_t)n;
		f->text[length] = 0;
		if (!n)
			return (ssize_t)length;
	}
}

/* The children of one thread: new ones are remembered, known ones marked as met. */
static int scan_children(struct freezer *f, pid_t pid, pid_t tid, bool *ret_changed,
			 struct error *err)
{
	char path[64], *at;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, tid);
	n = read_text(f, path);
	if (n < 0) {
		*ret_changed = true;
		return n == -ENOENT || n == -ESRCH ?
			       0 :
			       fail(err, (int)n, "process %d: cannot read its children", pid);
	}
	for (at = f->text; *at;) {
		pid_t child = (pid_t)strtol(at, &at, 10);
		uint32_t known = ids_get(&f->process_index, (uint64_t)child);
		struct frozen_process *p = known ? &f->processes[known - 1] : NULL;
		int ret;

		at += strspn(at, " \n");
		if (ids_get(&f->ignored, (uint64_t)child))
			continue;
		if (p && p->pidfd >= 0) {
			p->pass = f->pass;
			continue;
		}
		*ret_changed = true;
		ret = freezer_add_process(f, child, pid, err);
		if (ret && ret != -ESRCH)
			return ret;
	}
	return 0;
}

/* The threads of a process, and the children of each. */
static int scan_process(struct freezer *f, size_t position, bool *ret_changed, struct error *err)
{
	pid_t pid = f->processes[position].pid;
	char path[64];
	struct dirent *entry;
	int ret = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	/* ENOENT: has ended; ESRCH: ends right now. The next pass does not meet it. */
	if (!dir && errno != ENOENT && errno != ESRCH)
		return fail(err, errno, "process %d: cannot list its threads", pid);
	if (!dir && !position)
		return fail(err, ESRCH, "process %d has ended meanwhile", pid);
	*ret_changed |= !dir;
	while (dir && !ret && (entry = readdir(dir))) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);
		uint32_t known = tid > 0 ? ids_get(&f->task_index, (uint64_t)tid) : 0;

		if (tid <= 0)
			continue;
		if ((!known || f->tasks[known - 1].state == FROZEN_GONE) &&
		    !(tid == pid && f->processes[position].leader_is_dead)) {
			*ret_changed = true;
			ret = freezer_seize(f, &f->processes[position], tid, err);
		}
		if (!ret)
			ret = scan_children(f, pid, tid, ret_changed, err);
	}
	if (dir)
		closedir(dir);
	return ret;
}

/* Lets go of processes that this pass did not meet: reaped, or given to a parent outside the tree. */
static void drop_lost(struct freezer *f, bool *ret_changed)
{
	for (size_t i = 0; i < f->n_tasks; i++) {
		uint32_t known = ids_get(&f->process_index, (uint64_t)f->tasks[i].pid);

		if (f->tasks[i].state != FROZEN_GONE && f->processes[known - 1].pass != f->pass)
			freezer_release(f, &f->tasks[i]);
	}
	for (size_t i = 1; i < f->n_processes; i++) {
		struct frozen_process *p = &f->processes[i];

		if (p->pidfd < 0 || p->pass == f->pass)
			continue;
		log_debug(f->log, "process %d has left the tree", p->pid);
		close(p->pidfd);
		p->pidfd = -1;
		*ret_changed = true;
	}
}

int freezer_scan(struct freezer *f, bool *ret_changed, struct error *err)
{
	int ret = 0;

	*ret_changed = false;
	f->pass++;
	f->processes[0].pass = f->pass;
	/* The list grows while it is walked: children are found after their parents. */
	for (size_t i = 0; i < f->n_processes && !ret; i++)
		if (f->processes[i].pidfd >= 0 && f->processes[i].pass == f->pass)
			ret = scan_process(f, i, ret_changed, err);
	if (!ret)
		drop_lost(f, ret_changed);
	return ret;
}
