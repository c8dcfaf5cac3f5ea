// SPDX-License-Identifier: GPL-2.0-only
#include "restore/borrow.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "inject/batch.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "restore/restore.h"

#define LENT_KEY (0xf2ull << 56)

int restore_lend(struct restore *r, uint32_t id, int flags, struct error *err)
{
	const uint64_t key = LENT_KEY | (uint64_t)(uint32_t)flags << 32 | id;
	uint32_t known = ids_get(&r->kind_data, key);
	int fd, *slot;

	if (known)
		return (int)known - 1;
	fd = restore_open_regfile(r, id, flags, err);
	if (fd < 0)
		return fd;
	slot = array_add(r->lent, r->n_lent);
	if (!slot) {
		close(fd);
		return fail(err, ENOMEM, "cannot open what is lent to tasks");
	}
	*slot = fd;
	return ids_set(&r->kind_data, key, (uint32_t)fd + 1) ?
		       fail(err, ENOMEM, "cannot open what is lent to tasks") :
		       fd;
}

/* The lowest number from @from on that no descriptor of @p has: what the kernel takes next. */
static uint32_t next_free(const struct new_process *p, uint32_t from)
{
	for (size_t i = 0; i < p->n_fds && p->fds[i].number <= from; i++)
		if (p->fds[i].number == from)
			from++;
	return from;
}

/* Whose table others change at the same time has to be asked for its numbers. */
static int borrow_asking(struct restore *r, struct batch *batch, int fd, int *ret)
{
	__s64 pidfd = -1, there = -1;
	int code;

	batch_call(batch, "looking for crbpf", 0, 0, ENGINE_SUCCESS, 0, &pidfd, SYS_pidfd_open,
		   (const __u64[6]){(__u64)getpid()});
	code = batch_run(batch, r->err);
	if (code)
		return code;
	batch_call(batch, "fetching a descriptor", 0, 0, ENGINE_SUCCESS, 0, &there, SYS_pidfd_getfd,
		   (const __u64[6]){(__u64)pidfd, (__u64)fd});
	batch_do(batch, "closing a pidfd", SYS_close, (__u64)pidfd);
	code = batch_run(batch, r->err);
	*ret = (int)there;
	return code;
}

/* The task fetches it: that takes neither a socket nor a /proc that shows this process. */
int restore_borrow(struct restore *r, struct new_task *t, struct batch *batch, int fd, int *ret)
{
	const struct new_process *p = t->process;
	uint32_t pidfd, there;

	if (p->files_of || p->lends_files)
		return borrow_asking(r, batch, fd, ret);
	pidfd = next_free(p, 0);
	there = next_free(p, pidfd + 1);
	*ret = (int)there;
	batch_demand(batch, "looking for crbpf", pidfd, SYS_pidfd_open, (__u64)getpid());
	batch_demand(batch, "fetching a descriptor", there, SYS_pidfd_getfd, pidfd, (__u64)fd);
	return batch_do(batch, "closing a pidfd", SYS_close, pidfd);
}
