// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "caps.h"
#include "check/check.h"
#include "lib/cleanup.h"

static void answer(struct answer *a, enum answer_state state, const char *fmt, va_list args)
{
	a->state = state;
	vsnprintf(a->detail, sizeof(a->detail), fmt, args);
}

void answer_yes(struct answer *a, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	answer(a, ANSWER_YES, fmt, args);
	va_end(args);
}

void answer_no(struct answer *a, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	answer(a, ANSWER_NO, fmt, args);
	va_end(args);
}

void answer_unknown(struct answer *a, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	answer(a, ANSWER_UNKNOWN, fmt, args);
	va_end(args);
}

/* The number of the first one (PROC_USER_INIT_INO, part of the interface since nsfs.h has it). */
#define FIRST_USER_NAMESPACE 0xeffffffdU

bool in_user_namespace(void)
{
	struct stat st;

	return !stat("/proc/self/ns/user", &st) && st.st_ino != FIRST_USER_NAMESPACE;
}

unsigned long long caps_missing(unsigned long long have, unsigned long long caps)
{
	const unsigned long long split = CAP_BIT(CAP_BPF) | CAP_BIT(CAP_PERFMON) |
					 CAP_BIT(CAP_CHECKPOINT_RESTORE);

	/* These were once part of CAP_SYS_ADMIN, which still does. */
	if (have & CAP_BIT(CAP_SYS_ADMIN))
		caps &= ~split;
	return caps & ~have;
}

/* "CAP_A, CAP_B" of a set, into @buf. */
static void name_caps(unsigned long long caps, char *buf, size_t size)
{
	size_t at = 0;
	char name[32];

	for (int cap = 0; cap < 64 && at < size; cap++) {
		if (!(caps & CAP_BIT(cap)))
			continue;
		caps_name(cap, name);
		for (char *s = name; *s; s++)
			*s = (char)toupper((unsigned char)*s);
		at += (size_t)snprintf(buf + at, size - at, "%sCAP_%s", at ? ", " : "", name);
	}
}

static void lack(struct answer *a, unsigned long long caps)
{
	char names[128] = "";

	name_caps(caps, names, sizeof(names));
	answer_unknown(a, "cannot tell without %s", names);
	if (a->is_in_namespace)
		snprintf(a->advice, sizeof(a->advice),
			 "run as root of the machine, outside of any user namespace");
	else
		snprintf(a->advice, sizeof(a->advice), "run as root, or with %s", names);
}

void answer_failed(struct answer *a, int errnum, unsigned long long caps, const char *fmt, ...)
{
	va_list args;
	size_t at;

	errnum = errnum < 0 ? -errnum : errnum;
	caps = caps_missing(a->caps, caps);
	if (caps && (errnum == EPERM || errnum == EACCES)) {
		lack(a, caps);
		return;
	}
	va_start(args, fmt);
	answer(a, ANSWER_NO, fmt, args);
	va_end(args);
	at = strlen(a->detail);
	snprintf(a->detail + at, sizeof(a->detail) - at, ": %s", strerror(errnum));
}

void answer_call(struct answer *a, long ret, unsigned long long caps, const char *what)
{
	if (ret < 0)
		answer_failed(a, errno, caps, "%s", what);
	else
		answer_yes(a, "%s", "");
}

int check_read(const struct check *c, const char *path, char *buf, size_t size)
{
	_cleanup_free_ char *full = NULL;
	_cleanup_close_ int fd = -1;
	ssize_t n;

	if (asprintf(&full, "%s%s", c->sysroot, path) < 0)
		return -ENOMEM;
	fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	if (n < 0)
		return -errno;
	while (n && (buf[n - 1] == '\n' || !buf[n - 1]))
		n--;
	buf[n] = '\0';
	return 0;
}
