// SPDX-License-Identifier: GPL-2.0-only
/*
 * Most of what a machine has open and mapped is alike: the first of its shape is judged as it
 * comes, and if it is clean, no more of them need be shown.
 */
#include <stdio.h>
#include <unistd.h>

#include "bpf/unix.h"
#include "fdutil.h"
#include "kind.h"
#include "options.h"
#include "scan/scan.h"
#include "snapshot-build.h"

/* What the kernel says of it, or, if that was only a glance, what /proc says. */
static const char *path_of(const struct file_record *rec, char *buf, size_t n)
{
	struct file file = { .rec = rec };
	char link[64];
	ssize_t size;

	if (rec->path.offset || file_is_nameless(&file))
		return record_path_text(&rec->head, rec->path);
	snprintf(link, sizeof(link), "/proc/%u/fd/%u", rec->tgid, rec->fd);
	size = readlink(link, buf, n - 1);
	buf[size > 0 ? size : 0] = '\0';
	return buf;
}

static uint32_t net_of(const struct file_record *rec)
{
	const struct unix_detail *detail = (const void *)((const char *)rec + rec->detail_offset);

	return detail->net_ns;
}

static bool is_clean_file(struct scan *scan, const struct file_record *rec)
{
	char path[RECORD_PATH];
	/* of a socket with a shape the kernel side has seen that it is where its process is */
	struct task_record in = { .net_ns = rec->detail_type == DETAIL_UNIX ? net_of(rec) : 0 };
	struct task task = { .rec = &in };
	struct process process = { .pid = (pid_t)rec->tgid, .tasks = &task, .n_tasks = 1, .pidfd = -1 };
	struct file file = { .rec = rec,
			     .path = path_of(rec, path, sizeof(path)),
			     .process = &process,
			     .fd = rec->fd,
			     .copy = -1 };

	task.process = &process;
	if (rec->detail_type)
		file.detail = (const char *)rec + rec->detail_offset;
	return rec->shape && file.path && judge_plain_file(scan->opt, &scan->around, &file);
}

static bool is_clean_vma(struct scan *scan, const struct vma_record *rec)
{
	struct vma vma = { .rec = rec,
			   .path = record_path_text(&rec->head, rec->path),
			   .anon_name = record_path_text(&rec->head, rec->anon_name),
			   .start = rec->start,
			   .end = rec->end };
	struct mm mm = { .vmas = &vma, .n_vmas = 1 };
	struct process process = { .pid = (pid_t)rec->tgid, .mm = &mm, .pidfd = -1 };

	return rec->shape && vma.path && vma.anon_name &&
	       judge_plain_vma(scan->opt, &scan->around, &process, &vma);
}

void scan_note_plain(struct scan *scan, struct collector *collector, const struct record_head *rec)
{
	if (rec->type == RECORD_FILE && ((const struct file_record *)rec)->shape)
		collector_judge_shape(collector, rec, is_clean_file(scan, (const void *)rec));
	else if (rec->type == RECORD_VMA && ((const struct vma_record *)rec)->shape)
		collector_judge_shape(collector, rec, is_clean_vma(scan, (const void *)rec));
}
