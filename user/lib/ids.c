// SPDX-License-Identifier: GPL-2.0-only
#include "lib/ids.h"

#include <errno.h>
#include <stdlib.h>

/* Open addressing, at most half full; a slot with value 0 is free. */
struct ids_slot {
	uint64_t key;
	uint32_t value;
};

static struct ids_slot *find(struct ids_slot *slots, size_t room, uint64_t key)
{
	size_t i = (size_t)((key * 0x9e3779b97f4a7c15ull) >> 20) & (room - 1);

	while (slots[i].value && slots[i].key != key)
		i = (i + 1) & (room - 1);
	return &slots[i];
}

static int grow(struct ids *ids)
{
	size_t room = ids->room ? ids->room * 2 : 64;
	struct ids_slot *slots = calloc(room, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < ids->room; i++)
		if (ids->slots[i].value)
			*find(slots, room, ids->slots[i].key) = ids->slots[i];
	free(ids->slots);
	ids->slots = slots;
	ids->room = room;
	return 0;
}

uint32_t ids_get(const struct ids *ids, uint64_t key)
{
	return ids->room ? find(ids->slots, ids->room, key)->value : 0;
}

int ids_set(struct ids *ids, uint64_t key, uint32_t value)
{
	struct ids_slot *slot;

	if (ids->n * 2 >= ids->room && grow(ids))
		return -ENOMEM;
	slot = find(ids->slots, ids->room, key);
	if (!slot->value)
		ids->n++;
	*slot = (struct ids_slot){ .key = key, .value = value };
	return 0;
}

uint32_t ids_number(struct ids *ids, uint64_t key)
{
	uint32_t value = ids_get(ids, key);

	if (value)
		return value;
	value = (uint32_t)ids->n + 1;
	return ids_set(ids, key, value) ? 0 : value;
}

void ids_deinit(struct ids *ids)
{
	free(ids->slots);
	*ids = (struct ids){ 0 };
}
