// SPDX-License-Identifier: GPL-2.0-only
#include "restore/fill.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "inject/batch.h"
#include "inject/engine.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "mm.pb-c.h"
#include "restore/restore.h"

/* include/uapi/linux/userfaultfd.h since Linux 5.11 */
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

/* A process with less is filled by its task sooner than threads are made. */
#define PROCESS_MIN (2ull << 20)
#define RANGE_MIN   (128ull << 10)
/* What one thread reads at a time: it should stay in a processor's cache, and fill a huge page. */
#define PIECE	    (1ull << 20)
#define PIECE_HUGE  (2ull << 20)
#define WORKERS_MAX 8

struct target {
	pid_t pid;	/* as it is seen here */
	int pages_fd;	/* borrowed */
	int userfault;	/* -1: none */
	bool is_opened;
};

struct range {
	struct target *target;
	uint64_t start, bytes, offset;
	bool is_missing;	/* registered with the userfaultfd */
};

struct fill {
	const struct restore *r;
	struct target *targets;
	struct range *ranges;
	size_t n_targets, n_ranges;
	bool has_huge;	/* the kernel makes huge pages of whatever is large enough */

	pthread_mutex_t lock;	/* all that follows */
	size_t next;		/* the range to go on with */
	uint64_t done;		/* bytes of it that were handed out */
	struct error err;
	pthread_t threads[WORKERS_MAX];
	size_t n_threads;
};

static uint64_t page_bytes(const struct restore *r, const struct new_process *p)
{
	uint64_t pages = 0;

	for (size_t i = 0; i < p->n_pages; i++)
		pages += p->pages[i].count;
	return pages * r->page_size;
}

int fill_queue_open(const struct restore *r, struct new_process *p, struct batch *batch)
{
	p->userfault = -1;
	p->is_filled_from_here = page_bytes(r, p) >= PROCESS_MIN;
	if (!p->is_filled_from_here)
		return 0;
	return batch_call(batch, "opening a userfaultfd", 0, 0, ENGINE_ANY, 0, &p->userfault,
			  SYS_userfaultfd, (const __u64[6]){ O_CLOEXEC | UFFD_USER_MODE_ONLY });
}

int fill_queue_close(const struct new_process *p, struct batch *batch)
{
	if (p->userfault < 0)
		return 0;
	return batch_do(batch, "closing the userfaultfd", SYS_close, (__u64)p->userfault);
}

bool fill_is_worth(const struct new_process *p, const struct new_vma *v, uint64_t bytes)
{
	const uint32_t private = MAP_ANONYMOUS | MAP_PRIVATE;

	return p->is_filled_from_here && bytes >= RANGE_MIN && v->fd < 0 &&
	       (v->entry->flags & (private | MAP_HUGETLB)) == private;
}

/* Does the kernel make huge pages without being asked? */
static bool has_huge(void)
{
	char text[64] = "";
	int fd = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	return n > 0 && strstr(text, "[always]");
}

int fill_create(struct fill **ret, const struct restore *r, size_t n, struct error *err)
{
	struct fill *fill = calloc(1, sizeof(*fill));

	if (fill)
		fill->targets = calloc(n ?: 1, sizeof(*fill->targets));
	if (!fill || !fill->targets) {
		free(fill);
		return fail(err, ENOMEM, "cannot read pages");
	}
	fill->r = r;
	fill->n_targets = n;
	fill->has_huge = has_huge();
	pthread_mutex_init(&fill->lock, NULL);
	*ret = fill;
	return 0;
}

void fill_destroy(struct fill *fill)
{
	if (!fill)
		return;
	for (size_t i = 0; i < fill->n_targets; i++)
		if (fill->targets[i].is_opened && fill->targets[i].userfault >= 0)
			close(fill->targets[i].userfault);
	pthread_mutex_destroy(&fill->lock);
	free(fill->targets);
	free(fill->ranges);
	free(fill);
}

/* The task's userfaultfd, for use from here; -1 if there is none. */
static int fetch_userfault(const struct new_process *p, pid_t pid)
{
	struct uffdio_api api = { .api = UFFD_API };
	int pidfd, fd = -1;

	if (p->userfault < 0)
		return -1;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd >= 0) {
		fd = (int)syscall(SYS_pidfd_getfd, pidfd, (int)p->userfault, 0);
		close(pidfd);
	}
	if (fd >= 0 && ioctl(fd, UFFDIO_API, &api)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Those of a fork have pages already; huge ones are made by a fault only. */
static bool is_to_register(const struct fill *fill, const struct new_vma *v)
{
	const uint64_t advice = v->entry->madv;
	bool is_huge = advice & 1ull << MADV_HUGEPAGE ||
		       (fill->has_huge && !(advice & 1ull << MADV_NOHUGEPAGE));

	return !v->inherited && !is_huge;
}

/* The next piece of work. False: there is none, or another thread has failed. */
static bool take(struct fill *fill, struct range *ret)
{
	bool is_any;

	pthread_mutex_lock(&fill->lock);
	is_any = !fill->err.code && fill->next < fill->n_ranges;
	if (is_any) {
		const struct range *range = &fill->ranges[fill->next];
		const uint64_t most = range->is_missing ? PIECE : PIECE_HUGE;
		const uint64_t start = range->start + fill->done;
		uint64_t bytes = most - start % most;

		if (bytes > range->bytes - fill->done)
			bytes = range->bytes - fill->done;
		*ret = *range;
		ret->start = start;
		ret->offset += fill->done;
		ret->bytes = bytes;
		fill->done += bytes;
		if (fill->done == range->bytes) {
			fill->next++;
			fill->done = 0;
		}
	}
	pthread_mutex_unlock(&fill->lock);
	return is_any;
}

static int read_piece(const struct range *piece, char *buffer, struct error *err)
{
	uint64_t done = 0;

	while (done < piece->bytes) {
		ssize_t n = pread(piece->target->pages_fd, buffer + done, piece->bytes - done,
				  (off_t)(piece->offset + done));

		if (n <= 0)
			return fail(err, n ? errno : EIO, "cannot read its pages at %llu",
				    (unsigned long long)(piece->offset + done));
		done += (uint64_t)n;
	}
	return 0;
}

/* How much of it could be put in place; the rest is left to faults. */
static uint64_t copy_missing(const struct range *piece, const char *buffer)
{
	uint64_t done = 0;

	while (done < piece->bytes) {
		struct uffdio_copy copy = { .dst = piece->start + done,
					    .src = (uintptr_t)buffer + done,
					    .len = piece->bytes - done,
					    .mode = UFFDIO_COPY_MODE_DONTWAKE };
		int ret = ioctl(piece->target->userfault, UFFDIO_COPY, &copy);

		if (copy.copy > 0)
			done += (uint64_t)copy.copy;
		else if (ret)
			break;
	}
	return done;
}

static int write_piece(const struct range *piece, char *buffer, struct error *err)
{
	uint64_t done = piece->is_missing ? copy_missing(piece, buffer) : 0;

	while (done < piece->bytes) {
		struct iovec local = { buffer + done, piece->bytes - done };
		struct iovec remote = { (void *)(uintptr_t)(piece->start + done), local.iov_len };
		ssize_t n = process_vm_writev(piece->target->pid, &local, 1, &remote, 1, 0);

		if (n <= 0)
			return fail(err, n ? errno : EFAULT, "cannot write its memory at %llx",
				    (unsigned long long)(piece->start + done));
		done += (uint64_t)n;
	}
	return 0;
}

/*
 * What is registered becomes a mapping of its own, which is united with its neighbours at the
 * end if their pages belong together: if there was a page before they were parted.
 */
static int put_first_page(struct range *range, uint64_t page, struct error *err)
{
	struct range first = *range;
	char *buffer = malloc(page);
	int ret;

	if (!buffer)
		return fail(err, ENOMEM, "cannot read pages");
	first.bytes = page;
	ret = read_piece(&first, buffer, err) ?: write_piece(&first, buffer, err);
	free(buffer);
	range->start += page;
	range->offset += page;
	range->bytes -= page;
	return ret ? fail_in(err, "process %d", range->target->pid) : 0;
}

int fill_add(struct fill *fill, size_t i, const struct new_process *p, const struct new_vma *v,
	     uint64_t start, uint64_t bytes, uint64_t offset, struct error *err)
{
	struct target *target = &fill->targets[i];
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct range *range = array_add(fill->ranges, fill->n_ranges);

	if (!range)
		return fail(err, ENOMEM, "cannot read pages");
	if (!target->is_opened) {
		target->is_opened = true;
		target->pid = injected_tid(p->tasks[0].injected);
		target->pages_fd = p->pages_fd;
		target->userfault = fetch_userfault(p, target->pid);
	}
	*range = (struct range){ target, start, bytes, offset, false };
	if (target->userfault < 0 || !is_to_register(fill, v))
		return 0;
	if (put_first_page(range, fill->r->page_size, err))
		return err->code;
	reg.range = (struct uffdio_range){ range->start, range->bytes };
	range->is_missing = !ioctl(target->userfault, UFFDIO_REGISTER, &reg);
	return 0;
}

static void *work(void *arg)
{
	struct fill *fill = arg;
	struct error err = { 0 };
	struct range piece;
	char *buffer = mmap(NULL, PIECE_HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);

	if (buffer == MAP_FAILED)
		fail(&err, errno, "cannot read pages");
	while (!err.code && take(fill, &piece))
		if (read_piece(&piece, buffer, &err) || write_piece(&piece, buffer, &err))
			fail_in(&err, "process %d", piece.target->pid);
	if (buffer != MAP_FAILED)
		munmap(buffer, PIECE_HUGE);
	pthread_mutex_lock(&fill->lock);
	if (!fill->err.code)
		fill->err = err;
	else
		error_deinit(&err);
	pthread_mutex_unlock(&fill->lock);
	return NULL;
}

void fill_start(struct fill *fill)
{
	cpu_set_t cpus;
	size_t n = 1;

	if (!sched_getaffinity(0, sizeof(cpus), &cpus))
		n = (size_t)CPU_COUNT(&cpus);
	if (n > WORKERS_MAX)
		n = WORKERS_MAX;
	while (fill->n_ranges && fill->n_threads + 1 < n &&
	       !pthread_create(&fill->threads[fill->n_threads], NULL, work, fill))
		fill->n_threads++;
}

int fill_finish(struct fill *fill, struct error *err)
{
	if (fill->n_ranges && !err->code) {
		work(fill);
	} else {
		pthread_mutex_lock(&fill->lock);
		fill->next = fill->n_ranges;
		pthread_mutex_unlock(&fill->lock);
	}
	for (size_t i = 0; i < fill->n_threads; i++)
		pthread_join(fill->threads[i], NULL);
	fill->n_threads = 0;
	if (!fill->err.code)
		return 0;
	if (err->code)
		error_deinit(&fill->err);
	else
		*err = fill->err;
	return err->code;
}
