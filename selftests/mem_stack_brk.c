// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stack still grows by itself, the heap goes on where it ended, and a mapping that grows
 * down keeps doing so.
 */
#include "subject.h"

#include <alloca.h>

/* Touches @size bytes below the frame; returns a byte of them. */
static __attribute__((noinline)) int dive(size_t size)
{
	volatile unsigned char *p = alloca(size);
	size_t page = sysconf(_SC_PAGESIZE);

	for (size_t i = size; i > page; i -= page)
		p[i - 1] = 0x11;
	p[0] = 0x12;
	return p[0];
}

int main(void)
{
	size_t page = sysconf(_SC_PAGESIZE);
	unsigned char *heap = sbrk(5 * page), *end = sbrk(0), *down;
	unsigned char local[3 * 4096];

	subject_need(heap != (void *)-1, "sbrk: %m");
	memset(heap, 0x21, 5 * page);
	memset(local, 0x31, sizeof(local));
	down = mmap(NULL, 300 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	subject_need(down != MAP_FAILED, "mmap: %m");
	munmap(down, 298 * page);
	down = mmap(down + 298 * page, 2 * page, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
	subject_need(down != MAP_FAILED, "mmap growsdown: %m");
	down[0] = 0x41;
	dive(256 << 10);
	subject_ready();
	subject_wait_restored();

	for (size_t i = 0; i < sizeof(local); i++) {
		if (local[i] != 0x31) {
			subject_check(false, "a byte on the stack changed");
			break;
		}
	}
	subject_check(dive(4 << 20) == 0x12, "the stack is wrong");
	subject_check(sbrk(0) == end, "the break is %p, was %p", sbrk(0), (void *)end);
	subject_check(heap[0] == 0x21 && heap[5 * page - 1] == 0x21, "the heap changed");
	subject_check(sbrk(3 * page) == end, "the heap does not grow: %m");
	memset(end, 0x22, 3 * page);
	subject_check(brk(heap) == 0 && sbrk(0) == heap, "the heap does not shrink: %m");
	subject_check(down[0] == 0x41, "the mapping that grows down changed");
	down[-(int)page] = 0x42;
	subject_check(down[-(int)page] == 0x42, "it does not grow");
	return subject_end();
}
