// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory beyond what programs get unless they ask for it: above 2^47 (x86-64 with five levels
 * of page tables), above 2^48 (arm64 with 52 bits).
 */
#include "subject.h"

#define SIZE (64 * 1024)

/* Above all that is given to whoever does not ask: the stack is the topmost of that. NULL: none. */
static char *map_high(void)
{
	static const int bits[] = {56, 52};
	int usual = 64 - __builtin_clzl((unsigned long)__builtin_frame_address(0));

	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		void *hint = (void *)((1ul << bits[i]) - (1ul << 30));
		char *got = mmap(hint, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
				 0);

		subject_need(got != MAP_FAILED, "mmap: %m");
		if ((uintptr_t)got >> usual)
			return got;
		munmap(got, SIZE);
	}
	return NULL;
}

static void fill(char *memory, int salt)
{
	for (int i = 0; i < SIZE; i++)
		memory[i] = (char)(i * 7 + i / 251 + salt);
}

static bool is_filled(const char *memory, int salt)
{
	for (int i = 0; i < SIZE; i++)
		if (memory[i] != (char)(i * 7 + i / 251 + salt))
			return false;
	return true;
}

int main(void)
{
	char *memory = map_high(), *shared;

	if (!memory)
		subject_skip("this kernel gives no such addresses");
	shared = mmap(memory - 2 * SIZE, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	subject_need(shared != MAP_FAILED, "mmap: %m");
	fill(memory, 1);
	fill(shared, 2);
	subject_ready();
	subject_wait_restored();
	subject_check(is_filled(memory, 1), "the memory at %p is not as it was", memory);
	subject_check(is_filled(shared, 2), "the shared memory at %p is not as it was", shared);
	fill(memory, 3);
	subject_check(is_filled(memory, 3), "the memory at %p cannot be used", memory);
	return subject_end();
}
