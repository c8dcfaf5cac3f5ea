/* SPDX-License-Identifier: GPL-2.0-only */
/* The memory tagging extension: a tag per 16 bytes, compared with bits 56 to 59 of pointers. */
#include <stdint.h>
#include <sys/auxv.h>

#define MEMORY_TAGS_NONE                                                                           \
	(getauxval(AT_HWCAP2) & 1UL << 18 ? NULL : "this processor tags no memory")
#define PROT_TAGGED 0x20

static inline void memory_tag_set(void *pointer, unsigned int tag)
{
	uint64_t tagged = ((uint64_t)pointer & ~(15ULL << 56)) | (uint64_t)tag << 56;

	__asm__ volatile(".arch armv8.5-a+memtag\n\tstg %0, [%0]" : : "r"(tagged) : "memory");
}

static inline unsigned int memory_tag_get(const void *pointer)
{
	uint64_t tagged = 0;

	__asm__ volatile(".arch armv8.5-a+memtag\n\tldg %0, [%1]" : "+r"(tagged) : "r"(pointer));
	return tagged >> 56 & 15;
}
