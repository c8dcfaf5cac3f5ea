// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#include "arch/regset.h"
#include "lib/err.h"

/* Enough for AVX-512, so that it is asked for once. */
#define REGSET_FIRST_ROOM 4096
/* ZA of the longest vectors that the architecture allows is 64 KB. */
#define REGSET_MAX_ROOM (1 << 20)

int regset_get(pid_t tid, struct regset *set)
{
	size_t room = REGSET_FIRST_ROOM;

	set->data = NULL;
	set->size = 0;
	for (;;) {
		struct iovec iov;
		void *data = realloc(set->data, room);

		if (!data)
			break;
		set->data = data;
		/* Nor does it write all that it says it wrote. */
		memset(data, 0, room);
		iov = (struct iovec){.iov_base = data, .iov_len = room};
		if (ptrace(PTRACE_GETREGSET, tid, (void *)(long)set->note, &iov) < 0) {
			/* Not of this kernel, this machine, or not enabled, in this order. */
			bool is_missing = errno == EINVAL || errno == ENODEV ||
					  errno == EOPNOTSUPP || errno == EIO || errno == ENODATA;
			int code = is_missing ? 0 : -errno;

			free(set->data);
			set->data = NULL;
			return code;
		}
		/* The kernel copies what fits and does not say that there was more. */
		if (iov.iov_len < room) {
			set->size = iov.iov_len;
			return 0;
		}
		if (room >= REGSET_MAX_ROOM)
			break;
		room *= 2;
	}
	free(set->data);
	set->data = NULL;
	return -ENOMEM;
}

int regset_set(pid_t tid, unsigned int note, const void *data, size_t n)
{
	struct iovec iov = {.iov_base = (void *)data, .iov_len = n};

	if (ptrace(PTRACE_SETREGSET, tid, (void *)(long)note, &iov) < 0)
		return -errno;
	return 0;
}

static int get_sets(struct regs *regs, pid_t tid, size_t n, struct error *err)
{
	memset(regs, 0, sizeof(*regs));
	for (size_t i = 0; i < n; i++) {
		const struct regset_info *info = &arch_regsets[i];
		struct regset *set = &regs->set[regs->n++];
		int code;

		set->note = info->note;
		code = info->get ? info->get(tid, set) : regset_get(tid, set);
		if (code < 0) {
			regs_deinit(regs);
			return fail(err, code, "cannot read %s", info->name);
		}
	}
	if (regs->set[0].size != arch_general_size) {
		regs_deinit(regs);
		return fail(err, EOPNOTSUPP, "cannot read the registers of a 32-bit program");
	}
	return 0;
}

int regs_get(struct regs *regs, pid_t tid, struct error *err)
{
	return get_sets(regs, tid, arch_n_regsets, err);
}

int regs_get_general(struct regs *regs, pid_t tid, struct error *err)
{
	return get_sets(regs, tid, arch_n_general, err);
}

int regs_copy_general(struct regs *to, const struct regs *from)
{
	*to = (struct regs){0};
	while (to->n < arch_n_general) {
		const struct regset *set = &from->set[to->n];
		struct regset *copy = &to->set[to->n++];

		*copy = (struct regset){.note = set->note, .size = set->size};
		copy->data = set->size ? malloc(set->size) : NULL;
		if (set->size && !copy->data) {
			regs_deinit(to);
			return -ENOMEM;
		}
		if (set->size)
			memcpy(copy->data, set->data, set->size);
	}
	return 0;
}

static const struct regset_info *info_of(unsigned int note)
{
	for (size_t i = 0; i < arch_n_regsets; i++) {
		if (arch_regsets[i].note == note)
			return &arch_regsets[i];
	}
	return NULL;
}

static int set_sets(const struct regs *regs, pid_t tid, size_t n, struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		const struct regset_info *info = &arch_regsets[i];
		const struct regset *set = regs_find(regs, info->note);
		int code;

		if (!set)
			continue;
		code = info->set ? info->set(tid, regs, set)
				 : regset_set(tid, set->note, set->data, set->size);
		if (code < 0)
			return fail(err, code, "cannot set %s", info->name);
	}
	return 0;
}

int regs_set(const struct regs *regs, pid_t tid, struct error *err)
{
	return set_sets(regs, tid, arch_n_regsets, err);
}

int regs_set_general(const struct regs *regs, pid_t tid, struct error *err)
{
	return set_sets(regs, tid, arch_n_general, err);
}

void regs_deinit(struct regs *regs)
{
	for (size_t i = 0; i < regs->n; i++)
		free(regs->set[i].data);
	memset(regs, 0, sizeof(*regs));
}

struct regset *regs_find(const struct regs *regs, unsigned int note)
{
	for (size_t i = 0; i < regs->n; i++) {
		if (regs->set[i].note == note && regs->set[i].size)
			return (struct regset *)&regs->set[i];
	}
	return NULL;
}

void *regs_add(struct regs *regs, unsigned int note, size_t n)
{
	struct regset *set = NULL;
	void *data;

	for (size_t i = 0; i < regs->n; i++) {
		if (regs->set[i].note == note)
			set = &regs->set[i];
	}
	if ((!set && regs->n == ARCH_REGSETS_MAX) || !info_of(note))
		return NULL;
	data = calloc(1, n);
	if (!data)
		return NULL;
	if (!set) {
		set = &regs->set[regs->n++];
		*set = (struct regset){.note = note};
	}
	free(set->data);
	set->data = data;
	set->size = n;
	return data;
}

void regs_leave_rseq(struct regs *regs, __u64 start, __u64 length, __u64 abort_ip)
{
	if (regs_pc(regs) - start < length)
		regs_set_pc(regs, abort_ip);
}
