// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pipes and FIFOs: what is in them and not read, their size and flags, ends that are closed,
 * ends shared with a child.
 */
#include "subject.h"

#define CHUNK ((size_t)1000) /* no whole number of them fills a page */

static char pattern(size_t i)
{
	return i * 7 + i / 251;
}

/* Reads @n bytes of the pattern from @from on. */
static void expect(int fd, const char *who, size_t from, size_t n)
{
	size_t i = from, end = from + n;
	char buf[CHUNK];

	while (i < end) {
		ssize_t got = read(fd, buf, end - i < CHUNK ? end - i : CHUNK), k = 0;

		while (k < got && buf[k] == pattern(i))
			k++, i++;
		if (got <= 0 || k < got) {
			subject_check(false, "%s: byte %zu changed or is lost: %m", who, i);
			return;
		}
	}
}

static void fill(int fd, size_t from, size_t n)
{
	char buf[CHUNK];

	for (size_t i = from, k; i < from + n; i += k) {
		for (k = 0; k < CHUNK && i + k < from + n; k++)
			buf[k] = pattern(i + k);
		subject_need(write(fd, buf, k) == (ssize_t)k, "write: %m");
	}
}

int main(void)
{
	int full[2], big[2], no_writer[2], no_reader[2], child[2], fifo, fifo_r, empty[2];
	char buf[100];
	pid_t pid;

	signal(SIGPIPE, SIG_IGN);
	subject_need(pipe(full) == 0 && pipe(big) == 0 &&
			     pipe2(no_writer, O_CLOEXEC) == 0 && pipe(no_reader) == 0 && pipe(child) == 0 &&
			     pipe2(empty, O_NONBLOCK) == 0,
		     "pipe: %m");
	fill(full[1], 0, 1000);
	expect(full[0], "full", 0, 10);
	subject_need(fcntl(big[1], F_SETPIPE_SZ, 1 << 20) == 1 << 20, "F_SETPIPE_SZ: %m");
	fill(big[1], 0, 200000);
	fill(no_writer[1], 0, 20);
	close(no_writer[1]);
	close(no_reader[0]);
	subject_need(mkfifo("fifo", 0600) == 0, "mkfifo: %m");
	fifo = open("fifo", O_RDWR | O_NONBLOCK);
	fifo_r = open("fifo", O_RDONLY | O_NONBLOCK);
	subject_need(fifo >= 0 && fifo_r >= 0, "open fifo: %m");
	fill(fifo, 0, 5000);
	pid = subject_fork();
	if (pid == 0) {
		close(child[1]);
		expect(child[0], "child", 0, 100);
		_exit(0);
	}
	close(child[0]);
	subject_ready();
	subject_wait_restored();

	expect(full[0], "full", 10, 990);
	fill(full[1], 0, 5);
	expect(full[0], "full, again", 0, 5);
	subject_check(fcntl(big[0], F_GETPIPE_SZ) == 1 << 20, "big: size %d", fcntl(big[0], F_GETPIPE_SZ));
	expect(big[0], "big", 0, 200000);
	subject_check(fcntl(no_writer[0], F_GETFD) == FD_CLOEXEC, "close-on-exec is lost");
	expect(no_writer[0], "no writer", 0, 20);
	subject_check(read(no_writer[0], buf, 1) == 0, "no writer: no end of file");
	subject_check(write(no_reader[1], buf, 1) < 0 && errno == EPIPE, "no reader: no EPIPE");
	expect(fifo_r, "fifo", 0, 5000);
	subject_check(read(empty[0], buf, 1) < 0 && errno == EAGAIN, "empty: not empty or blocking");
	subject_check(read(fifo_r, buf, 1) < 0 && errno == EAGAIN, "fifo: more than there was");
	fill(child[1], 0, 100);
	subject_check(subject_reap(pid) == 0, "the child failed");
	return subject_end();
}
