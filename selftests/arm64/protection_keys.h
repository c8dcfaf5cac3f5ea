/* SPDX-License-Identifier: GPL-2.0-only */
/* Rights to protection keys: the register POR_EL0, of four bits for each one lets read, execute,
 * write. */
#include <stdint.h>

#define EXEC_ONLY_HAS_KEY false
/* The instruction by which a function returns. */
#define RETURN_CODE {0xc0, 0x03, 0x5f, 0xd6}

static inline uint64_t key_rights(void)
{
	uint64_t rights;

	__asm__ volatile("mrs %0, s3_3_c10_c2_4" : "=r"(rights));
	return rights;
}

static inline void key_set_rights(uint64_t rights)
{
	__asm__ volatile("msr s3_3_c10_c2_4, %0\n\tisb" : : "r"(rights) : "memory");
}

/* PKEY_DISABLE_* of one key. */
static inline unsigned int key_denied(uint64_t rights, int key)
{
	uint64_t own = rights >> 4 * key;

	return !(own & 1) ? 1 : !(own & 4) ? 2 : 0;
}

static inline uint64_t key_deny(uint64_t rights, int key, unsigned int denied)
{
	uint64_t own = denied & 1 ? 0 : denied & 2 ? 3 : 7;

	return (rights & ~(15ull << 4 * key)) | own << 4 * key;
}
