// SPDX-License-Identifier: GPL-2.0-only
#include "kind.h"

/* KIND(name) for every file of user/kind/, written by the Makefile. */
#define KIND(name) extern const struct kind kind_##name;
#include "kinds.inc"
#undef KIND

#define KIND(name) &kind_##name,
const struct kind *const kinds[] = {
#include "kinds.inc"
	NULL,
};
#undef KIND

const struct kind *kind_of_type(int type)
{
	for (const struct kind *const *k = kinds; *k; k++)
		if ((*k)->file && (*k)->file->type == type)
			return *k;
	return NULL;
}

const struct kind *kind_of_file(const struct file *f, const struct kind **ret_other)
{
	const struct kind *found = NULL;

	*ret_other = NULL;
	for (const struct kind *const *k = kinds; *k; k++) {
		if (!(*k)->file || !(*k)->file->claims(f))
			continue;
		if (found) {
			*ret_other = *k;
			return NULL;
		}
		found = *k;
	}
	return found;
}

const struct kind *kind_of_vma(const struct vma *v, const struct kind **ret_other)
{
	const struct kind *found = NULL;

	*ret_other = NULL;
	for (const struct kind *const *k = kinds; *k; k++) {
		if (!(*k)->vma || !(*k)->vma->claims(v))
			continue;
		if (found) {
			*ret_other = *k;
			return NULL;
		}
		found = *k;
	}
	return found;
}

const struct kind *kind_of_vma_entry(const VmaEntry *entry)
{
	for (const struct kind *const *k = kinds; *k; k++)
		if ((*k)->vma && (*k)->vma->owns(entry))
			return *k;
	return NULL;
}
