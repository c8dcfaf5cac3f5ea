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

#include "lib/err.h"
#include "restore/restore.h"
#include "sk-opts.pb-c.h"

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif
#define CONGESTION_NAME 16

static bool is_known_int(const SkIntOption *wanted)
{
	const struct int_option *options;
	size_t n;

	options = int_options(&n);
	for (size_t i = 0; i < n; i++)
		if (options[i].level == wanted->level && options[i].name == wanted->name)
			return true;
	return false;
}

int check_sockopts(struct restore *r, const SkOptsEntry *opts)
{
	if (!opts)
		return fail(r->err, 0, "its options are missing");
	if (opts->n_so_filter > BPF_MAXINSNS)
		return fail(r->err, 0, "its filter has %zu instructions", opts->n_so_filter);
	if (opts->so_bound_dev && strlen(opts->so_bound_dev) >= IFNAMSIZ)
		return fail(r->err, 0, "`%.32s' is no name of a device", opts->so_bound_dev);
	if (opts->tcp_congestion && strlen(opts->tcp_congestion) >= CONGESTION_NAME)
		return fail(r->err, 0, "`%.32s' is no congestion control", opts->tcp_congestion);
	for (size_t i = 0; i < opts->n_ints; i++)
		if (!is_known_int(opts->ints[i]))
			return fail(r->err, 0, "the socket option %d of level %d is unknown",
				    opts->ints[i]->name, opts->ints[i]->level);
	return 0;
}

static int set_int(struct restore *r, int fd, int level, int name, int value)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)))
		return fail(r->err, errno, "cannot set its option %d of level %d to %d", name,
			    level, value);
	return 0;
}

/* An option that a new socket has off. */
static int set_on(struct restore *r, int fd, int name, int value)
{
	return value ? set_int(r, fd, SOL_SOCKET, name, value) : 0;
}

/* The kernel doubles what it is given; beyond the limits only the privileged form goes. */
static int set_buffer(struct restore *r, int fd, int name, int force, uint32_t size)
{
	int half = size / 2;
	socklen_t n = sizeof(int);
	int now = 0;

	if (!getsockopt(fd, SOL_SOCKET, name, &now, &n) && (uint32_t)now == size)
		return 0;
	if (!setsockopt(fd, SOL_SOCKET, force, &half, sizeof(half)))
		return 0;
	return set_int(r, fd, SOL_SOCKET, name, half);
}

static int set_timeout(struct restore *r, int fd, int name, uint64_t sec, uint64_t usec)
{
	struct timeval tv = {.tv_sec = sec, .tv_usec = usec};

	if ((sec || usec) && setsockopt(fd, SOL_SOCKET, name, &tv, sizeof(tv)))
		return fail(r->err, errno, "cannot set its timeouts");
	return 0;
}

static int set_filter(struct restore *r, int fd, const SkOptsEntry *opts)
{
	struct sock_filter code[BPF_MAXINSNS];
	struct sock_fprog program = {.len = opts->n_so_filter, .filter = code};

	if (!opts->n_so_filter)
		return 0;
	for (size_t i = 0; i < opts->n_so_filter; i++) {
		uint64_t word = opts->so_filter[i];

		code[i] = (struct sock_filter){
			.code = word >> 48, .jt = word >> 40, .jf = word >> 32, .k = word};
	}
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)))
		return fail(r->err, errno, "cannot attach its filter");
	return 0;
}

int restore_filter(struct restore *r, int fd, const SkOptsEntry *opts, bool on)
{
	if (on || !opts->n_so_filter)
		return set_filter(r, fd, opts);
	if (setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &(int){0}, sizeof(int)))
		return fail(r->err, errno, "cannot detach its filter (SO_LOCK_FILTER?)");
	return 0;
}

static int set_strings(struct restore *r, int fd, const SkOptsEntry *opts)
{
	const char *device = opts->so_bound_dev, *congestion = opts->tcp_congestion;

	if (device && *device &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, strlen(device) + 1))
		return fail(r->err, errno, "cannot bind it to the device %s", device);
	if (congestion &&
	    setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion, strlen(congestion)))
		return fail(r->err, errno, "cannot use the congestion control %s", congestion);
	return 0;
}

static int set_ints(struct restore *r, int fd, const SkOptsEntry *opts)
{
	int rc = 0;

	for (size_t i = 0; i < opts->n_ints && !rc; i++)
		rc = set_int(r, fd, opts->ints[i]->level, opts->ints[i]->name,
			     opts->ints[i]->value);
	return rc;
}

int restore_sockopts(struct restore *r, int fd, const SkOptsEntry *opts)
{
	struct linger linger = {.l_onoff = 1, .l_linger = opts->so_linger};
	int locks = opts->so_buf_lock;

	if (set_buffer(r, fd, SO_SNDBUF, SO_SNDBUFFORCE, opts->so_sndbuf) ||
	    set_buffer(r, fd, SO_RCVBUF, SO_RCVBUFFORCE, opts->so_rcvbuf) ||
	    set_timeout(r, fd, SO_SNDTIMEO, opts->so_snd_tmo_sec, opts->so_snd_tmo_usec) ||
	    set_timeout(r, fd, SO_RCVTIMEO, opts->so_rcv_tmo_sec, opts->so_rcv_tmo_usec) ||
	    (opts->has_so_rcvlowat && opts->so_rcvlowat != 1 &&
	     set_on(r, fd, SO_RCVLOWAT, opts->so_rcvlowat)) ||
	    set_on(r, fd, SO_MARK, opts->so_mark) ||
	    set_on(r, fd, SO_PASSCRED, opts->so_passcred) ||
	    set_on(r, fd, SO_PASSSEC, opts->so_passsec) ||
	    set_on(r, fd, SO_DONTROUTE, opts->so_dontroute) ||
	    set_on(r, fd, SO_NO_CHECK, opts->so_no_check) ||
	    set_on(r, fd, SO_BROADCAST, opts->so_broadcast) ||
	    set_on(r, fd, SO_KEEPALIVE, opts->so_keepalive) ||
	    set_on(r, fd, SO_OOBINLINE, opts->so_oobinline) || set_strings(r, fd, opts) ||
	    set_filter(r, fd, opts) || set_ints(r, fd, opts))
		return r->err->code;
	/* IP_TOS changes it too. */
	if (opts->has_so_priority && set_int(r, fd, SOL_SOCKET, SO_PRIORITY, opts->so_priority))
		return r->err->code;
	if (opts->has_so_linger && setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)))
		return fail(r->err, errno, "cannot set how it lingers");
	/* Setting a size has locked it; kernels before 5.14 cannot undo that. */
	if (opts->has_so_buf_lock)
		(void)setsockopt(fd, SOL_SOCKET, SO_BUF_LOCK, &locks, sizeof(locks));
	return 0;
}

int restore_reuse(struct restore *r, int fd, bool addr, bool port)
{
	int rc = set_int(r, fd, SOL_SOCKET, SO_REUSEADDR, addr);

	return rc ? rc : set_int(r, fd, SOL_SOCKET, SO_REUSEPORT, port);
}
