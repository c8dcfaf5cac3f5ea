// SPDX-License-Identifier: GPL-2.0-only
#include "buildid.h"

#include <elf.h>
#include <string.h>
#include <unistd.h>

#define LOOK_AT     (1 << 20)
#define MAX_HEADERS 64
#define MAX_NOTES   4096

static size_t note_scan(const unsigned char *notes, size_t n, uint32_t words[static BUILDID_WORDS])
{
	/* The note header is the same for both classes. */
	for (size_t at = 0; at + sizeof(Elf64_Nhdr) <= n;) {
		Elf64_Nhdr note;
		size_t name, desc;

		memcpy(&note, notes + at, sizeof(note));
		name = at + sizeof(note);
		if (note.n_namesz > n || note.n_descsz > n)
			return 0;
		desc = name + ((note.n_namesz + 3) & ~3u);
		if (desc + note.n_descsz > n)
			return 0;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof(ELF_NOTE_GNU) &&
		    !memcmp(notes + name, ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)) &&
		    note.n_descsz <= BUILDID_WORDS * sizeof(words[0])) {
			memset(words, 0, BUILDID_WORDS * sizeof(words[0]));
			memcpy(words, notes + desc, note.n_descsz);
			return (note.n_descsz + 3) / 4;
		}
		at = desc + ((note.n_descsz + 3) & ~3u);
	}
	return 0;
}

static size_t segment_scan(int fd, uint64_t offset, uint64_t size,
			   uint32_t words[static BUILDID_WORDS])
{
	unsigned char notes[MAX_NOTES];
	ssize_t n;

	if (offset >= LOOK_AT)
		return 0;
	n = pread(fd, notes, size < sizeof(notes) ? size : sizeof(notes), offset);
	return n > 0 ? note_scan(notes, n, words) : 0;
}

static size_t scan64(int fd, uint32_t words[static BUILDID_WORDS])
{
	Elf64_Phdr headers[MAX_HEADERS];
	Elf64_Ehdr elf;
	ssize_t n;
	size_t found = 0;

	if (pread(fd, &elf, sizeof(elf), 0) != sizeof(elf) || elf.e_phoff >= LOOK_AT ||
	    elf.e_phentsize != sizeof(headers[0]))
		return 0;
	n = pread(fd, headers, sizeof(headers), elf.e_phoff);
	for (ssize_t i = 0; i < elf.e_phnum && (i + 1) * (ssize_t)sizeof(headers[0]) <= n && !found;
	     i++)
		if (headers[i].p_type == PT_NOTE)
			found = segment_scan(fd, headers[i].p_offset, headers[i].p_filesz, words);
	return found;
}

static size_t scan32(int fd, uint32_t words[static BUILDID_WORDS])
{
	Elf32_Phdr headers[MAX_HEADERS];
	Elf32_Ehdr elf;
	ssize_t n;
	size_t found = 0;

	if (pread(fd, &elf, sizeof(elf), 0) != sizeof(elf) || elf.e_phoff >= LOOK_AT ||
	    elf.e_phentsize != sizeof(headers[0]))
		return 0;
	n = pread(fd, headers, sizeof(headers), elf.e_phoff);
	for (ssize_t i = 0; i < elf.e_phnum && (i + 1) * (ssize_t)sizeof(headers[0]) <= n && !found;
	     i++)
		if (headers[i].p_type == PT_NOTE)
			found = segment_scan(fd, headers[i].p_offset, headers[i].p_filesz, words);
	return found;
}

size_t build_id_read(int fd, uint32_t words[static BUILDID_WORDS])
{
	unsigned char ident[EI_NIDENT];

	if (pread(fd, ident, sizeof(ident), 0) != sizeof(ident) || memcmp(ident, ELFMAG, SELFMAG))
		return 0;
	return ident[EI_CLASS] == ELFCLASS64 ? scan64(fd, words) : scan32(fd, words);
}
