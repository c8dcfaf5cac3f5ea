/* SPDX-License-Identifier: GPL-2.0-only */
/* Rights to protection keys: the register PKRU, two bits for each that deny access and writing. */
#include <stdint.h>

/* Memory that can only be executed gets a key from the kernel. */
#define EXEC_ONLY_HAS_KEY true
/* The instruction by which a function returns. */
#define RETURN_CODE {0xc3}

static inline uint64_t key_rights(void)
{
	uint32_t rights, zero;

	__asm__ volatile(".byte 0x0f, 0x01, 0xee" : "=a"(rights), "=d"(zero) : "c"(0));
	return rights;
}

static inline void key_set_rights(uint64_t rights)
{
	__asm__ volatile(".byte 0x0f, 0x01, 0xef"
			 :
			 : "a"((uint32_t)rights), "c"(0), "d"(0)
			 : "memory");
}

/* PKEY_DISABLE_* of one key. */
static inline unsigned int key_denied(uint64_t rights, int key)
{
	return rights >> 2 * key & 3;
}

static inline uint64_t key_deny(uint64_t rights, int key, unsigned int denied)
{
	return (rights & ~(3ull << 2 * key)) | (uint64_t)denied << 2 * key;
}
