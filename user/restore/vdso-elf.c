// SPDX-License-Identifier: GPL-2.0-only
#include "restore/vdso-elf.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "lib/err.h"

/* Names that are looked at: kernels have twenty. */
#define SYMBOLS_MAX 256
/* What CRIU writes over the head of a vDSO that serves an older one, 40 bytes: see read_head. */
#define CRIU_MARK 0x4f53447655495243ull

/* Copies @n bytes at @offset; false if they are not all there. */
static bool get(const struct vdso_elf *elf, uint64_t offset, void *ret, size_t n)
{
	if (offset > elf->size || n > elf->size - offset)
		return false;
	memcpy(ret, elf->bytes + offset, n);
	return true;
}

/* The string at @offset, which ends inside of the bytes; NULL. */
static const char *get_string(const struct vdso_elf *elf, uint64_t offset)
{
	if (offset >= elf->size || !memchr(elf->bytes + offset, 0, elf->size - offset))
		return NULL;
	return (const char *)elf->bytes + offset;
}

/* Where the kernel's build leaves the program headers, and where CRIU's mark does not reach. */
static bool read_head(const struct vdso_elf *elf, Elf64_Ehdr *ret)
{
	uint64_t mark;

	if (!get(elf, 0, ret, sizeof(*ret)))
		return false;
	memcpy(&mark, elf->bytes, sizeof(mark));
	if (mark == CRIU_MARK)
		ret->e_phoff = sizeof(*ret);
	else if (memcmp(ret->e_ident, ELFMAG, SELFMAG) || ret->e_ident[EI_CLASS] != ELFCLASS64)
		return false;
	return ret->e_phentsize == sizeof(Elf64_Phdr);
}

struct tables {
	uint64_t bias;    /* address of the first byte */
	uint64_t dynamic; /* offsets, 0: none */
	uint64_t symbols, strings, hash;
};

static void read_notes(struct vdso_elf *elf, uint64_t at, uint64_t size)
{
	uint64_t end = size > elf->size || at > elf->size - size ? 0 : at + size;
	Elf64_Nhdr note;

	while (at < end && end - at >= sizeof(note) && get(elf, at, &note, sizeof(note))) {
		uint64_t name = at + sizeof(note),
			 content = name + ((note.n_namesz + 3ull) & ~3ull);

		at = content + ((note.n_descsz + 3ull) & ~3ull);
		if (at > end)
			return;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && note.n_descsz &&
		    !memcmp(elf->bytes + name, "GNU", 4)) {
			elf->build_id = elf->bytes + content;
			elf->build_id_size = note.n_descsz;
		}
	}
}

static void read_segments(struct vdso_elf *elf, const Elf64_Ehdr *head, struct tables *ret)
{
	Elf64_Phdr segment;

	for (unsigned int i = 0; i < head->e_phnum; i++) {
		if (!get(elf, head->e_phoff + i * sizeof(segment), &segment, sizeof(segment)))
			return;
		if (segment.p_type == PT_LOAD)
			ret->bias = segment.p_vaddr - segment.p_offset;
		else if (segment.p_type == PT_DYNAMIC)
			ret->dynamic = segment.p_offset;
		else if (segment.p_type == PT_NOTE)
			read_notes(elf, segment.p_offset, segment.p_filesz);
	}
}

static void read_dynamic(const struct vdso_elf *elf, struct tables *t)
{
	Elf64_Dyn entry;

	for (uint64_t at = t->dynamic; get(elf, at, &entry, sizeof(entry)); at += sizeof(entry)) {
		uint64_t offset = entry.d_un.d_ptr - t->bias;

		switch (entry.d_tag) {
		case DT_NULL:
			return;
		case DT_SYMTAB:
			t->symbols = offset;
			break;
		case DT_STRTAB:
			t->strings = offset;
			break;
		case DT_HASH:
			t->hash = offset;
			break;
		}
	}
}

/* The hash table tells, if there is the old one; else the strings follow the symbols, as linkers
 * do. */
static uint64_t count_symbols(const struct vdso_elf *elf, const struct tables *t)
{
	uint64_t n = 0;
	Elf64_Word hash[2];

	if (t->hash && get(elf, t->hash, hash, sizeof(hash)))
		n = hash[1];
	else if (t->strings > t->symbols)
		n = (t->strings - t->symbols) / sizeof(Elf64_Sym);
	return n < SYMBOLS_MAX ? n : SYMBOLS_MAX;
}

static bool is_function(const struct vdso_elf *elf, const Elf64_Sym *symbol, uint64_t offset)
{
	unsigned int type = ELF64_ST_TYPE(symbol->st_info);

	return (type == STT_FUNC || type == STT_NOTYPE) && symbol->st_value &&
	       symbol->st_shndx != SHN_UNDEF && symbol->st_shndx < SHN_LORESERVE &&
	       offset < elf->size;
}

static int read_symbols(struct vdso_elf *elf, const struct tables *t, struct arena *arena,
			struct error *err)
{
	uint64_t n = count_symbols(elf, t);
	Elf64_Sym symbol;

	elf->functions = arena_alloc(arena, (n ?: 1) * sizeof(*elf->functions));
	if (!elf->functions)
		return fail(err, ENOMEM, "cannot read the vDSO");
	for (uint64_t i = 0; i < n; i++) {
		uint64_t offset;
		const char *name;

		if (!get(elf, t->symbols + i * sizeof(symbol), &symbol, sizeof(symbol)))
			break;
		offset = symbol.st_value - t->bias;
		name = get_string(elf, t->strings + symbol.st_name);
		if (name && *name && is_function(elf, &symbol, offset))
			elf->functions[elf->n++] =
				(struct vdso_function){name, offset, symbol.st_size};
	}
	return 0;
}

int vdso_elf_read(struct vdso_elf *ret, const void *bytes, size_t size, struct arena *arena,
		  struct error *err)
{
	struct tables t = {0};
	Elf64_Ehdr head;

	*ret = (struct vdso_elf){.bytes = bytes, .size = size};
	if (!read_head(ret, &head))
		return fail(err, 0, "what should be its vDSO is none");
	read_segments(ret, &head, &t);
	if (t.dynamic)
		read_dynamic(ret, &t);
	if (!t.symbols || !t.strings)
		return fail(err, 0, "its vDSO has no symbols");
	return read_symbols(ret, &t, arena, err);
}

const struct vdso_function *vdso_elf_find(const struct vdso_elf *elf, const char *name)
{
	for (size_t i = 0; i < elf->n; i++)
		if (!strcmp(elf->functions[i].name, name))
			return &elf->functions[i];
	return NULL;
}

bool vdso_elf_is_same(const struct vdso_elf *a, const struct vdso_elf *b)
{
	if (a->size != b->size)
		return false;
	if (!memcmp(a->bytes, b->bytes, a->size))
		return true;
	return a->build_id && b->build_id && a->build_id_size == b->build_id_size &&
	       !memcmp(a->build_id, b->build_id, a->build_id_size);
}

size_t vdso_elf_end(const struct vdso_elf *elf)
{
	size_t end = elf->size;

	while (end && !elf->bytes[end - 1])
		end--;
	/* The last field of its last table may be zero: tables have entries of up to 64 bytes. */
	end = (end + 64 + 15) & ~(size_t)15;
	return end < elf->size ? end : elf->size;
}
