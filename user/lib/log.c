// SPDX-License-Identifier: GPL-2.0-only
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

#include "lib/clock.h"

void log_init(struct log *log, enum log_level level)
{
	*log = (struct log){ .level = level, .out = stderr, .start_ns = clock_ns() };
}

int log_open(struct log *log, int dirfd, const char *path)
{
	FILE *out;
	int fd;

	fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	out = fdopen(fd, "w");
	if (!out) {
		int code = -errno;

		close(fd);
		return code;
	}
	setvbuf(out, NULL, _IOLBF, 0);
	log_deinit(log);
	log->out = out;
	return 0;
}

void log_deinit(struct log *log)
{
	if (log->out && log->out != stderr)
		fclose(log->out);
	log->out = stderr;
}

void log_print(struct log *log, enum log_level level, const char *fmt, ...)
{
	double seconds;
	va_list ap;

	if (!log || level > log->level)
		return;
	seconds = (double)(clock_ns() - log->start_ns) / 1e9;
	va_start(ap, fmt);
	flockfile(log->out);
	fprintf(log->out, "(%9.6f) %s", seconds, level == LOG_WARN ? "warning: " : "");
	vfprintf(log->out, fmt, ap);
	putc_unlocked('\n', log->out);
	funlockfile(log->out);
	va_end(ap);
}
