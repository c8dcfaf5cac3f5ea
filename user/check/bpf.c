// SPDX-License-Identifier: GPL-2.0-only
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "check/groups.h"
#include "collect/collector.h"
#include "collect/programs.h"
#include "lib/cleanup.h"
#include "lib/err.h"

#ifndef BPF_FS_MAGIC
#define BPF_FS_MAGIC 0xcafe4a11
#endif

#define BPF_CAPS (CAP_BIT(CAP_BPF) | CAP_BIT(CAP_PERFMON))

static void btf(const struct check *c, const struct probe *p, struct answer *a)
{
	if (c->btf)
		answer_yes(a, "%u types", btf__type_cnt(c->btf));
	else
		answer_no(a, "/sys/kernel/btf/vmlinux: %s", strerror(-c->btf_error));
}

/* The shortest program there is: return 0. */
static int load_iterator(const struct check *c, const char *name, char *log, size_t log_size)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_ITER,
		    .log_buf = log, .log_size = (__u32)log_size, .log_level = 1);
	int type = btf__find_by_name_kind(c->btf, name, BTF_KIND_FUNC);

	if (type < 0) {
		errno = ENOENT;
		return -1;
	}
	opts.attach_btf_id = (__u32)type;
	return bpf_prog_load(BPF_PROG_TYPE_TRACING, "crbpf_check", "GPL", insns, 2, &opts);
}

/* Named iter_TYPE. */
static void iterator(const struct check *c, const struct probe *p, struct answer *a)
{
	union bpf_iter_link_info info = { 0 };
	LIBBPF_OPTS(bpf_link_create_opts, opts);
	char name[64], log[512] = "";
	int prog, link;

	if (!c->btf) {
		answer_unknown(a, "cannot tell without BTF");
		return;
	}
	snprintf(name, sizeof(name), "bpf_%s", p->name);
	prog = load_iterator(c, name, log, sizeof(log));
	if (prog < 0 && errno == ENOENT) {
		answer_no(a, "the kernel has no %s", name);
		return;
	}
	if (prog < 0) {
		log[strcspn(log, "\n")] = '\0';
		answer_failed(a, errno, BPF_CAPS, "a program is not loaded%s%s", *log ? ": " : "",
			      log);
		return;
	}
	if (!strcmp(p->name, "iter_cgroup")) {
		info.cgroup.order = BPF_CGROUP_ITER_SELF_ONLY;
		opts.iter_info = &info;
		opts.iter_info_len = sizeof(info);
	}
	link = bpf_link_create(prog, 0, BPF_TRACE_ITER, &opts);
	answer_call(a, link < 0 ? link : bpf_iter_create(link), BPF_CAPS, "it cannot be attached");
}

static void ring_buffer(const struct check *c, const struct probe *p, struct answer *a)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "crbpf_check", 0, 0,
				(__u32)sysconf(_SC_PAGESIZE), NULL);

	answer_call(a, fd, BPF_CAPS, "it cannot be created");
}

static int count(void *arg, const struct record_head *rec)
{
	++*(unsigned int *)arg;
	return 0;
}

static int say(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, fmt, args) : 0;
}

/*
 * Loads once more, with standard error in a file: what libbpf has to say goes into @a. Of a long
 * log the end: there the verifier gives its reason.
 */
static void add_words(struct answer *a)
{
	_cleanup_close_ int fd = memfd_create("words", MFD_CLOEXEC);
	struct programs programs;
	struct error err = { 0 };
	size_t at = strlen(a->detail), room = sizeof(a->detail) - at;
	off_t size;

	if (fd < 0 || room <= 3 || dup2(fd, STDERR_FILENO) < 0)
		return;
	room -= 3;
	libbpf_set_print(say);
	programs_init(&programs);
	if (programs_load(&programs, COLLECT_ALL | PROGRAMS_EXPLAIN, &err)) {
		size = lseek(fd, 0, SEEK_END);
		if (pread(fd, a->detail + at + 2, room, size > (off_t)room ? size - (off_t)room : 0) > 0)
			memcpy(a->detail + at, ": ", 2);
		/* A verifier's log has many lines; they are one here. */
		for (char *s = a->detail + at; *s; s++)
			if (*s == '\n' || *s == '\t')
				*s = s[1] ? ' ' : '\0';
	}
	programs_deinit(&programs);
	error_deinit(&err);
}

/* What is not needed, but makes a scan of many processes fast. */
static bool can_glance(void)
{
	struct programs programs;
	struct error err = { 0 };
	bool can;

	programs_init(&programs);
	can = !programs_load(&programs, COLLECT_GLANCE, &err);
	programs_deinit(&programs);
	error_deinit(&err);
	return can;
}

/* The programs of a dump, as a dump loads and runs them; over this process. */
static void program_set(const struct check *c, const struct probe *p, struct answer *a)
{
	const unsigned int flags = COLLECT_ALL | COLLECT_RUNNING | COLLECT_NO_CACHE;
	struct collector *collector = NULL;
	struct error err = { 0 };
	unsigned int n = 0;
	pid_t self = getpid();
	int ret;

	ret = collector_open(&collector, flags, NULL, &err);
	if (!ret)
		ret = collector_run(collector, &self, 1, count, &n, &err);
	if (ret == -EPERM)
		answer_failed(a, ret, BPF_CAPS, "they cannot be loaded");
	else if (ret)
		answer_no(a, "%s", err.text ?: strerror(-ret));
	else if (!n)
		answer_no(a, "they say nothing of a process that exists");
	else
		answer_yes(a, "3 programs, %u records of one process%s", n,
			   can_glance() ? "" : "; not the one that makes scan fast");
	collector_close(collector);
	if (a->state == ANSWER_NO && !collector)
		add_words(a);
	error_deinit(&err);
}

static void bpffs(const struct check *c, const struct probe *p, struct answer *a)
{
	struct statfs fs;

	if (statfs("/sys/fs/bpf", &fs))
		answer_failed(a, errno, 0, "/sys/fs/bpf");
	else if ((unsigned long)fs.f_type != BPF_FS_MAGIC)
		answer_no(a, "/sys/fs/bpf is not mounted");
	else
		answer_yes(a, "%s", "");
}

#define ITERATOR(name_, what_, need_)                                                              \
	{ "iter_" name_, NULL, what_, need_, NULL, REMEDY_KERNEL, "CONFIG_BPF_SYSCALL", NULL, NULL, \
	  iterator }

static const struct probe probes[] = {
	{ "btf", NULL, "types of the kernel (BTF)", NEED_ALWAYS, NULL, REMEDY_KERNEL,
	  "CONFIG_DEBUG_INFO_BTF", NULL, NULL, btf },
	{ "ring_buffer", NULL, "BPF ring buffers", NEED_ALWAYS, NULL, REMEDY_KERNEL,
	  "CONFIG_BPF_SYSCALL", NULL, NULL, ring_buffer },
	ITERATOR("task", "BPF iterator over tasks", NEED_ALWAYS),
	ITERATOR("task_file", "BPF iterator over descriptors", NEED_ALWAYS),
	ITERATOR("task_vma", "BPF iterator over mappings", NEED_ALWAYS),
	{ "programs", NULL, "crbpf's own programs load and run", NEED_ALWAYS, NULL, REMEDY_KERNEL,
	  "CONFIG_BPF_SYSCALL and CONFIG_DEBUG_INFO_BTF", NULL, NULL, program_set },
	{ "bpffs", NULL, "programs can be kept loaded", NEED_FOR,
	  "quick starts: each dump loads its BPF programs anew", REMEDY_ADVICE, NULL, NULL,
	  "mount -t bpf bpf /sys/fs/bpf", bpffs },
	ITERATOR("tcp", "BPF iterator over TCP sockets", NEED_EXTRA),
	ITERATOR("udp", "BPF iterator over UDP sockets", NEED_EXTRA),
	ITERATOR("unix", "BPF iterator over Unix sockets", NEED_EXTRA),
	ITERATOR("netlink", "BPF iterator over netlink sockets", NEED_EXTRA),
	ITERATOR("cgroup", "BPF iterator over cgroups", NEED_EXTRA),
};

PROBE_GROUP(probes_bpf, "bpf", "BPF", probes, true);
