// SPDX-License-Identifier: GPL-2.0-only
/*
 * Options of Unix sockets: one for each that differs by one option from all others, among many that
 * have none; a dump asks only one of those that look alike to it.
 */
#include "subject.h"

#include <linux/filter.h>
#include <sys/socket.h>
#include <sys/time.h>

/* Newer than the headers of the oldest distribution. */
#define PREFER_BUSY_POLL 69
#define BUF_LOCK         72
#define RCVMARK          75
#define PASSPIDFD        76
#define PASSRIGHTS       83

#define ROUNDS 3 /* sockets that have the same */

/* @by_criu: its images have it. */
static const struct option {
	int name, value;
	bool by_criu;
} options[] = {
	{SO_SNDBUF, 30000, true},
	{SO_RCVBUF, 30000, true},
	{SO_REUSEADDR, 1},
	{SO_REUSEPORT, 1},
	{SO_PRIORITY, 3, true},
	{SO_MARK, 5, true},
	{SO_DONTROUTE, 1, true},
	{SO_BROADCAST, 1, true},
	{SO_KEEPALIVE, 1, true},
	{SO_OOBINLINE, 1, true},
	{SO_NO_CHECK, 1, true},
	{SO_PASSCRED, 1, true},
	{SO_PASSSEC, 1, true},
	{SO_RCVLOWAT, 7},
	{BUF_LOCK, 1},
	{BUF_LOCK, 2},
	{SO_TIMESTAMP, 1},
	{SO_TIMESTAMPNS, 1},
	{SO_TIMESTAMPING, 8},
	{SO_TIMESTAMPING, 16},
	{SO_PEEK_OFF, 0},
	{SO_PEEK_OFF, 11},
	{SO_RXQ_OVFL, 1},
	{SO_BUSY_POLL, 50},
	{PREFER_BUSY_POLL, 1},
	{SO_SELECT_ERR_QUEUE, 1},
	{SO_MAX_PACING_RATE, 1 << 20},
	{RCVMARK, 1},
	{PASSPIDFD, 1},
	{PASSRIGHTS, 0},
	{SO_LOCK_FILTER, 1},
};

#define OPTIONS  (sizeof(options) / sizeof(options[0]))
#define SPECIALS 4
#define SOCKETS  (2 * ROUNDS * (OPTIONS + SPECIALS))

struct seen {
	int ints[OPTIONS]; /* INT_MIN: not known here */
	struct linger linger;
	struct timeval timeouts[2];
	int filter; /* instructions */
};

static void look(int fd, struct seen *seen)
{
	socklen_t n;

	memset(seen, 0, sizeof(*seen));
	for (size_t i = 0; i < OPTIONS; i++) {
		n = sizeof(int);
		if (getsockopt(fd, SOL_SOCKET, options[i].name, &seen->ints[i], &n))
			seen->ints[i] = INT_MIN;
	}
	n = sizeof(seen->linger);
	getsockopt(fd, SOL_SOCKET, SO_LINGER, &seen->linger, &n);
	n = sizeof(seen->timeouts[0]);
	getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &seen->timeouts[0], &n);
	n = sizeof(seen->timeouts[1]);
	getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &seen->timeouts[1], &n);
	n = 0;
	if (!getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, NULL, &n))
		seen->filter = (int)n;
}

/* What is no int; @n from 0 to SPECIALS - 1. */
static void set_special(int fd, size_t n)
{
	struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, 0xffff)};
	struct sock_fprog program = {.len = 1, .filter = code};
	struct linger linger = {.l_onoff = 1, .l_linger = 9};
	struct timeval timeout = {.tv_sec = 12, .tv_usec = 500000};
	int rc;

	if (n == 0)
		rc = setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	else if (n == 3)
		rc = setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
	else
		rc = setsockopt(fd, SOL_SOCKET, n == 1 ? SO_RCVTIMEO : SO_SNDTIMEO, &timeout,
				sizeof(timeout));
	subject_need(!rc, "the special option %zu: %m", n);
}

/* An option that this kernel does not know leaves one more socket without any. */
static void set(int fd, size_t n)
{
	const struct option *option = &options[n % (OPTIONS + SPECIALS)];

	n %= OPTIONS + SPECIALS;
	if (n >= OPTIONS)
		set_special(fd, n - OPTIONS);
	else if (option->by_criu || !subject_through_criu())
		(void)setsockopt(fd, SOL_SOCKET, option->name, &option->value, sizeof(int));
}

static void compare(size_t i, const struct seen *then, const struct seen *now)
{
	for (size_t k = 0; k < OPTIONS; k++)
		subject_check(then->ints[k] == now->ints[k], "socket %zu: option %d is %d, was %d",
			      i, options[k].name, now->ints[k], then->ints[k]);
	subject_check(!memcmp(&then->linger, &now->linger, sizeof(then->linger)),
		      "socket %zu: it lingers %d s, did %d", i, now->linger.l_linger,
		      then->linger.l_linger);
	for (int k = 0; k < 2; k++)
		subject_check(then->timeouts[k].tv_sec == now->timeouts[k].tv_sec &&
				      then->timeouts[k].tv_usec == now->timeouts[k].tv_usec,
			      "socket %zu: timeout %d is %ld s, was %ld", i, k,
			      (long)now->timeouts[k].tv_sec, (long)then->timeouts[k].tv_sec);
	subject_check(then->filter == now->filter,
		      "socket %zu: its filter has %d instructions, had %d", i, now->filter,
		      then->filter);
}

int main(void)
{
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
	static struct seen then[SOCKETS];
	struct seen now;
	int fds[SOCKETS];

	for (size_t i = 0; i < SOCKETS; i += 2) {
		int type = types[i / 2 / (OPTIONS + SPECIALS) % 3];

		subject_need(!socketpair(AF_UNIX, type, 0, &fds[i]), "socketpair: %m");
		set(fds[i], i / 2);
	}
	for (size_t i = 0; i < SOCKETS; i++)
		look(fds[i], &then[i]);
	subject_ready();
	subject_wait_restored();
	for (size_t i = 0; i < SOCKETS; i++) {
		look(fds[i], &now);
		compare(i, &then[i], &now);
	}
	return subject_end();
}
