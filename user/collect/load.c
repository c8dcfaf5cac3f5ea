// SPDX-License-Identifier: GPL-2.0-only
/* Loading the BPF object that is part of crbpf. */

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collect/collector.h"
#include "collect/programs.h"
#include "collect/types.h"
#include "lib/err.h"

/* object.S */
extern const char bpf_programs[], bpf_programs_end[];

static const struct {
	const char *name, *target;
	unsigned int flag;
} iterators[PROGRAMS] = {
	[PROGRAM_TASK] = {"crbpf_task", "task", COLLECT_TASKS},
	[PROGRAM_FILE] = {"crbpf_file", "task_file", COLLECT_FILES},
	[PROGRAM_VMA] = {"crbpf_vma", "task_vma", COLLECT_VMAS},
	[PROGRAM_GLANCE] = {"crbpf_glance", "task", COLLECT_GLANCE},
};

void programs_init(struct programs *p)
{
	*p = (struct programs){
		.program = {-1, -1, -1, -1},
		.ring = -1,
		.wanted = -1,
		.control_map = -1,
		.lock = -1,
	};
}

void programs_deinit(struct programs *p)
{
	int fds[] = {p->program[0], p->program[1], p->program[2], p->program[3],
		     p->ring,       p->wanted,     p->control_map};

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

/* Opens the object; @types is what libbpf gets to see of the kernel's types, NULL: all. */
static struct bpf_object *open_object(const struct kernel_types *types, unsigned int collect_flags)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts);
	struct bpf_object *object;
	char path[64];

	if (types) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", types->file);
		opts.btf_custom_path = path;
	}
	object = bpf_object__open_mem(bpf_programs, bpf_programs_end - bpf_programs, &opts);
	for (int i = 0; object && i < PROGRAMS; i++)
		bpf_program__set_autoload(
			bpf_object__find_program_by_name(object, iterators[i].name),
			collect_flags & iterators[i].flag);
	return object;
}

/* The way without tricks: libbpf reads and searches all types of the kernel. */
static int load_plain(struct programs *p, unsigned int collect_flags)
{
	int r = 0;

	p->object = open_object(NULL, collect_flags);
	if (!p->object)
		return -errno;
	for (int i = 0; i < PROGRAMS && !r; i++) {
		struct bpf_program *prog =
			bpf_object__find_program_by_name(p->object, iterators[i].name);

		bpf_program__set_type(prog, BPF_PROG_TYPE_TRACING);
		bpf_program__set_expected_attach_type(prog, BPF_TRACE_ITER);
		r = bpf_program__set_attach_target(prog, 0, iterators[i].target);
	}
	return r ? r : bpf_object__load(p->object);
}

/*
 * For an iterator libbpf reads all of the kernel's types once more, a third of what is left of
 * loading, only to find the function that stands for it. So the programs are of a sort that
 * has none until just before the kernel gets them. (The handler is the fallback for sections
 * that libbpf does not know: unregistering any other leaves a dangling pointer in 1.1.)
 */
static int become_iterator(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	const struct kernel_types *types = (const struct kernel_types *)cookie;

	for (int i = 0; i < PROGRAMS; i++)
		if (!strcmp(bpf_program__name(prog), iterators[i].name))
			opts->attach_btf_id = types->attach[i == PROGRAM_GLANCE ? PROGRAM_TASK : i];
	opts->expected_attach_type = BPF_TRACE_ITER;
	/* only a verifier's log would name lines; the kernel checks and moves them with each change */
	opts->line_info = NULL;
	opts->line_info_cnt = 0;
	return opts->attach_btf_id ? bpf_program__set_type(prog, BPF_PROG_TYPE_TRACING) : -ENOENT;
}

/* Opened only for the programs' own types. */
static int prune_types(struct kernel_types *types)
{
	struct bpf_object *object = open_object(NULL, 0);
	int r = object ? kernel_types_open(types, bpf_object__btf(object)) : -errno;

	bpf_object__close(object);
	return r;
}

static int load_pruned(struct programs *p, unsigned int collect_flags)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, handler, .prog_prepare_load_fn = become_iterator);
	struct kernel_types types;
	int r = prune_types(&types), id;

	if (r)
		return r;
	handler.cookie = (long)&types;
	id = libbpf_register_prog_handler(NULL, BPF_PROG_TYPE_TRACEPOINT, 0, &handler);
	p->object = open_object(&types, collect_flags);
	r = p->object ? bpf_object__load(p->object) : -errno;
	if (id > 0)
		(void)libbpf_unregister_prog_handler(id);
	kernel_types_close(&types);
	if (!r)
		return 0;
	bpf_object__close(p->object);
	p->object = NULL;
	return r;
}

int programs_load(struct programs *p, unsigned int collect_flags, struct error *err)
{
	int r;

	if (!(collect_flags & PROGRAMS_EXPLAIN))
		libbpf_set_print(NULL);
	r = load_pruned(p, collect_flags);
	if (r && r != -EPERM)
		r = load_plain(p, collect_flags);
	if (r)
		return explain(err, r);
	r = find(p, p->object);
	return r ? fail(err, r, "cannot map what the BPF programs count") : 0;
}
