// SPDX-License-Identifier: GPL-2.0-only
/* The verdict for people, in 80 columns. */
#include <stdio.h>
#include <string.h>

#include "options.h"
#include "scan/fds.h"
#include "scan/scan.h"

#define COLUMNS 80

/* Escape sequences, all empty where the output is no terminal. */
struct colours {
	const char *good, *bad, *warning, *plain;
};

static const struct colours none = { "", "", "", "" };
static const struct colours terminal = { "\33[32m", "\33[31m", "\33[33m", "\33[0m" };

/* Prints @text in lines that begin at column @indent; the first begins where the cursor is. */
static void print_wrapped(const char *text, int indent, int column)
{
	while (*text) {
		size_t word = strcspn(text, " ");

		if (column > indent && column + (int)word > COLUMNS) {
			printf("\n%*s", indent, "");
			column = indent;
		}
		printf("%.*s", (int)word, text);
		column += (int)word;
		text += word;
		while (*text == ' ' && text[1] == ' ')
			text++;
		if (*text) {
			if (column < COLUMNS)
				putchar(' ');
			column++;
			text++;
		}
	}
	putchar('\n');
}

static const char *place(const struct obstacle *o, char *buf, size_t n)
{
	if (o->file)
		snprintf(buf, n, "fd %u %s", o->fd, o->file->path);
	else if (o->vma)
		snprintf(buf, n, "%llx-%llx %s", (unsigned long long)o->vma->start,
			 (unsigned long long)o->vma->end,
			 *o->vma->path ? o->vma->path : o->vma->anon_name);
	else if (o->task && o->task->tid != o->process->pid)
		snprintf(buf, n, "thread %d (%.15s)", o->task->tid, o->task->rec->comm);
	else
		snprintf(buf, n, "process");
	return buf;
}

static void print_obstacle(const struct obstacle *o, const struct colours *c)
{
	char where[RECORD_PATH + 64];

	printf("    %s%s%s\n", o->verdict == VERDICT_WARNING ? c->warning : c->bad,
	       place(o, where, sizeof(where)), c->plain);
	printf("      %s%s: ", o->verdict == VERDICT_WARNING ? "warning: " : "", o->kind);
	print_wrapped(o->text, 8,
		      8 + (int)strlen(o->kind) + (o->verdict == VERDICT_WARNING ? 9 : 0));
	if (o->hint) {
		printf("      try: ");
		print_wrapped(o->hint, 11, 11);
	}
}

static void print_obstacles(const struct scan_tree *tree, const struct colours *c)
{
	const struct judge *judge = &tree->judge;
	const struct process *process = NULL;

	/* They come by stage of the judgement; people want them by process. */
	for (size_t p = 0; p < tree->snap.n_processes; p++)
		for (size_t i = 0; i < judge->n; i++) {
			const struct obstacle *o = &judge->list[i];

			if (o->process != tree->snap.processes[p])
				continue;
			if (o->process != process)
				printf("  %d %.15s\n", o->process->pid,
				       o->process->tasks[0].rec->comm);
			process = o->process;
			print_obstacle(o, c);
		}
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

/* "4242 redis-server      clean       1 process, 5 threads, 9 descriptors" */
static void print_summary(const struct scan_tree *tree, const struct colours *c)
{
	size_t n = tree->judge.n_obstacles, processes = tree->pids.n;
	char verdict[40] = "clean";

	if (tree->unseen)
		snprintf(verdict, sizeof(verdict), "not seen whole");
	else if (n)
		snprintf(verdict, sizeof(verdict), "%zu obstacle%s", n, plural(n));
	printf("%-7d %-16.15s %s%-15s%s", tree->root,
	       tree->comm[0] ? tree->comm : "?",
	       n || tree->unseen ? c->bad : c->good, verdict, c->plain);
	if (tree->unseen) {
		putchar(' ');
		print_wrapped(tree->unseen, 41, 40);
		return;
	}
	printf(" %zu process%s, %zu thread%s, %zu descriptor%s\n", processes,
	       processes == 1 ? "" : "es", tree->n_threads, plural(tree->n_threads), tree->n_fds,
	       plural(tree->n_fds));
}

static void print_total(const struct scan *scan, const struct colours *c)
{
	size_t clean = 0;

	for (size_t i = 0; i < scan->n_trees; i++)
		clean += !scan->trees[i].unseen && !scan->trees[i].judge.n_obstacles;
	printf("\n%zu tree%s: %s%zu can be checkpointed%s", scan->n_trees, plural(scan->n_trees),
	       clean == scan->n_trees ? c->good : "", clean, clean == scan->n_trees ? c->plain : "");
	if (clean < scan->n_trees)
		printf(", %s%zu cannot%s", c->bad, scan->n_trees - clean, c->plain);
	putchar('\n');
	if (scan->n_hidden)
		printf("%zu process%s of others not shown (try: run as root)\n", scan->n_hidden,
		       scan->n_hidden == 1 ? "" : "es");
}

void scan_print(const struct scan *scan, bool is_terminal)
{
	const struct colours *c = is_terminal ? &terminal : &none;

	for (size_t i = 0; i < scan->n_trees; i++) {
		print_summary(&scan->trees[i], c);
		print_obstacles(&scan->trees[i], c);
		if (scan->opt->fds)
			scan_print_fds(&scan->trees[i]);
	}
	if (!scan->opt->pids.n)
		print_total(scan, c);
}
