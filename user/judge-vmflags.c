// SPDX-License-Identifier: GPL-2.0-only
/*
 * Properties of mappings whose bits in VM_* moved from kernel to kernel: protection keys,
 * seals, shadow stacks. /proc/PID/smaps names them by two letters that never changed; it
 * costs some microseconds per mapping, so it is asked only if a mapping has a bit that
 * may be one of them.
 */
#include "judge-vmflags.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "judge.h"
#include "lib/cleanup.h"
#include "snapshot.h"
#include "vmaflags.h"

static void judge_flags(struct judge *j, const struct process *p, const struct vma *v,
			const char *flags)
{
	if (strstr(flags, " ss"))
		judge_vma(j, p, v, "shadow stack", "start the program without shadow stacks",
			  "is a shadow stack, which cannot be carried yet");
	if (strstr(flags, " mt") && v->rec->flags & VMF_MAYSHARE)
		judge_vma(j, p, v, "tagged memory", NULL,
			  "is shared and has memory tags (MTE), which cannot be carried yet");
	/* the kernel seals its own mappings, and does so again at restore */
	if (strstr(flags, " sl") && !v->rec->special && !(v->rec->props & VMA_PROP_SEALED))
		judge_vma(j, p, v, "seal", NULL,
			  "is sealed (mseal), which this kernel notes in a new way");
}

static void judge_key(struct judge *j, const struct process *p, const struct vma *v,
		      unsigned int key)
{
	if (key && !arch_carries_keys())
		judge_vma(j, p, v, "protection key", NULL,
			  "has protection key %u, which cannot be carried yet", key);
	else if (key != arch_vma_key(v->rec->prot))
		judge_vma(j, p, v, "protection key", NULL,
			  "has protection key %u, which this kernel notes in a new way", key);
	else if (key && v->rec->special)
		judge_vma(j, p, v, "protection key", NULL,
			  "is the kernel's own and has protection key %u, which cannot be carried", key);
}

void judge_vmflags(struct judge *j, const struct mm *mm)
{
	const struct vma *v = mm->vmas, *end = mm->vmas + mm->n_vmas;
	_cleanup_fclose_ FILE *smaps = NULL;
	_cleanup_free_ char *line = NULL;
	unsigned long long start = 0;
	size_t room = 0;
	char path[64];

	while (v < end && vma_is_plain(v))
		v++;
	if (v == end)
		return;
	snprintf(path, sizeof(path), "/proc/%d/smaps", mm->process->pid);
	smaps = fopen(path, "re");
	while (smaps && getline(&line, &room, smaps) > 0) {
		unsigned long long from, to;
		unsigned int key;

		/* other lines may begin with a digit, too: Anonymous */
		if (sscanf(line, "%llx-%llx ", &from, &to) == 2) {
			start = from;
			while (v < end && v->end <= start)
				v++;
			continue;
		}
		if (v == end || v->start != start)
			continue;
		if (sscanf(line, "ProtectionKey: %u", &key) == 1)
			judge_key(j, mm->process, v, key);
		else if (!strncmp(line, "VmFlags:", 8))
			judge_flags(j, mm->process, v, line);
	}
	/* one that has ended while it was scanned has none */
	if (!smaps && errno != ENOENT && errno != ESRCH)
		judge_process(j, mm->process, "memory", NULL,
			      "properties of its mappings cannot be read: %s", strerror(errno));
}
