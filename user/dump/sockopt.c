// SPDX-License-Identifier: GPL-2.0-only
#include "sockopt.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/tcp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "dump/dump.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "sk-opts.pb-c.h"

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif
#define CONGESTION_NAME 16

static int get_int(int fd, int level, int name, int *ret)
{
	socklen_t n = sizeof(*ret);

	*ret = 0;
	return getsockopt(fd, level, name, ret, &n) ? -errno : 0;
}

/* A SOL_SOCKET option that every socket has; 0 where this kernel does not know it. */
static uint32_t sol_socket(int fd, int name)
{
	int value;

	return get_int(fd, SOL_SOCKET, name, &value) ? 0 : value;
}

static void get_timeouts(int fd, SkOptsEntry *opts)
{
	struct timeval tv = {0};
	socklen_t n = sizeof(tv);

	if (!getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, &n)) {
		opts->so_snd_tmo_sec = tv.tv_sec;
		opts->so_snd_tmo_usec = tv.tv_usec;
	}
	n = sizeof(tv);
	if (!getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &n)) {
		opts->so_rcv_tmo_sec = tv.tv_sec;
		opts->so_rcv_tmo_usec = tv.tv_usec;
	}
}

static int get_filter(struct dump *d, int fd, SkOptsEntry *opts)
{
	struct sock_filter *code;
	socklen_t n = 0;

	/* The length is in instructions, in and out. */
	if (getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, NULL, &n))
		return fail(d->err, errno, "cannot read its filter (an eBPF program?)");
	if (!n)
		return 0;
	code = arena_alloc(&d->arena, n * sizeof(*code));
	opts->so_filter = arena_alloc(&d->arena, n * sizeof(opts->so_filter[0]));
	if (!code || !opts->so_filter)
		return fail(d->err, ENOMEM, "cannot describe its options");
	if (getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, code, &n))
		return fail(d->err, errno, "cannot read its filter");
	for (socklen_t i = 0; i < n; i++)
		opts->so_filter[i] = (uint64_t)code[i].code << 48 | (uint64_t)code[i].jt << 40 |
				     (uint64_t)code[i].jf << 32 | code[i].k;
	opts->n_so_filter = n;
	return 0;
}

static int get_device(struct dump *d, int fd, SkOptsEntry *opts)
{
	char name[IFNAMSIZ + 1] = "";
	socklen_t n = IFNAMSIZ;

	if (getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &n) || !name[0])
		return 0;
	opts->so_bound_dev = arena_strdup(&d->arena, name);
	return opts->so_bound_dev ? 0 : fail(d->err, ENOMEM, "cannot describe its options");
}

static void get_common(int fd, SkOptsEntry *opts)
{
	struct linger linger = {0};
	socklen_t n = sizeof(linger);

	opts->so_sndbuf = sol_socket(fd, SO_SNDBUF);
	opts->so_rcvbuf = sol_socket(fd, SO_RCVBUF);
	opts->has_reuseaddr = opts->has_so_reuseport = true;
	opts->reuseaddr = sol_socket(fd, SO_REUSEADDR);
	opts->so_reuseport = sol_socket(fd, SO_REUSEPORT);
	opts->has_so_priority = opts->has_so_rcvlowat = true;
	opts->so_priority = sol_socket(fd, SO_PRIORITY);
	opts->so_rcvlowat = sol_socket(fd, SO_RCVLOWAT);
	opts->so_mark = sol_socket(fd, SO_MARK);
	opts->has_so_mark = opts->so_mark != 0;
	opts->has_so_dontroute = opts->has_so_no_check = opts->has_so_broadcast = true;
	opts->so_dontroute = sol_socket(fd, SO_DONTROUTE);
	opts->so_no_check = sol_socket(fd, SO_NO_CHECK);
	opts->so_broadcast = sol_socket(fd, SO_BROADCAST);
	opts->has_so_keepalive = opts->has_so_oobinline = opts->has_so_buf_lock = true;
	opts->so_keepalive = sol_socket(fd, SO_KEEPALIVE);
	opts->so_oobinline = sol_socket(fd, SO_OOBINLINE);
	opts->so_buf_lock = sol_socket(fd, SO_BUF_LOCK);
	if (!getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &n) && linger.l_onoff) {
		opts->has_so_linger = true;
		opts->so_linger = linger.l_linger;
	}
}

static int add_int(struct dump *d, SkOptsEntry *opts, const struct int_option *option, int value)
{
	SkIntOption *entry = dump_message(d, &sk_int_option__descriptor);

	if (!entry)
		return fail(d->err, ENOMEM, "cannot describe its options");
	entry->level = option->level;
	entry->name = option->name;
	entry->value = value;
	opts->ints[opts->n_ints++] = entry;
	return 0;
}

/* What a new socket of one sort has: read once per dump. */
struct sockopt_defaults {
	struct sockopt_defaults *next;
	int family, type, protocol;
	char congestion[CONGESTION_NAME + 1];
	struct {
		bool is_known;
		int value;
	} ints[];
};

static struct sockopt_defaults *read_defaults(struct dump *d, int family, int type, int protocol)
{
	_cleanup_close_ int fresh = socket(family, type | SOCK_CLOEXEC, protocol);
	const struct int_option *options;
	struct sockopt_defaults *defaults;
	socklen_t n_name = CONGESTION_NAME;
	size_t n;

	options = int_options(&n);
	defaults = arena_alloc(&d->arena, sizeof(*defaults) + n * sizeof(defaults->ints[0]));
	if (fresh < 0 || !defaults) {
		fail(d->err, fresh < 0 ? errno : ENOMEM,
		     "cannot make a socket to compare its options with");
		return NULL;
	}
	*defaults = (struct sockopt_defaults){d->sockopts, family, type, protocol, ""};
	for (size_t i = 0; i < n; i++)
		defaults->ints[i].is_known = int_option_concerns(&options[i], family, protocol) &&
					     !get_int(fresh, options[i].level, options[i].name,
						      &defaults->ints[i].value);
	if (protocol == IPPROTO_TCP)
		(void)getsockopt(fresh, IPPROTO_TCP, TCP_CONGESTION, defaults->congestion, &n_name);
	return d->sockopts = defaults;
}

static const struct sockopt_defaults *defaults_of(struct dump *d, int family, int type,
						  int protocol)
{
	for (const struct sockopt_defaults *known = d->sockopts; known; known = known->next)
		if (known->family == family && known->type == type && known->protocol == protocol)
			return known;
	return read_defaults(d, family, type, protocol);
}

/* Only what differs from the default is noted. */
static int get_ints(struct dump *d, int fd, const struct sockopt_defaults *defaults,
		    SkOptsEntry *opts)
{
	const struct int_option *options;
	size_t n;
	int rc = 0;

	options = int_options(&n);
	opts->ints = arena_alloc(&d->arena, n * sizeof(opts->ints[0]));
	if (!opts->ints)
		return fail(d->err, ENOMEM, "cannot describe its options");
	for (size_t i = 0; i < n && !rc; i++) {
		int value;

		if (defaults->ints[i].is_known &&
		    !get_int(fd, options[i].level, options[i].name, &value) &&
		    value != defaults->ints[i].value)
			rc = add_int(d, opts, &options[i], value);
	}
	return rc;
}

static int get_congestion(struct dump *d, int fd, const struct sockopt_defaults *defaults,
			  SkOptsEntry *opts)
{
	char name[CONGESTION_NAME + 1] = "";
	socklen_t n = CONGESTION_NAME;

	if (!*defaults->congestion || getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &n) ||
	    !strcmp(name, defaults->congestion))
		return 0;
	opts->tcp_congestion = arena_strdup(&d->arena, name);
	return opts->tcp_congestion ? 0 : fail(d->err, ENOMEM, "cannot describe its options");
}

SkOptsEntry *dump_sockopts(struct dump *d, int fd, int family, int type, int protocol)
{
	SkOptsEntry *opts = dump_message(d, &sk_opts_entry__descriptor);
	const struct sockopt_defaults *defaults = defaults_of(d, family, type, protocol);

	if (!defaults)
		return NULL;
	if (!opts) {
		fail(d->err, ENOMEM, "cannot describe its options");
		return NULL;
	}
	get_common(fd, opts);
	get_timeouts(fd, opts);
	if (family == AF_UNIX || family == AF_NETLINK) {
		opts->has_so_passcred = opts->has_so_passsec = true;
		opts->so_passcred = sol_socket(fd, SO_PASSCRED);
		opts->so_passsec = sol_socket(fd, SO_PASSSEC);
	}
	if (get_filter(d, fd, opts) || get_device(d, fd, opts) || get_ints(d, fd, defaults, opts) ||
	    get_congestion(d, fd, defaults, opts))
		return NULL;
	return opts;
}
