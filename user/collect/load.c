// SPDX-License-Identifier: GPL-2.0-only
/* Loading the BPF object that is part of crbpf. */

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collect/collector.h"
#include "collect/programs.h"
#include "collect/types.h"
#include "lib/err.h"

/* object.S */
extern const char bpf_programs[], bpf_programs_end[];

static const struct {
	const char *name;
	unsigned int flag;
} iterators[PROGRAMS] = {
	[PROGRAM_TASK] = { "crbpf_task", COLLECT_TASKS },
	[PROGRAM_FILE] = { "crbpf_file", COLLECT_FILES },
	[PROGRAM_VMA] = { "crbpf_vma", COLLECT_VMAS },
};

void programs_init(struct programs *p)
{
	*p = (struct programs){
		.program = { -1, -1, -1 },
		.ring = -1,
		.wanted = -1,
		.control_map = -1,
		.lock = -1,
	};
}

void programs_deinit(struct programs *p)
{
	int fds[] = { p->program[0], p->program[1], p->program[2],
		      p->ring,	     p->wanted,	    p->control_map };

	if (p->control)
		munmap(p->control, sysconf(_SC_PAGESIZE));
	bpf_object__close(p->object);
	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds) && !p->object; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (p->lock >= 0)
		close(p->lock);
	programs_init(p);
}

int programs_map(struct programs *p)
{
	void *at = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED,
			p->control_map, 0);

	_Static_assert(sizeof(struct record_control) <= 4096, "the control variable is one page");
	if (at == MAP_FAILED)
		return -errno;
	p->control = at;
	return 0;
}

static int explain(struct error *err, int code)
{
	fail(err, code, "cannot load the BPF programs");
	if (code == -EPERM)
		return fail_hint(err, "run as root, or grant CAP_BPF and CAP_PERFMON");
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		return fail_hint(err, "this needs a kernel built with CONFIG_DEBUG_INFO_BTF");
	return code;
}

static int find(struct programs *p, struct bpf_object *object)
{
	p->ring = bpf_object__find_map_fd_by_name(object, CONTROL_RING_NAME);
	p->wanted = bpf_object__find_map_fd_by_name(object, CONTROL_WANTED_NAME);
	p->control_map = bpf_object__find_map_fd_by_name(object, CONTROL_MAP_NAME);
	if (p->ring < 0 || p->wanted < 0 || p->control_map < 0)
		return -ENOENT;
	for (int i = 0; i < PROGRAMS; i++) {
		struct bpf_program *prog =
			bpf_object__find_program_by_name(object, iterators[i].name);

		if (bpf_program__autoload(prog))
			p->program[i] = bpf_program__fd(prog);
	}
	return programs_map(p);
}

/*
 * Opens the object with the pruned types of this kernel if they can be had, else as it is. The
 * first opening only reads the object's own types; both cost little beside the search.
 */
static struct bpf_object *open_object(struct kernel_types *types)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts);
	size_t size = bpf_programs_end - bpf_programs;
	struct bpf_object *object = bpf_object__open_mem(bpf_programs, size, &opts);
	char path[64];

	if (!object || kernel_types_open(types, bpf_object__btf(object)))
		return object;
	bpf_object__close(object);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", types->file);
	opts.btf_custom_path = path;
	return bpf_object__open_mem(bpf_programs, size, &opts);
}

int programs_load(struct programs *p, unsigned int collect_flags, struct error *err)
{
	struct kernel_types types = { .file = -1 };
	int r;

	libbpf_set_print(NULL);
	p->object = open_object(&types);
	if (!p->object)
		return explain(err, -errno);
	for (int i = 0; i < PROGRAMS; i++)
		bpf_program__set_autoload(
			bpf_object__find_program_by_name(p->object, iterators[i].name),
			collect_flags & iterators[i].flag);
	r = bpf_object__load(p->object);
	kernel_types_close(&types);
	if (r)
		return explain(err, r);
	r = find(p, p->object);
	return r ? fail(err, r, "cannot map what the BPF programs count") : 0;
}
