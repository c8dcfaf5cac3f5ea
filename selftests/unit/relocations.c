// SPDX-License-Identifier: GPL-2.0-only
/*
 * One BPF object for all kernels: crbpf's programs are relocated by libbpf against the types of
 * other kernels (selftests/btf/, made by tools/gen-btf), and nothing may be left over that their
 * verifier would come to (bpfreach.h): a member that such a kernel lacks needs a guard.
 *
 * The system call bpf() is this file's: libbpf believes to load the programs, no privilege is
 * needed, and what the kernel would get is looked at.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/memfd.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <zlib.h>

#include "harness.h"
#include "bpfreach.h"

/* user/collect/object.S */
extern const char bpf_programs[], bpf_programs_end[];

/* What libbpf puts in the place of a relocation that finds nothing: a call of this helper. */
#define POISON 0xbad2310

struct relocated {
	const char *kernel;
	const struct btf *btf; /* of our programs */
	int last_helper;       /* the kernel's helpers have numbers below */
	char log[1 << 20];     /* of libbpf: what became of each relocation */
	size_t log_size;
	char found[16384]; /* one line for each fault */
	unsigned int n_faults, n_programs, n_poisoned;
};

static struct relocated relocated;

static __attribute__((format(printf, 1, 2))) void fault(const char *format, ...)
{
	struct relocated *r = &relocated;
	size_t n = strlen(r->found);
	va_list args;

	va_start(args, format);
	vsnprintf(r->found + n, sizeof(r->found) - n, format, args);
	va_end(args);
	r->n_faults++;
}

static __attribute__((format(printf, 2, 0))) int keep_log(enum libbpf_print_level level,
							  const char *format, va_list args)
{
	struct relocated *r = &relocated;
	size_t room = sizeof(r->log) - r->log_size;
	int n = vsnprintf(r->log + r->log_size, room, format, args);

	if (n > 0 && (size_t)n < room)
		r->log_size += n;
	return 0;
}

/*
 * libbpf's own words for the relocation at instruction @at of @function: "prog 'F': relo #7:
 * <byte_off> [12] struct file.f_op (0:3 @ offset 40)", and later, with the same number,
 * "substituting insn #99 w/ invalid insn".
 */
static const char *describe(const char *function, uint32_t at, char *text, size_t size)
{
	const char *line, *found, *end;
	char wanted[300];
	int number;

	snprintf(wanted, sizeof(wanted), "substituting insn #%u w/ invalid", at);
	snprintf(text, size, "something");
	for (found = relocated.log; (found = strstr(found, wanted)); found++) {
		char head[256] = "";

		for (line = found; line > relocated.log && line[-1] != '\n';)
			line--;
		if (sscanf(line, "libbpf: prog '%255[^']': relo #%d", head, &number) != 2 &&
		    sscanf(line, "prog '%255[^']': relo #%d", head, &number) != 2)
			continue;
		if (strcmp(head, function))
			continue;
		snprintf(wanted, sizeof(wanted), "prog '%s': relo #%d: <", function, number);
		line = strstr(relocated.log, wanted);
		end = line ? strchr(line, '\n') : NULL;
		if (end)
			snprintf(text, size, "%.*s", (int)(end - line - strlen(wanted) + 1),
				 line + strlen(wanted) - 1);
		break;
	}
	return text;
}

/* The function that instruction @at is in, and where it begins. */
static const char *function_at(const union bpf_attr *attr, uint32_t at, uint32_t *start)
{
	const char *name = "?";

	*start = 0;
	for (uint32_t i = 0; i < attr->func_info_cnt; i++) {
		const struct bpf_func_info *info =
			(const void *)(uintptr_t)(attr->func_info + i * attr->func_info_rec_size);
		const struct btf_type *t = btf__type_by_id(relocated.btf, info->type_id);

		if (info->insn_off > at || !t)
			continue;
		*start = info->insn_off;
		name = btf__name_by_offset(relocated.btf, t->name_off);
	}
	return name;
}

/* The verifier looks at every global function, called or not. */
static void enter_global_functions(struct reach *reach, const union bpf_attr *attr)
{
	for (uint32_t i = 0; i < attr->func_info_cnt; i++) {
		const struct bpf_func_info *info =
			(const void *)(uintptr_t)(attr->func_info + i * attr->func_info_rec_size);
		const struct btf_type *t = btf__type_by_id(relocated.btf, info->type_id);

		if (t && btf_is_func(t) && btf_vlen(t) == BTF_FUNC_GLOBAL)
			reach_enter(reach, info->insn_off);
	}
}

static void judge_insn(const union bpf_attr *attr, uint32_t i, const struct bpf_insn *insn)
{
	uint32_t start;
	const char *function = function_at(attr, i, &start);
	char text[256];

	if (insn->imm == POISON)
		fault("\n      %s: %s() needs %s", relocated.kernel, function,
		      describe(function, i - start, text, sizeof(text)));
	else if (insn->imm >= relocated.last_helper)
		fault("\n      %s: %s() calls helper %d", relocated.kernel, function, insn->imm);
}

static void judge_program(const union bpf_attr *attr)
{
	const struct bpf_insn *insns = (const void *)(uintptr_t)attr->insns;
	struct reach reach;

	relocated.n_programs++;
	EXPECT(reach_init(&reach, insns, attr->insn_cnt));
	enter_global_functions(&reach, attr);
	reach_walk(&reach);
	for (uint32_t i = 0; i < attr->insn_cnt; i++) {
		if (insns[i].code != (BPF_JMP | BPF_CALL) || insns[i].src_reg)
			continue;
		relocated.n_poisoned += insns[i].imm == POISON;
		if (reach.before[i].reached)
			judge_insn(attr, i, &insns[i]);
	}
	reach_deinit(&reach);
}

/* libbpf's way into the kernel. Everything succeeds, as far as it can tell. */
long syscall(long number, ...)
{
	const union bpf_attr *attr;
	va_list args;
	int command;

	va_start(args, number);
	command = va_arg(args, int);
	attr = va_arg(args, const union bpf_attr *);
	va_end(args);
	if (number != __NR_bpf) {
		errno = ENOSYS;
		return -1;
	}
	/* it also tries out, with a few instructions, what the kernel can do */
	if (command == BPF_PROG_LOAD && !strncmp(attr->prog_name, "crbpf_", 6))
		judge_program(attr);
	if (command == BPF_PROG_LOAD || command == BPF_MAP_CREATE || command == BPF_BTF_LOAD)
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	return 0;
}

static void take_helpers(const void *types, size_t size)
{
	struct btf *btf = btf__new(types, size);
	int id = btf ? btf__find_by_name_kind(btf, "bpf_func_id", BTF_KIND_ENUM) : -ENOMEM;
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, id) : NULL;

	EXPECT(t);
	relocated.last_helper = 0;
	for (int i = 0; i < btf_vlen(t); i++)
		if (btf_enum(t)[i].val > relocated.last_helper)
			relocated.last_helper = btf_enum(t)[i].val;
	EXPECT_GT(relocated.last_helper, 100);
	btf__free(btf);
}

/* Relocates all programs against @types. What was found is in `relocated`. */
static void relocate(const char *kernel, const void *types, size_t size)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts);
	struct bpf_object *object;
	struct bpf_program *prog;
	char path[64];
	int fd = memfd_create("btf", MFD_CLOEXEC), r;

	memset(&relocated, 0, sizeof(relocated));
	relocated.kernel = kernel;
	take_helpers(types, size);
	EXPECT_EQ(write(fd, types, size), (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	opts.btf_custom_path = path;
	libbpf_set_print(keep_log);
	object = bpf_object__open_mem(bpf_programs, bpf_programs_end - bpf_programs, &opts);
	EXPECT(object);
	relocated.btf = bpf_object__btf(object);
	bpf_object__for_each_program(prog, object) /* of a type that needs no running kernel */
		bpf_program__set_type(prog, BPF_PROG_TYPE_SOCKET_FILTER);
	r = bpf_object__load(object);
	if (r)
		FAIL("%s: libbpf does not relocate the programs: %s\n%s", kernel, strerror(-r),
		     relocated.log + (relocated.log_size > 2000 ? relocated.log_size - 2000 : 0));
	EXPECT_EQ(relocated.n_programs, 4U);
	bpf_object__close(object);
	close(fd);
}

/* A stored file, unpacked (malloc). */
static void *unpack(const char *path, size_t *size)
{
	size_t room = 4 << 20;
	char *data = malloc(room);
	gzFile file = gzopen(path, "rb");
	int n;

	EXPECT(data && file);
	n = gzread(file, data, room);
	EXPECT_GT(n, 0);
	EXPECT_LT((size_t)n, room);
	gzclose(file);
	*size = n;
	return data;
}

static void stored_kernels(glob_t *kernels)
{
	const char *folder = getenv("CRBPF_SELFTESTS");
	char pattern[4096];

	snprintf(pattern, sizeof(pattern), "%s/btf/*.btf.gz", folder ? folder : "selftests");
	EXPECT_EQ(glob(pattern, 0, NULL, kernels), 0);
	EXPECT_GE(kernels->gl_pathc, 6UL);
}

TEST_TIMEOUT(programs_fit_every_kernel, 300)
{
	unsigned int n_poisoned = 0;
	glob_t kernels;

	stored_kernels(&kernels);
	for (size_t i = 0; i < kernels.gl_pathc; i++) {
		size_t size;
		void *types = unpack(kernels.gl_pathv[i], &size);

		relocate(strrchr(kernels.gl_pathv[i], '/') + 1, types, size);
		if (relocated.n_faults)
			FAIL("not on every kernel, and no guard before it (flavour.h; a type "
			     "that bpf/ did not use before: see tools/gen-btf):%s",
			     relocated.found);
		n_poisoned += relocated.n_poisoned;
		free(types);
	}
	globfree(&kernels);
	EXPECT_GT(n_poisoned, 0U); /* there are guards, and they were needed */
}

/* Gives every member (or type) of this name another one, as a new kernel might. */
static unsigned int rename_in(char *types, size_t size, const char *name)
{
	const struct btf_header *head = (const void *)types;
	char *strings = types + head->hdr_len + head->str_off;
	size_t length = strlen(name);
	unsigned int n = 0;

	EXPECT_LE(head->hdr_len + head->str_off + head->str_len, size);
	for (char *s = strings; s < strings + head->str_len; s += strlen(s) + 1) {
		if (strlen(s) != length || strcmp(s, name))
			continue;
		s[length - 1] ^= 1;
		n++;
	}
	return n;
}

static void drift(const char *name)
{
	glob_t kernels;
	size_t size;
	char *types;

	stored_kernels(&kernels);
	types = unpack(kernels.gl_pathv[0], &size);
	EXPECT_EQ(rename_in(types, size, name), 1U);
	relocate(name, types, size);
	free(types);
	globfree(&kernels);
}

/* The proof that the test above can fail. */
TEST_TIMEOUT(a_member_that_vanished_is_named, 60)
{
	const char *const names[] = {"group_leader", "vm_pgoff", "f_mode", "nsproxy"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		drift(names[i]);
		EXPECT_GT(relocated.n_faults, 0U);
		if (!strstr(relocated.found, names[i]))
			FAIL("%s is not named: %s", names[i], relocated.found);
	}
}

/* And that guards are understood: without these, another way is taken, or none. */
TEST_TIMEOUT(a_guarded_member_may_vanish, 60)
{
	const char *const names[] = {"anon_name", "restore_sigmask"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		drift(names[i]);
		if (relocated.n_faults)
			FAIL("%s", relocated.found);
		EXPECT_GT(relocated.n_poisoned, 0U);
	}
}
