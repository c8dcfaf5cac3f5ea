/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SELFTESTS_VDSO_FIND_H
#define CRBPF_SELFTESTS_VDSO_FIND_H

#include <elf.h>
#include <sys/auxv.h>

#include "subject.h"

/* The vDSO's function @name, without what its name has before on this processor; NULL. */
static inline void *vdso_find(const char *name)
{
	const char *base = (const char *)getauxval(AT_SYSINFO_EHDR), *names = NULL;
	const Elf64_Ehdr *elf = (const void *)base;
	const Elf64_Phdr *ph;
	const Elf64_Dyn *dyn = NULL;
	const Elf64_Sym *sym = NULL;
	char x86[64], arm64[64];

	subject_need(base, "no vDSO");
	snprintf(x86, sizeof(x86), "__vdso_%s", name);
	snprintf(arm64, sizeof(arm64), "__kernel_%s", name);
	ph = (const void *)(base + elf->e_phoff);
	for (int i = 0; i < elf->e_phnum; i++)
		if (ph[i].p_type == PT_DYNAMIC)
			dyn = (const void *)(base + ph[i].p_offset);
	for (; dyn && dyn->d_tag != DT_NULL; dyn++) {
		if (dyn->d_tag == DT_SYMTAB)
			sym = (const void *)(base + dyn->d_un.d_ptr);
		if (dyn->d_tag == DT_STRTAB)
			names = base + dyn->d_un.d_ptr;
	}
	subject_need(sym && names, "the vDSO has no symbols");
	for (sym++; (const char *)sym < names; sym++)
		if (!strcmp(names + sym->st_name, x86) || !strcmp(names + sym->st_name, arm64))
			return (void *)(base + sym->st_value);
	return NULL;
}

#endif
