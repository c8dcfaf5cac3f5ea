// SPDX-License-Identifier: GPL-2.0-only
#include "dump/unixoptions.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "bpf/unix.h"
#include "dump/dump.h"
#include "lib/err.h"
#include "sockopt.h"
#include "unixqueue.h"

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif
#define BUCKETS 256

struct alike {
	struct alike *next;
	const struct unix_detail *detail; /* of the one that was asked; in the snapshot */
	struct unix_options options;
};

struct unix_alikes {
	struct alike *buckets[BUCKETS];
};

static int get_peer_groups(struct dump *d, int fd, struct unix_options *options)
{
	socklen_t n = 0;

	/* Asked with no room, it says how much it wants. */
	if (!getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &n) || errno != ERANGE)
		return 0;
	options->peer_groups = arena_alloc(&d->arena, n);
	if (!options->peer_groups)
		return fail(d->err, ENOMEM, "cannot describe it");
	if (!getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, options->peer_groups, &n))
		options->n_peer_groups = n / sizeof(gid_t);
	return 0;
}

static int ask(struct dump *d, struct file *f, struct unix_options *options)
{
	int fd = file_copy(f, d->err);

	if (fd < 0)
		return fd;
	options->opts = dump_sockopts(d, fd, AF_UNIX, unix_detail_of(f)->type, 0);
	return options->opts ? get_peer_groups(d, fd, options) : d->err->code;
}

static struct alike **bucket_of(struct unix_alikes *alikes, const struct unix_detail *detail)
{
	uint64_t hash = detail->type;

	for (size_t i = 0; i < UNIX_OPTION_STATES; i++)
		hash = (hash ^ detail->options[i]) * 0x9e3779b97f4a7c15ull;
	return &alikes->buckets[(hash >> 32) % BUCKETS];
}

/* Names of devices are those of a network namespace. */
static bool is_alike(const struct unix_detail *a, const struct unix_detail *b)
{
	return a->options[0] && a->type == b->type && a->net_ns == b->net_ns &&
	       !memcmp(a->options, b->options, sizeof(a->options));
}

const struct unix_options *dump_unix_options(struct dump *d, struct file *f)
{
	const struct unix_detail *detail = unix_detail_of(f);
	struct alike **bucket, *alike;

	if (!d->unix_alikes)
		d->unix_alikes = arena_alloc(&d->arena, sizeof(*d->unix_alikes));
	if (!d->unix_alikes) {
		fail(d->err, ENOMEM, "cannot describe it");
		return NULL;
	}
	bucket = bucket_of(d->unix_alikes, detail);
	for (alike = *bucket; alike; alike = alike->next)
		if (is_alike(detail, alike->detail))
			return &alike->options;
	alike = arena_alloc(&d->arena, sizeof(*alike));
	if (!alike) {
		fail(d->err, ENOMEM, "cannot describe it");
		return NULL;
	}
	if (ask(d, f, &alike->options))
		return NULL;
	alike->detail = detail;
	alike->next = *bucket;
	*bucket = alike;
	return &alike->options;
}
