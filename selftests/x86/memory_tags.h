/* SPDX-License-Identifier: GPL-2.0-only */
/* Tags of memory are ARM64's. */
#define MEMORY_TAGS_NONE "x86 tags no memory"
#define PROT_TAGGED	 0

static inline void memory_tag_set(void *pointer, unsigned int tag)
{
}

static inline unsigned int memory_tag_get(const void *pointer)
{
	return 0;
}
