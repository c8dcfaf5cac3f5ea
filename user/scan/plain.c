// SPDX-License-Identifier: GPL-2.0-only
/*
 * Most of what a machine has open and mapped is alike: the first of its shape is judged as it
 * comes, and if it is clean, no more of them need be shown.
 */
#include "kind.h"
#include "options.h"
#include "scan/scan.h"
#include "snapshot-build.h"

static bool is_clean_file(struct scan *scan, const struct file_record *rec)
{
	struct process process = { .pid = (pid_t)rec->tgid, .pidfd = -1 };
	struct file file = { .rec = rec,
			     .path = record_path_text(&rec->head, rec->path),
			     .process = &process,
			     .fd = rec->fd,
			     .copy = -1 };

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

void scan_note_plain(struct scan *scan, const struct record_head *rec)
{
	if (rec->type == RECORD_FILE ? is_clean_file(scan, (const void *)rec)
				     : rec->type == RECORD_VMA && is_clean_vma(scan, (const void *)rec))
		collector_know_shape(scan->collector, rec);
}
