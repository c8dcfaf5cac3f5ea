// SPDX-License-Identifier: GPL-2.0-only
#include "judge.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "external.h"
#include "fdinfo.pb-c.h"
#include "fdutil.h"
#include "judge-vmflags.h"
#include "kind.h"
#include "lib/err.h"
#include "snapshot.h"

/* A mapping that was split has one obstacle, not thousands. */
static bool is_repeated(const struct judge *j, const struct obstacle *o)
{
	const struct obstacle *last = j->n ? &j->list[j->n - 1] : NULL;

	return last && o->vma && last->vma && last->process == o->process &&
	       !strcmp(last->kind, o->kind) && !strcmp(last->text, o->text);
}

__attribute__((format(printf, 4, 0))) static void add(struct judge *j, struct obstacle o,
						      const char *hint, const char *fmt, va_list ap)
{
	struct obstacle *slot;
	char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	o.text = text ? arena_strdup(&j->arena, text) : NULL;
	o.hint = hint ? arena_strdup(&j->arena, hint) : NULL;
	free(text);
	if (!o.text || (hint && !o.hint)) {
		j->no_memory = true;
		return;
	}
	if (is_repeated(j, &o))
		return;
	slot = array_add(j->list, j->n);
	if (!slot) {
		j->no_memory = true;
		return;
	}
	*slot = o;
	j->n_obstacles += o.verdict == VERDICT_OBSTACLE;
}

void judge_file(struct judge *j, const struct file *file, const char *kind, const char *hint,
		const char *fmt, ...)
{
	va_list ap;

	file_name(j->snap, j->snap->files[file->id - 1]);
	va_start(ap, fmt);
	add(j,
	    (struct obstacle){ VERDICT_OBSTACLE, file->process, NULL, file, NULL, file->fd, kind, NULL,
			       NULL },
	    hint, fmt, ap);
	va_end(ap);
}

void judge_vma(struct judge *j, const struct process *process, const struct vma *vma,
	       const char *kind, const char *hint, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(j, (struct obstacle){ VERDICT_OBSTACLE, process, NULL, NULL, vma, 0, kind, NULL, NULL },
	    hint, fmt, ap);
	va_end(ap);
}

void judge_task(struct judge *j, const struct task *task, const char *kind, const char *hint,
		const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(j,
	    (struct obstacle){ VERDICT_OBSTACLE, task->process, task, NULL, NULL, 0, kind, NULL, NULL },
	    hint, fmt, ap);
	va_end(ap);
}

void judge_process(struct judge *j, const struct process *process, const char *kind,
		   const char *hint, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(j, (struct obstacle){ VERDICT_OBSTACLE, process, NULL, NULL, NULL, 0, kind, NULL, NULL },
	    hint, fmt, ap);
	va_end(ap);
}

void judge_soften(struct judge *j)
{
	struct obstacle *last = j->n ? &j->list[j->n - 1] : NULL;

	if (!last || last->verdict == VERDICT_WARNING)
		return;
	last->verdict = VERDICT_WARNING;
	j->n_obstacles--;
}

void judge_drop(struct judge *j, bool (*is_moot)(const struct obstacle *o))
{
	size_t kept = 0;

	for (size_t i = 0; i < j->n; i++)
		if (!is_moot(&j->list[i]))
			j->list[kept++] = j->list[i];
		else if (j->list[i].verdict == VERDICT_OBSTACLE)
			j->n_obstacles--;
	j->n = kept;
}

/* The kinds with a say in tasks, so that a task does not ask all of them. */
struct judges {
	void (**task)(struct judge *j, const struct task *t);
	size_t n;
};

static int list_judges(struct judges *judges)
{
	size_t n = 0;

	for (const struct kind *const *k = kinds; *k; k++)
		n += (*k)->task && (*k)->task->judge;
	judges->task = calloc(n + 1, sizeof(*judges->task));
	for (const struct kind *const *k = kinds; *k && judges->task; k++)
		if ((*k)->task && (*k)->task->judge)
			judges->task[judges->n++] = (*k)->task->judge;
	return judges->task ? 0 : -ENOMEM;
}

/* A scan may find no path of what is in flight: nothing of its kind can be said then. */
static bool is_unseen(const struct file *f)
{
	return f->carrier && f->copy < 0 && !file_is_nameless(f) && !*f->path &&
	       f->kind->file->judge;
}

static void judge_unseen(struct judge *j, struct file *f)
{
	judge_file(j, f, f->kind->name, NULL, "only a dump can look at where it lies");
	judge_soften(j);
}

static void judge_unknown(struct judge *j, const struct file *f)
{
	const char *kind = f->rec->anon_name[0] ? f->rec->anon_name : "descriptor";
	char text[256], name[EXTERNAL_NAME], hint[160] = "close it before the checkpoint";

	if (!file_is_nameless(f)) {
		external_file_name(f, name);
		snprintf(hint, sizeof(hint), "close it before the checkpoint; or --external '%s', if "
			 "restore is to be given another", name);
	}
	judge_file(j, f, kind, hint, "%s cannot be carried yet",
		   file_describe(f, text, sizeof(text)));
}

static void judge_one_file(struct judge *j, struct file *f)
{
	const struct kind *other;

	/* Of what belongs to others only the name is kept, as of a file: it need not be known here. */
	if (external_has_file(j->options, f)) {
		f->kind = kind_of_type(FD_TYPES__REG);
		return;
	}
	f->kind = kind_of_file(f, &other);
	if (!f->kind)
		file_name(j->snap, f);
	if (other)
		judge_file(j, f, "descriptor", "report this as a bug of crbpf",
			   "two kinds claim it, one is %s", other->name);
	else if (!f->kind)
		judge_unknown(j, f);
	else if (f->carrier && f->n_locks)
		judge_file(j, f, "filelock", "let it be received",
			   "it is locked, and no process has it open that could lock it again");
	else if (is_unseen(f))
		judge_unseen(j, f);
	else if (f->kind->file->judge)
		f->kind->file->judge(j, f);
	if (f->rec->has_more_flights && f->process->pidfd < 0)
		judge_file(j, f, f->kind ? f->kind->name : "descriptor", "let them be received",
			   "more files are in flight in its queue than a scan can look at (%d)",
			   RECORD_FLIGHTS - 1);
}

static void judge_one_vma(struct judge *j, const struct process *p, struct vma *v)
{
	const struct kind *other;

	v->kind = kind_of_vma(v, &other);
	if (other)
		judge_vma(j, p, v, "mapping", "report this as a bug of crbpf",
			  "two kinds claim it, one is %s", other->name);
	else if (!v->kind)
		judge_vma(j, p, v, "mapping", "unmap it before the checkpoint",
			  "cannot be carried yet");
	else if (v->kind->vma->judge)
		v->kind->vma->judge(j, p, v);
}

static void judge_tasks(struct judge *j, const struct judges *judges, const struct process *p)
{
	for (size_t i = 0; i < p->n_tasks; i++)
		for (size_t k = 0; k < judges->n; k++)
			judges->task[k](j, &p->tasks[i]);
}

int judge_run(struct judge *j, struct error *err)
{
	struct snapshot *snap = j->snap;
	struct judges judges = { 0 };

	if (list_judges(&judges))
		return fail(err, ENOMEM, "cannot judge");
	for (size_t i = 0; i < snap->n_processes; i++)
		judge_tasks(j, &judges, snap->processes[i]);
	free(judges.task);
	for (size_t i = 0; i < snap->n_mms; i++) {
		for (size_t k = 0; k < snap->mms[i].n_vmas; k++)
			judge_one_vma(j, snap->mms[i].process, &snap->mms[i].vmas[k]);
		judge_vmflags(j, &snap->mms[i]);
	}
	for (size_t i = 0; i < snap->n_files; i++)
		judge_one_file(j, snap->files[i]);
	return j->no_memory ? fail(err, ENOMEM, "cannot list the obstacles") : 0;
}

bool judge_plain_file(const struct options *options, struct surroundings *around, struct file *f)
{
	struct file *files[] = { f };
	struct snapshot snap = { .files = files, .n_files = 1 };
	struct judge j = { .options = options, .snap = &snap, .around = around };
	const struct kind *other, *kind = kind_of_file(f, &other);
	bool is_clean = false;

	f->id = 1;
	if (kind && kind->file->is_plain && kind->file->is_plain(f)) {
		judge_one_file(&j, f);
		is_clean = !j.n && !j.no_memory;
	}
	judge_deinit(&j);
	arena_deinit(&snap.arena);
	return is_clean;
}

bool judge_plain_vma(const struct options *options, struct surroundings *around,
		     const struct process *p, struct vma *v)
{
	struct snapshot snap = { 0 };
	struct judge j = { .options = options, .snap = &snap, .around = around };
	const struct kind *other, *kind = kind_of_vma(v, &other);
	bool is_clean = false;

	if (kind && kind->vma->is_plain && kind->vma->is_plain(v)) {
		judge_one_vma(&j, p, v);
		is_clean = !j.n && !j.no_memory;
	}
	judge_deinit(&j);
	arena_deinit(&snap.arena);
	return is_clean;
}

void judge_deinit(struct judge *j)
{
	free(j->list);
	arena_deinit(&j->arena);
	*j = (struct judge){ 0 };
}

char *obstacle_line(const struct obstacle *o)
{
	const char *comm = o->task ? o->task->rec->comm : o->process->tasks[0].rec->comm;
	char who[64], where[64] = "";
	const char *path = "";
	char *line;

	snprintf(who, sizeof(who), "%s %d (%.15s)", o->task ? "thread" : "process",
		 o->task ? o->task->tid : o->process->pid, comm);
	if (o->file) {
		snprintf(where, sizeof(where), ": fd %u%s", o->fd,
			 o->file->carrier ? ", in its queue" : "");
		path = o->file->carrier ? "" : o->file->path;
	} else if (o->vma) {
		snprintf(where, sizeof(where), ": mapping %llx-%llx",
			 (unsigned long long)o->vma->start, (unsigned long long)o->vma->end);
		path = *o->vma->path ? o->vma->path : o->vma->anon_name;
	}
	if (asprintf(&line, "%s%s%s%s: %s: %s%s%s%s", who, where, *path ? " " : "", path, o->kind,
		     o->text, o->hint ? " (try: " : "", o->hint ?: "", o->hint ? ")" : "") < 0)
		return NULL;
	return line;
}
