// SPDX-License-Identifier: GPL-2.0-only
/* A pruned copy of the kernel's BTF (Documentation/bpf/btf.rst). */

#include "collect/types.h"

#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/ids.h"

struct pruner {
	void *data; /* the kernel's BTF, owned */
	size_t size;
	bool is_mapped;
	const struct btf_header *head;
	const char *strings;
	uint32_t *offsets; /* of type number i; owned */
	uint32_t *numbers; /* its new number, 0: not taken; owned */
	uint32_t n_types;  /* the numbers run from 1 to n_types - 1 */
	struct ids wanted; /* hashes of the names that our programs use */
	uint32_t *taken;   /* old numbers in the new order; owned */
	size_t n_taken;
	struct buf types, names; /* of the copy */
};

static uint64_t hash_name(const char *name, size_t n)
{
	uint64_t hash =
		0xcbf29ce484222325; /* FNV-1a; two names that collide only take a type more */

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (unsigned char)name[i]) * 0x100000001b3;
	return hash | 1;
}

/* A name without the ___flavour. */
static size_t essential_length(const char *name)
{
	const char *flavour = strstr(name, "___");

	return flavour && flavour != name ? (size_t)(flavour - name) : strlen(name);
}

static bool has_wanted_kind(int kind)
{
	return kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION || kind == BTF_KIND_ENUM ||
	       kind == BTF_KIND_ENUM64 || kind == BTF_KIND_TYPEDEF || kind == BTF_KIND_INT;
}

static int want_names(struct pruner *p, const struct btf *ours)
{
	for (uint32_t i = 1; i < btf__type_cnt(ours); i++) {
		const struct btf_type *t = btf__type_by_id(ours, i);
		const char *name = btf__name_by_offset(ours, t->name_off);

		if (!has_wanted_kind(btf_kind(t)) || !name || !*name)
			continue;
		if (ids_set(&p->wanted, hash_name(name, essential_length(name)), 1))
			return -ENOMEM;
	}
	return 0;
}

/* The kernel lets it be mapped since 6.16; else sysfs gives a page at a time. The size it says. */
static int read_kernel(struct pruner *p)
{
	_cleanup_close_ int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	p->data = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	p->is_mapped = p->data != MAP_FAILED;
	if (p->is_mapped) {
		p->size = st.st_size;
		return 0;
	}
	p->data = malloc(st.st_size);
	if (!p->data)
		return -ENOMEM;
	while (p->size < (size_t)st.st_size) {
		n = read(fd, (char *)p->data + p->size, st.st_size - p->size);
		if (n <= 0)
			return n ? -errno : -EIO;
		p->size += n;
	}
	return 0;
}

/* Bytes of what follows struct btf_type; -1: a kind that this code does not know. */
static long tail_size(const struct btf_type *t)
{
	switch (btf_kind(t)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return 4;
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return btf_vlen(t) * sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return btf_vlen(t) * sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
		return btf_vlen(t) * sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO:
		return btf_vlen(t) * sizeof(struct btf_param);
	case BTF_KIND_DATASEC:
		return btf_vlen(t) * sizeof(struct btf_var_secinfo);
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPE_TAG:
		return 0;
	}
	return -1;
}

static const struct btf_type *type_at(const struct pruner *p, uint32_t number)
{
	return (const void *)((const char *)p->head + p->head->hdr_len + p->head->type_off +
			      p->offsets[number]);
}

static const char *name_of(const struct pruner *p, uint32_t offset)
{
	return offset < p->head->str_len ? p->strings + offset : "";
}

static int index_types(struct pruner *p)
{
	const struct btf_header *head = p->data;
	const char *types = (const char *)head + head->hdr_len + head->type_off;
	size_t room = head->type_len / sizeof(struct btf_type) + 2;

	if (p->size < sizeof(*head) || head->magic != BTF_MAGIC ||
	    p->size < (size_t)head->hdr_len + head->type_off + head->type_len ||
	    p->size < (size_t)head->hdr_len + head->str_off + head->str_len || !head->str_len)
		return -EINVAL;
	p->head = head;
	p->strings = (const char *)head + head->hdr_len + head->str_off;
	p->offsets = malloc(room * sizeof(*p->offsets));
	p->numbers = calloc(room, sizeof(*p->numbers));
	if (!p->offsets || !p->numbers)
		return -ENOMEM;
	p->n_types = 1;
	for (uint32_t at = 0; at < head->type_len;) {
		long tail = tail_size((const void *)(types + at));

		if (tail < 0)
			return -EINVAL;
		p->offsets[p->n_types++] = at;
		at += sizeof(struct btf_type) + tail;
	}
	return 0;
}

static bool is_wanted(const struct pruner *p, const struct btf_type *t)
{
	const char *name = name_of(p, t->name_off);

	return !*name || ids_get(&p->wanted, hash_name(name, strlen(name)));
}

/* The new number of a type, which is taken if it was not. 0: void, or no memory (see n_taken). */
static uint32_t take(struct pruner *p, uint32_t number, bool *failed)
{
	uint32_t *slot;

	if (!number || number >= p->n_types)
		return 0;
	if (p->numbers[number])
		return p->numbers[number];
	slot = array_add(p->taken, p->n_taken);
	if (!slot) {
		*failed = true;
		return 0;
	}
	*slot = number;
	return p->numbers[number] = p->n_taken;
}

static uint32_t take_name(struct pruner *p, uint32_t offset, bool *failed)
{
	const char *name = name_of(p, offset);
	uint32_t at = p->names.size;

	if (!*name)
		return 0;
	if (buf_add(&p->names, name, strlen(name) + 1))
		*failed = true;
	return at;
}

/* What a type refers to. Pointers lead to void, and what nobody named has no members. */
static void copy_tail(struct pruner *p, struct btf_type *t, const struct btf_type *from,
		      bool *failed)
{
	struct btf_member *members = (void *)(t + 1);
	struct btf_array *array = (void *)(t + 1);
	struct btf_enum64 *enums64 = (void *)(t + 1);
	struct btf_enum *enums = (void *)(t + 1);

	switch (btf_kind(from)) {
	case BTF_KIND_PTR:
		t->type = 0;
		break;
	case BTF_KIND_ARRAY:
		array->type = take(p, array->type, failed);
		array->index_type = take(p, array->index_type, failed);
		break;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		for (int i = 0; i < btf_vlen(t); i++) {
			members[i].name_off = take_name(p, members[i].name_off, failed);
			members[i].type = take(p, members[i].type, failed);
		}
		break;
	case BTF_KIND_ENUM:
		for (int i = 0; i < btf_vlen(t); i++)
			enums[i].name_off = take_name(p, enums[i].name_off, failed);
		break;
	case BTF_KIND_ENUM64:
		for (int i = 0; i < btf_vlen(t); i++)
			enums64[i].name_off = take_name(p, enums64[i].name_off, failed);
		break;
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
		t->type = take(p, t->type, failed);
		break;
	}
}

static int copy_type(struct pruner *p, uint32_t number)
{
	const struct btf_type *from = type_at(p, number);
	int kind = btf_kind(from);
	bool has_members = kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION ||
			   kind == BTF_KIND_ENUM || kind == BTF_KIND_ENUM64;
	bool is_shell = has_members && !is_wanted(p, from);
	size_t size = sizeof(*from) + (is_shell ? 0 : tail_size(from));
	_cleanup_free_ struct btf_type *copy = malloc(size);
	bool failed = false;

	if (!copy)
		return -ENOMEM;
	memcpy(copy, from, size);
	if (is_shell)
		copy->info &= ~0xffffU;
	copy->name_off = take_name(p, from->name_off, &failed);
	copy_tail(p, copy, from, &failed);
	return failed ? -ENOMEM : buf_add(&p->types, copy, size);
}

/* The functions that stand for the iterators. */
static void find_attach(struct pruner *p, struct kernel_types *types)
{
	static const char *const names[] = {"bpf_iter_task", "bpf_iter_task_file",
					    "bpf_iter_task_vma"};

	for (uint32_t i = 1; i < p->n_types; i++) {
		const struct btf_type *t = type_at(p, i);
		const char *name;

		if (btf_kind(t) != BTF_KIND_FUNC)
			continue;
		name = name_of(p, t->name_off);
		if (strncmp(name, "bpf_iter_task", 13))
			continue;
		for (int k = 0; k < 3; k++)
			if (!strcmp(name, names[k]))
				types->attach[k] = i;
	}
}

/* A named type that is embedded without a member's name lends its members to the outer one. */
static int want_embedded(struct pruner *p, const struct btf_type *t)
{
	const struct btf_member *members = btf_members(t);
	int r = 0;

	for (int i = 0; i < btf_vlen(t) && !r; i++) {
		const struct btf_type *inner = type_at(p, members[i].type);
		const char *name = name_of(p, inner->name_off);

		if (!btf_is_composite(inner) || (*name && *name_of(p, members[i].name_off)))
			continue;
		if (*name)
			r = ids_set(&p->wanted, hash_name(name, strlen(name)), 1);
		if (!r)
			r = want_embedded(p, inner);
	}
	return r;
}

static int want_all_embedded(struct pruner *p)
{
	int r = 0;

	for (uint32_t i = 1; i < p->n_types && !r; i++) {
		const struct btf_type *t = type_at(p, i);

		if (btf_is_composite(t) && *name_of(p, t->name_off) && is_wanted(p, t))
			r = want_embedded(p, t);
	}
	return r;
}

static int copy_types(struct pruner *p)
{
	bool failed = false;
	int r = buf_add(&p->names, "", 1);

	if (!r)
		r = want_all_embedded(p);
	for (uint32_t i = 1; i < p->n_types; i++) {
		const struct btf_type *t = type_at(p, i);

		if (has_wanted_kind(btf_kind(t)) && *name_of(p, t->name_off) && is_wanted(p, t))
			take(p, i, &failed);
	}
	for (size_t i = 0; i < p->n_taken && !r; i++)
		r = copy_type(p, p->taken[i]);
	return failed ? -ENOMEM : r;
}

static int write_all(int fd, const void *data, size_t n)
{
	return write(fd, data, n) == (ssize_t)n ? 0 : -EIO;
}

static int write_copy(const struct pruner *p, int fd)
{
	struct btf_header head = {
		.magic = BTF_MAGIC,
		.version = BTF_VERSION,
		.hdr_len = sizeof(head),
		.type_len = p->types.size,
		.str_off = p->types.size,
		.str_len = p->names.size,
	};
	int r = write_all(fd, &head, sizeof(head));

	if (!r)
		r = write_all(fd, p->types.data, p->types.size);
	return r ? r : write_all(fd, p->names.data, p->names.size);
}

static void pruner_deinit(struct pruner *p)
{
	if (p->is_mapped)
		munmap(p->data, p->size);
	else
		free(p->data);
	free(p->offsets);
	free(p->numbers);
	free(p->taken);
	ids_deinit(&p->wanted);
	buf_deinit(&p->types);
	buf_deinit(&p->names);
}

int kernel_types_open(struct kernel_types *types, const struct btf *ours)
{
	struct pruner p = {0};
	int r = want_names(&p, ours);

	*types = (struct kernel_types){.file = -1};
	if (!r)
		r = read_kernel(&p);
	if (!r)
		r = index_types(&p);
	if (!r)
		r = copy_types(&p);
	if (!r) {
		find_attach(&p, types);
		types->file = memfd_create("crbpf-btf", MFD_CLOEXEC);
		r = types->file < 0 ? -errno : write_copy(&p, types->file);
	}
	pruner_deinit(&p);
	if (r)
		kernel_types_close(types);
	return r;
}

void kernel_types_close(struct kernel_types *types)
{
	if (types->file >= 0)
		close(types->file);
	types->file = -1;
}
