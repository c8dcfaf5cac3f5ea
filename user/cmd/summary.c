// SPDX-License-Identifier: GPL-2.0-only
#include "cmd/summary.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "cmd/describe.h"
#include "core.pb-c.h"
#include "fdinfo.pb-c.h"
#include "image/set.h"
#include "inventory.pb-c.h"
#include "lib/err.h"
#include "lib/log.h"
#include "mm.pb-c.h"
#include "pagemap.pb-c.h"
#include "pstree.pb-c.h"
#include "stats.pb-c.h"

enum { PAGE_PARENT = 1, PAGE_PRESENT = 4 };

struct memory {
	__u64 mapped; /* bytes of all mappings */
	__u64 saved;  /* bytes in the pages image */
	__u64 parent; /* bytes that an earlier checkpoint holds */
};

static struct memory count_memory(const struct image_set *set, const struct set_process *p)
{
	struct memory m = {0};

	for (size_t i = 0; p->mm && i < p->mm->n_vmas; i++)
		m.mapped += p->mm->vmas[i]->end - p->mm->vmas[i]->start;
	for (size_t i = 1; i < p->pagemap.n; i++) {
		const PagemapEntry *e = (const void *)p->pagemap.msgs[i];
		__u64 n = (e->has_nr_pages ? e->nr_pages : e->compat_nr_pages) * set->page_size;

		if ((e->has_flags && (e->flags & PAGE_PARENT)) || e->in_parent)
			m.parent += n;
		else if (!e->has_flags || (e->flags & PAGE_PRESENT))
			m.saved += n;
	}
	return m;
}

/* The time that the dump noted; of CRIU's images that of the file which it wrote last. */
static time_t time_of_dump(const struct image_set *set)
{
	char name[IMAGE_NAME_MAX];
	struct stat st;

	if (set->inventory && set->inventory->has_dump_realtime_ns)
		return (time_t)(set->inventory->dump_realtime_ns / 1000000000);
	image_name(name, IMAGE_INVENTORY, 0);
	return fstatat(image_dir_fd(set->dir), name, &st, 0) ? 0 : st.st_mtime;
}

static const char *machine(const struct image_set *set)
{
	const CoreEntry *core = set->n_processes ? set->processes[0].cores[0] : NULL;
	const ProtobufCEnumValue *value = NULL;

	if (core)
		value = protobuf_c_enum_descriptor_get_value(&core_entry__march__descriptor,
							     (int)core->mtype);
	return value ? value->name : "unknown machine";
}

static void print_head(FILE *out, const struct image_set *set, const char *path)
{
	const InventoryEntry *inventory = set->inventory;
	struct memory all = {0};
	time_t when = time_of_dump(set);
	char text[SIZE_TEXT], date[40];
	size_t n_threads = 0;
	struct tm tm;

	for (size_t i = 0; i < set->n_processes; i++) {
		struct memory one = count_memory(set, &set->processes[i]);

		all.saved += one.saved;
		all.parent += one.parent;
		n_threads += set->processes[i].pstree->n_threads;
	}
	fprintf(out, "%s: %zu process%s, %zu thread%s, %s of memory", path, set->n_processes,
		set->n_processes == 1 ? "" : "es", n_threads, n_threads == 1 ? "" : "s",
		size_text(text, all.saved));
	if (all.parent)
		fprintf(out, " (and %s in the parent)", size_text(text, all.parent));
	fputs("\n", out);
	if (!inventory) {
		fputs("  not finished: there is no inventory\n", out);
		return;
	}
	if (localtime_r(&when, &tm) && strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S %Z", &tm))
		fprintf(out, "  taken %s", date);
	if (inventory->crbpf_version)
		fprintf(out, " by crbpf %s", inventory->crbpf_version);
	fprintf(out, " on %s%s%s", inventory->kernel_release ? "Linux " : "",
		inventory->kernel_release ?: "", inventory->kernel_release ? ", " : "");
	fprintf(out, "%s, format %u\n", machine(set), inventory->img_version);
	if (set->stats && set->stats->dump)
		fprintf(out, "  frozen for %.3f s\n", set->stats->dump->frozen_time / 1e6);
}

static const struct set_process *parent_of(const struct image_set *set, const struct set_process *p)
{
	for (size_t i = 0; i < set->n_processes; i++)
		if (set->processes[i].pstree->pid == p->pstree->ppid && &set->processes[i] != p)
			return &set->processes[i];
	return NULL;
}

static unsigned int depth_of(const struct image_set *set, const struct set_process *p)
{
	unsigned int depth = 0;

	/* Parents in a wrong image may form a circle. */
	while (depth < 64 && (p = parent_of(set, p)))
		depth++;
	return depth;
}

/* What a process is doing if it is not simply alive. */
static void print_state(FILE *out, const TaskCoreEntry *tc)
{
	int status = (int)tc->exit_code;

	if (tc->task_state == 3)
		fprintf(out, " (stopped by %s)",
			strsignal(tc->has_stop_signo ? (int)tc->stop_signo : SIGSTOP));
	if (tc->task_state != 2)
		return;
	if (WIFSIGNALED(status))
		fprintf(out, " (zombie, killed by signal %d)", WTERMSIG(status));
	else
		fprintf(out, " (zombie, exit status %d)", WEXITSTATUS(status));
}

static void print_process(FILE *out, const struct image_set *set, const struct set_process *p)
{
	const TaskCoreEntry *tc = p->cores[0] ? p->cores[0]->tc : NULL;
	struct memory m = count_memory(set, p);
	char mapped[SIZE_TEXT], saved[SIZE_TEXT];
	const FileEntry *exe = p->mm ? image_set_file(set, p->mm->exe_file_id) : NULL;

	fprintf(out, "%8u %7zu %10s %10s %5zu  %*s%s", p->pstree->pid, p->pstree->n_threads,
		size_text(mapped, m.mapped), size_text(saved, m.saved), p->fds.n,
		(int)depth_of(set, p) * 2, "", tc ? tc->comm : "?");
	if (tc)
		print_state(out, tc);
	if (exe && exe->reg)
		fprintf(out, "  %s", exe->reg->name);
	putc('\n', out);
	for (size_t i = 1; i < p->pstree->n_threads; i++) {
		const CoreEntry *core = p->cores[i];

		fprintf(out, "%8s %7s %10s %10s %5s  %*s  thread %u %s\n", "", "", "", "", "",
			(int)depth_of(set, p) * 2, "", p->pstree->threads[i],
			core && core->thread_core && core->thread_core->comm
				? core->thread_core->comm
				: "");
	}
}

static bool has_listed_fds(const struct image_set *set, const struct set_process *p)
{
	for (const struct set_process *q = set->processes; q < p; q++)
		if (q->ids && p->ids && q->ids->files_id == p->ids->files_id)
			return true;
	return false;
}

static void print_fds(FILE *out, const struct image_set *set, const struct set_process *p)
{
	if (!p->fds.n)
		return;
	fprintf(out, "\ndescriptors of %u:%s\n", p->pstree->pid,
		has_listed_fds(set, p) ? " shared with a process above" : "");
	if (has_listed_fds(set, p))
		return;
	for (size_t i = 0; i < p->fds.n; i++) {
		const FdinfoEntry *fd = (const void *)p->fds.msgs[i];
		const FileEntry *file = image_set_file(set, fd->id);

		fprintf(out, "%8u  ", fd->fd);
		if (file)
			describe_file(out, file);
		else
			fprintf(out, "file %u, which is missing", fd->id);
		fputs(fd->flags & 1 ? ", close on exec\n" : "\n", out);
	}
}

static void warn(void *log, struct error *err)
{
	log_warn(log, "%s, ignoring", err->text ?: strerror(-err->code));
}

int print_summary(FILE *out, struct image_dir *dir, const char *path, struct log *log,
		  struct error *err)
{
	struct image_set set;
	int ret;

	ret = image_set_load(&set, dir, warn, log, err);
	if (!ret && !set.n_processes) {
		(void)fail(err, 0, "there is no checkpoint in '%s'", path);
		ret = fail_hint(err, "name the directory that was given to dump with -D");
	}
	if (!ret) {
		print_head(out, &set, path);
		fprintf(out, "\n%8s %7s %10s %10s %5s  %s\n", "pid", "threads", "mapped", "saved",
			"files", "command");
		for (size_t i = 0; i < set.n_processes; i++)
			print_process(out, &set, &set.processes[i]);
		for (size_t i = 0; i < set.n_processes; i++)
			print_fds(out, &set, &set.processes[i]);
	}
	image_set_deinit(&set);
	return ret;
}
