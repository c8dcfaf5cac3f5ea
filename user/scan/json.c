// SPDX-License-Identifier: GPL-2.0-only
/* The verdict for scripts. Members are only ever added; crbpf-scan(8) describes them. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/cleanup.h"
#include "lib/json.h"
#include "options.h"
#include "scan/fds.h"
#include "scan/scan.h"

static void print_obstacle(const struct obstacle *o, struct json *json)
{
	_cleanup_free_ char *line = obstacle_line(o);

	json_open(json, NULL, '{');
	json_string(json, "severity", o->verdict == VERDICT_WARNING ? "warning" : "obstacle");
	json_number(json, "pid", o->process->pid);
	json_string(json, "command", o->process->tasks[0].rec->comm);
	if (o->task)
		json_number(json, "tid", o->task->tid);
	if (o->file)
		json_number(json, "fd", o->fd);
	if (o->file)
		json_string(json, "path", o->file->path);
	if (o->vma) {
		json_printf(json, "start", "0x%llx", (unsigned long long)o->vma->start);
		json_printf(json, "end", "0x%llx", (unsigned long long)o->vma->end);
		json_string(json, "path", o->vma->path);
	}
	json_string(json, "kind", o->kind);
	json_string(json, "text", o->text);
	if (o->hint)
		json_string(json, "hint", o->hint);
	json_string(json, "line", line ?: o->text);
	json_close(json, '}');
}

static void print_tree(const struct scan_tree *tree, bool with_fds, struct json *json)
{
	json_open(json, NULL, '{');
	json_number(json, "pid", tree->root);
	json_string(json, "command", tree->comm);
	json_bool(json, "clean", !tree->unseen && !tree->judge.n_obstacles);
	if (tree->unseen)
		json_string(json, "unseen", tree->unseen);
	json_unsigned(json, "processes", tree->pids.n);
	json_unsigned(json, "threads", tree->n_threads);
	json_open(json, "obstacles", '[');
	for (size_t i = 0; i < tree->judge.n; i++)
		print_obstacle(&tree->judge.list[i], json);
	json_close(json, ']');
	if (with_fds)
		scan_print_fds_json(tree, json);
	json_close(json, '}');
}

void scan_print_json(const struct scan *scan)
{
	struct json json = { .out = stdout };

	json_open(&json, NULL, '{');
	json_number(&json, "version", 1);
	json_bool(&json, "clean", !scan_has_obstacles(scan));
	json_unsigned(&json, "hidden", scan->n_hidden);
	json_open(&json, "trees", '[');
	for (size_t i = 0; i < scan->n_trees; i++)
		print_tree(&scan->trees[i], scan->opt->fds, &json);
	json_close(&json, ']');
	json_close(&json, '}');
	putchar('\n');
}
