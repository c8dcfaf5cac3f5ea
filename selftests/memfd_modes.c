// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory files of every kind: without sealing, not executable, of huge pages (mapped and not),
 * sealed against writing (and against writing in future, with a mapping that may), large and
 * sparse, empty, read by a description of its own, and with a long name.
 */
#include "memfd_test.h"

#include <linux/memfd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 16
#endif
#define LONG_NAME "a name with spaces, \xc3\xa4 and (deleted)"
#define SPARSE	  (3LL << 30)

/* The size of huge pages by default: 2 MB, or 32 with pages of 16K. */
static size_t huge_size(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char line[128];
	size_t kb = 0;

	while (f && !kb && fgets(line, sizeof(line), f))
		sscanf(line, "Hugepagesize: %zu kB", &kb);
	if (f)
		fclose(f);
	return kb * 1024;
}

static int make(const char *name, unsigned int flags, off_t size, const char *text)
{
	int fd = (int)syscall(SYS_memfd_create, name, flags);

	if (fd < 0)
		return -1;
	subject_need(ftruncate(fd, size) == 0 && (!*text || pwrite(fd, text, strlen(text), 0) > 0),
		     "%s: %m", name);
	return fd;
}

static void check(int fd, const char *what, off_t size, int seals, int mode, const char *text)
{
	char buf[32] = "";
	struct stat st;

	subject_check(fstat(fd, &st) == 0 && st.st_size == size && (int)(st.st_mode & 07777) == mode,
		      "%s: size %lld, mode %o", what, (long long)st.st_size, st.st_mode);
	subject_check(fcntl(fd, F_GET_SEALS) == seals, "%s: seals %x", what, fcntl(fd, F_GET_SEALS));
	subject_check(pread(fd, buf, strlen(text), 0) == (ssize_t)strlen(text) && !strcmp(buf, text),
		      "%s: content `%s'", what, buf);
}

/* Pages of that size are there for the asking on few machines. */
static char *map_huge(int fd)
{
	char *p = fd < 0 ? MAP_FAILED
			 : mmap(NULL, huge_size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return NULL;
	strcpy(p, "huge");
	return p;
}

int main(void)
{
	int plain = make("plain", 0, 5, "words"), closed = make("closed", MFD_NOEXEC_SEAL, 5, "words");
	int sealed = make("sealed", MFD_ALLOW_SEALING, 6, "sealed"), empty = make("", 0, 0, "");
	int future = make("future", MFD_ALLOW_SEALING, 8192, "future");
	int sparse = make("sparse", 0, SPARSE, "begin"), named = make(LONG_NAME, 0, 1, "x");
	/* CRIU looks for a mount of huge memory files, and finds none. */
	int huge = subject_through_criu() ? -1 : make("huge", MFD_HUGETLB, (off_t)huge_size(), "");
	int huge_unmapped = -1, reader;
	int noexec_seals = closed < 0 ? 0 : fcntl(closed, F_GET_SEALS), status;
	char *huge_map = map_huge(huge), *writable, proc[64];
	struct stat st;

	subject_need(plain >= 0 && sealed >= 0 && empty >= 0 && future >= 0 && sparse >= 0 && named >= 0,
		     "memfd_create: %m");
	if (huge_map) {
		subject_say("huge", "mapped");
		huge_unmapped = make("unmapped", MFD_HUGETLB, (off_t)huge_size(), "");
	}
	subject_need(pwrite(sparse, "end", 3, SPARSE - 3) == 3, "pwrite: %m");
	writable = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, future, 0);
	status = fcntl(future, F_ADD_SEALS, F_SEAL_FUTURE_WRITE);
	subject_need(writable != MAP_FAILED && status == 0 &&
			     fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL) == 0,
		     "seals: %m");
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", sealed);
	reader = open(proc, O_RDONLY);
	subject_need(reader >= 0 && lseek(reader, 3, SEEK_SET) == 3, "open: %m");
	subject_ready();
	subject_wait_restored();

	check(plain, "plain", 5, F_SEAL_SEAL, 0777, "words");
	if (closed >= 0)
		check(closed, "not executable", 5, noexec_seals, 0666, "words");
	check(sealed, "sealed", 6, F_SEAL_WRITE | F_SEAL_SEAL, 0777, "sealed");
	subject_check(write(sealed, "x", 1) < 0 && errno == EPERM, "sealed: it can be written");
	subject_check(read(reader, proc, 8) == 3 && memcmp(proc, "led", 3) == 0 &&
			      lseek(sealed, 0, SEEK_CUR) == 0,
		      "a reader of its own: %.3s", proc);
	check(future, "future", 8192, F_SEAL_FUTURE_WRITE, 0777, "future");
	writable[4096] = 'w';
	subject_check(pread(future, proc, 1, 4096) == 1 && proc[0] == 'w', "its mapping is another");
	subject_check(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, future, 0) == MAP_FAILED,
		      "it can be mapped for writing");
	check(sparse, "sparse", SPARSE, F_SEAL_SEAL, 0777, "begin");
	subject_check(fstat(sparse, &st) == 0 && st.st_blocks < 2048 &&
			      pread(sparse, proc, 3, SPARSE - 3) == 3 && memcmp(proc, "end", 3) == 0,
		      "sparse: %lld blocks", (long long)st.st_blocks);
	check(empty, "empty", 0, F_SEAL_SEAL, 0777, "");
	check_name(empty, "/memfd: (deleted)");
	check_name(named, "/memfd:" LONG_NAME " (deleted)");
	if (huge_map) {
		subject_check(strcmp(huge_map, "huge") == 0 && fstat(huge, &st) == 0 &&
				      (size_t)st.st_blksize == huge_size(),
			      "huge: `%.8s', blocks of %ld", huge_map, (long)st.st_blksize);
		huge_map[1] = 'a';
		subject_check(pread(huge, proc, 4, 0) == 4 && proc[1] == 'a', "huge: %.4s", proc);
		subject_check(fstat(huge_unmapped, &st) == 0 && st.st_size == (off_t)huge_size(),
			      "huge and unmapped: size %lld", (long long)st.st_size);
	}
	return subject_end();
}
