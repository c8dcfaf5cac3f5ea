// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/message.h"
#include "regset.pb-c.h"

void *message_copy(const void *data, size_t n)
{
	void *copy = malloc(n);

	return copy ? memcpy(copy, data, n) : NULL;
}

int message_add_regset(RegsetEntry ***list, size_t *n_list, __u32 note, const void *data, size_t n)
{
	RegsetEntry **grown = realloc(*list, (*n_list + 1) * sizeof(**list));
	RegsetEntry *entry;

	if (!grown)
		return -ENOMEM;
	*list = grown;
	entry = NEW_MESSAGE(RegsetEntry, regset_entry);
	if (!entry)
		return -ENOMEM;
	grown[(*n_list)++] = entry;
	entry->note = note;
	entry->data.data = message_copy(data, n);
	if (!entry->data.data)
		return -ENOMEM;
	entry->data.len = n;
	return 0;
}
