// SPDX-License-Identifier: GPL-2.0-only
/*
 * A memfd: content and holes, size, seals, position, name, and mappings that share with the
 * descriptor; one of which the descriptor was closed; one with two descriptors.
 */
#include "memfd_test.h"

int main(void)
{
	size_t page = sysconf(_SC_PAGESIZE);
	int fd = memfd_create("of the test", MFD_ALLOW_SEALING | MFD_CLOEXEC), again, closed;
	int seals = F_SEAL_SHRINK | F_SEAL_GROW;
	unsigned char *p, *only, buf[16] = {};
	struct stat st;

	subject_need(fd >= 0 && ftruncate(fd, 8 * page + 5) == 0, "memfd_create: %m");
	subject_need(pwrite(fd, "hello", 5, 3 * page) == 5, "pwrite: %m");
	p = mmap(NULL, 8 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	subject_need(p != MAP_FAILED && fcntl(fd, F_ADD_SEALS, seals) == 0, "seals: %m");
	lseek(fd, 3 * page, SEEK_SET);
	again = dup(fd);
	closed = memfd_create("closed", 0);
	subject_need(closed >= 0 && ftruncate(closed, 4 * page) == 0, "memfd_create: %m");
	only = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_SHARED, closed, 0);
	subject_need(only != MAP_FAILED, "mmap: %m");
	close(closed);
	memset(only + page, 0x5a, page);
	subject_ready();
	subject_wait_restored();

	subject_check(fstat(fd, &st) == 0 && st.st_size == (off_t)(8 * page + 5), "size %lld",
		      (long long)st.st_size);
	subject_check(fcntl(fd, F_GET_SEALS) == seals, "seals are %d", fcntl(fd, F_GET_SEALS));
	subject_check(fcntl(fd, F_GETFD) == FD_CLOEXEC, "close-on-exec is lost");
	subject_check(read(fd, buf, 5) == 5 && memcmp(buf, "hello", 5) == 0, "read '%s'", buf);
	subject_check(lseek(again, 0, SEEK_CUR) == (off_t)(3 * page + 5), "the position is not shared");
	p[0] = 0x66;
	subject_check(pread(fd, buf, 1, 0) == 1 && buf[0] == 0x66, "mapping and file are two");
	subject_check(only[page] == 0x5a && only[2 * page - 1] == 0x5a && only[0] == 0,
		      "the mapping without a descriptor changed");
	check_name(fd, "/memfd:of the test (deleted)");
	return subject_end();
}
