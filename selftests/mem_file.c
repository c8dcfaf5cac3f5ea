// SPDX-License-Identifier: GPL-2.0-only
/*
 * File mappings: private ones keep what was written over the file, shared ones still reach
 * it, at an offset, past the end of the file, of a file opened read-only, and of one that
 * lost the name by which it was opened (as glibc's named semaphores do).
 */
#include "subject.h"

#define PAGES 16

static int make_file(const char *name, size_t size)
{
	int fd = open(name, O_RDWR | O_CREAT, 0644);
	unsigned char *p = malloc(size);

	subject_need(fd >= 0 && p, "%s: %m", name);
	for (size_t i = 0; i < size; i++)
		p[i] = i / 256 + i;
	subject_need(write(fd, p, size) == (ssize_t)size, "write: %m");
	free(p);
	return fd;
}

static unsigned char *map(int fd, size_t size, int prot, int flags, off_t offset)
{
	unsigned char *p = mmap(NULL, size, prot, flags, fd, offset);

	subject_need(p != MAP_FAILED, "mmap: %m");
	return p;
}

static bool is_file(const unsigned char *p, size_t from, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (p[i] != (unsigned char)((from + i) / 256 + from + i))
			return false;
	}
	return true;
}

/* criu wants --link-remap for it. */
static unsigned char *map_relinked(size_t page)
{
	int fd = make_file("temporary", 2 * page);
	unsigned char *p = map(fd, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, 0);

	subject_need(link("temporary", "lasting") == 0, "link: %m");
	subject_need(subject_through_criu() || unlink("temporary") == 0, "unlink: %m");
	mprotect(p + page, page, PROT_READ);
	close(fd);
	return p;
}

static void check_relinked(unsigned char *p, size_t page)
{
	int fd = open("lasting", O_RDWR);
	unsigned char byte = 0x77;
	struct stat st;

	subject_check(fstat(fd, &st) == 0 && (st.st_nlink == 1 || subject_through_criu()),
		      "the relinked file has %d names", (int)st.st_nlink);
	subject_check(is_file(p, 0, 2 * page), "relinked: its content changed");
	p[3] = 0x66;
	subject_check(pwrite(fd, &byte, 1, page + 3) == 1 && p[page + 3] == 0x77 &&
			      pread(fd, &byte, 1, 3) == 1 && byte == 0x66,
		      "relinked: another file is mapped");
	close(fd);
}

int main(void)
{
	size_t page = sysconf(_SC_PAGESIZE), size = PAGES * page;
	int fd = make_file("private", size), shared_fd = make_file("shared", size), read_fd;
	unsigned char *priv, *shared, *offset, *readonly, *relinked, byte;

	priv = map(fd, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);
	memset(priv + 3 * page, 0xaa, page);
	priv[5 * page + 7] = 0xbb;
	mprotect(priv + 3 * page, page, PROT_READ);
	shared = map(shared_fd, size, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	offset = map(shared_fd, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, 4 * page);
	read_fd = open("shared", O_RDONLY);
	readonly = map(read_fd, 4 * page, PROT_READ, MAP_SHARED, (PAGES - 2) * page);
	shared[page] = 0xcc;
	relinked = map_relinked(page);
	close(fd);
	close(read_fd);
	subject_ready();
	subject_wait_restored();

	subject_check(is_file(priv, 0, 3 * page), "clean private pages changed");
	subject_check(priv[3 * page] == 0xaa && priv[4 * page - 1] == 0xaa, "a dirty page is lost");
	subject_check(priv[5 * page + 7] == 0xbb, "a dirty byte is lost");
	subject_check(is_file(priv + 5 * page, 5 * page, 7), "the rest of a dirty page is lost");
	shared[0] = 0xdd;
	offset[1] = 0xee;
	subject_check(pread(shared_fd, &byte, 1, 0) == 1 && byte == 0xdd, "shared: file has 0x%x", byte);
	subject_check(pread(shared_fd, &byte, 1, page) == 1 && byte == 0xcc, "an old write is lost");
	subject_check(shared[4 * page + 1] == 0xee, "the mapping at an offset is elsewhere");
	subject_check(is_file(readonly, (PAGES - 2) * page, 2 * page), "the read-only one changed");
	subject_check(mprotect(readonly, page, PROT_READ | PROT_WRITE) < 0 && errno == EACCES,
		      "a mapping of a descriptor opened for reading became writable");
	check_relinked(relinked, page);
	return subject_end();
}
