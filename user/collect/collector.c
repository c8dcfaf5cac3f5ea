// SPDX-License-Identifier: GPL-2.0-only
/* One pass: every iterator over every process, and the proof that nothing is missing. */

#include "collect/collector.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arch/arch.h"
#include "collect/landlock.h"
#include "collect/programs.h"
#include "collect/ring.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/err.h"
#include "lib/log.h"

/*
 * An iterator for each process costs some 50 us, a pass over all that the system has
 * open some 0.5 us a descriptor: past this many processes in proportion to open
 * files the whole pass, filtered, is cheaper.
 */
#define FILES_PER_ITERATOR 40

struct collector {
	unsigned int flags;
	struct programs programs;
	struct ring ring;
	struct log *log;
};

/* The phases of a pass. */
#define PHASES 3
static const unsigned int phase_flag[PHASES] = {COLLECT_TASKS, COLLECT_FILES, COLLECT_VMAS};

/* What the kernel calls nr_cpu_ids: the last possible processor, and one. */
static __u32 count_cpus(void)
{
	_cleanup_fclose_ FILE *f = fopen("/sys/devices/system/cpu/possible", "re");
	unsigned int last = 0;

	while (f && fscanf(f, "%*[^0-9]") != EOF && fscanf(f, "%u", &last) == 1)
		;
	if (!f)
		last = sysconf(_SC_NPROCESSORS_CONF) - 1;
	return last < RECORD_CPUS * 64 ? last + 1 : RECORD_CPUS * 64;
}

static void learn_landlock(struct collector *c);

int collector_open(struct collector **ret, unsigned int flags, struct log *log, struct error *err)
{
	const unsigned int set = flags & (COLLECT_ALL | COLLECT_GLANCE);
	/* what is left behind for others is complete */
	const bool is_shared = !(flags & COLLECT_NO_CACHE) &&
			       (set == COLLECT_ALL || set == COLLECT_GLANCE);
	struct collector *c = calloc(1, sizeof(*c));
	long long start = clock_ns();
	int r = -ENOENT;

	if (!c)
		return fail(err, ENOMEM, "cannot load the BPF programs");
	c->flags = flags;
	c->log = log;
	programs_init(&c->programs);
	if (!(flags & COLLECT_NO_CACHE)) {
		r = programs_take(&c->programs, flags);
		if (r)
			programs_deinit(&c->programs);
	}
	if (r) {
		r = programs_load(&c->programs, flags, err);
		if (!r && is_shared)
			(void)programs_pin(&c->programs, flags, log);
	}
	if (!r)
		r = ring_open(&c->ring, c->programs.ring, err);
	if (r) {
		collector_close(c);
		return r;
	}
	c->programs.control->n_cpus = count_cpus();
	if (c->programs.control->landlock_state < CONTROL_LANDLOCK_NONE)
		learn_landlock(c);
	log_debug(log, "BPF programs %s%s in %.1f ms", set == COLLECT_GLANCE ? "of a glance " : "",
		  collector_is_cached(c) ? "taken from the cache" : "loaded",
		  (clock_ns() - start) / 1e6);
	*ret = c;
	return 0;
}

void collector_set_flags(struct collector *c, unsigned int flags)
{
	const unsigned int fixed = COLLECT_ALL | COLLECT_GLANCE | COLLECT_NO_CACHE;

	c->flags = (c->flags & fixed) | (flags & ~fixed);
}

void collector_judge_shape(struct collector *c, const struct record_head *rec, bool is_clean)
{
	const bool is_vma = rec->type == RECORD_VMA;
	struct record_control *control = c->programs.control;
	__u32 shape = is_vma ? ((const struct vma_record *)rec)->shape
			     : ((const struct file_record *)rec)->shape;

	*(is_vma ? &control->judged_vmas : &control->judged_files) = shape;
	if (is_clean && shape < CONTROL_SHAPES)
		(is_vma ? control->known_vmas : control->known_files)[shape / 64] |= 1ULL
										     << shape % 64;
}

int collector_is_cached(const struct collector *c)
{
	return !c->programs.object;
}

void collector_close(struct collector *c)
{
	if (!c)
		return;
	ring_close(&c->ring);
	programs_deinit(&c->programs);
	free(c);
}

/* Reads an iterator to its end; a full ring is emptied and the object shown again. */
static int read_iterator(struct collector *c, int iter, struct error *err)
{
	char nothing[64];
	ssize_t n;
	int r;

	while ((n = read(iter, nothing, sizeof(nothing)))) {
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return fail(err, errno, "cannot read a BPF iterator");
		r = ring_consume(&c->ring);
		if (r)
			return r;
	}
	return 0;
}

/* Runs one program over what @task names: a process or a thread, or, if it is NULL, over all. */
static int run_iterator(struct collector *c, int program, const union bpf_iter_link_info *task,
			struct error *err)
{
	union bpf_iter_link_info info;
	LIBBPF_OPTS(bpf_link_create_opts, opts);
	_cleanup_close_ int link = -1, iter = -1;

	if (task) {
		info = *task;
		opts.iter_info = &info;
		opts.iter_info_len = sizeof(info);
	}
	link = bpf_link_create(program, 0, BPF_TRACE_ITER, &opts);
	if (link < 0)
		return fail(err, errno, "cannot attach a BPF iterator");
	iter = bpf_iter_create(link);
	if (iter < 0)
		return fail(err, errno, "cannot create a BPF iterator");
	return read_iterator(c, iter, err);
}

static int run_each(struct collector *c, int phase, const pid_t *tgids, size_t n, struct error *err)
{
	struct record_control *control = c->programs.control;

	for (size_t i = 0; i < n; i++) {
		__u64 before = control->sent[RECORD_PROCESS];
		union bpf_iter_link_info process = {.task.pid = tgids[i]};
		int r = run_iterator(c, c->programs.program[phase], &process, err);

		if (r)
			return r;
		if (phase == PROGRAM_TASK && control->sent[RECORD_PROCESS] == before &&
		    !(c->flags & COLLECT_MAY_END))
			return fail(err, ESRCH, "process %d does not exist", tgids[i]);
	}
	return 0;
}

static unsigned long long open_files(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/sys/fs/file-nr", "re");
	unsigned long long n = 0;

	if (!f || fscanf(f, "%llu", &n) != 1)
		return ~0ULL;
	return n;
}

/* Puts @tgids into, or takes them out of, the map by which a pass over all is filtered. */
static int set_wanted(struct collector *c, const pid_t *tgids, size_t n, bool is_wanted)
{
	__u8 one = 1;

	for (size_t i = 0; i < n; i++) {
		__u32 tgid = tgids[i];

		if (is_wanted && bpf_map_update_elem(c->programs.wanted, &tgid, &one, BPF_ANY))
			return -errno;
		if (!is_wanted)
			(void)bpf_map_delete_elem(c->programs.wanted, &tgid);
	}
	return 0;
}

static __u32 control_flags(const struct collector *c)
{
	__u32 flags = 0;

	if (!(c->flags & COLLECT_NO_PARTS))
		flags |= CONTROL_PARTS;
	if (!(c->flags & COLLECT_NO_PATHS))
		flags |= CONTROL_PATHS;
	if (!(c->flags & COLLECT_NO_DETAILS))
		flags |= CONTROL_DETAILS;
	if (c->flags & COLLECT_WAKE)
		flags |= CONTROL_WAKE;
	if (c->flags & COLLECT_SHALLOW)
		flags |= CONTROL_SHALLOW;
	if (c->flags & COLLECT_FLIGHTS)
		flags |= CONTROL_FLIGHTS;
	return flags;
}

static void begin_pass(struct collector *c, __u32 flags)
{
	struct record_control *control = c->programs.control;

	control->pass++;
	control->flags = flags;
	control->full = 0;
	for (int i = 0; i < RECORD_TYPES; i++)
		control->sent[i] = 0;
	control->object = 0;
	control->judged_vmas = control->judged_files = 0;
	control->rare_flags = arch_rare_thread_flags();
	memset(control->known_vmas, 0, sizeof(control->known_vmas));
	memset(control->known_files, 0, sizeof(control->known_files));
	ring_begin(&c->ring, control->pass);
	c->ring.is_running = c->flags & COLLECT_RUNNING;
}

/*
 * In 6.1 an iterator of one process passes over the threads that have a descriptor table of
 * their own: they are asked one by one. Needs the records of tasks to know them.
 */
static int run_unshown(struct collector *c, struct error *err)
{
	size_t at = 0;
	int r = 0;

	while (!r) {
		union bpf_iter_link_info thread = {.task.tid = ring_unshown(&c->ring, &at)};

		if (!thread.task.tid)
			return 0;
		r = run_iterator(c, c->programs.program[PROGRAM_FILE], &thread, err);
		if (!r)
			r = ring_consume(&c->ring);
	}
	return r;
}

static int run_phases(struct collector *c, const pid_t *tgids, size_t n, bool is_whole,
		      struct error *err)
{
	for (int phase = 0; phase < PHASES; phase++) {
		int r;

		if (!(c->flags & phase_flag[phase]) ||
		    (c->flags & COLLECT_WAKE && phase != PROGRAM_TASK))
			continue;
		if (is_whole)
			r = run_iterator(c, c->programs.program[phase], NULL, err);
		else
			r = run_each(c, phase, tgids, n, err);
		if (!r)
			r = ring_consume(&c->ring);
		if (!r && phase == PROGRAM_FILE && !is_whole)
			r = run_unshown(c, err);
		if (r)
			return r;
	}
	return 0;
}

/* Everything written has arrived. */
static int check_arrived(struct collector *c, struct error *err)
{
	const struct record_control *control = c->programs.control;

	for (int i = 0; i < RECORD_TYPES; i++)
		if (control->sent[i] != c->ring.arrived[i])
			return fail(err, EAGAIN, "%llu records of type %d were sent, %llu arrived",
				    control->sent[i], i, c->ring.arrived[i]);
	return 0;
}

/* Everything written has arrived, and it is all that there is. */
static int check_pass(struct collector *c, size_t n, struct error *err)
{
	const struct record_control *control = c->programs.control;
	int r = check_arrived(c, err);

	if (r)
		return r;
	if (c->flags & COLLECT_TASKS && n && !(c->flags & COLLECT_MAY_END) &&
	    control->sent[RECORD_PROCESS] < n)
		return fail(err, ESRCH, "of %zu processes only %llu exist", n,
			    control->sent[RECORD_PROCESS]);
	if (c->flags & COLLECT_RUNNING)
		return 0;
	return ring_check(&c->ring, c->flags, err);
}

/* Is a pass over everything, filtered, cheaper than an iterator for each? */
static bool is_most(size_t n)
{
	return n > 100 && n < CONTROL_MAX_WANTED && n > open_files() / FILES_PER_ITERATOR;
}

/* A pass over @n processes, or all if that is 0; by one walk over all tasks if there are many. */
struct pass {
	const pid_t *tgids;
	size_t n;
	bool is_whole;
};

static int begin_run(struct collector *c, const struct pass *pass, __u32 flags,
		     int (*record)(void *arg, const struct record_head *rec), void *arg,
		     struct error *err)
{
	int r = 0;

	if (pass->n && pass->is_whole) {
		flags |= CONTROL_FILTER;
		r = set_wanted(c, pass->tgids, pass->n, true);
		if (r)
			fail(err, r, "cannot choose processes");
	}
	begin_pass(c, flags);
	c->ring.record = record;
	c->ring.arg = arg;
	c->ring.err = err;
	return r;
}

static void end_run(struct collector *c, const struct pass *pass)
{
	if (pass->n && pass->is_whole)
		(void)set_wanted(c, pass->tgids, pass->n, false);
}

int collector_glance(struct collector *c, const pid_t *tgids, size_t n,
		     int (*record)(void *arg, const struct record_head *rec), void *arg,
		     struct error *err)
{
	const struct pass pass = { tgids, n, !n || is_most(n) };
	int r;

	if (c->programs.program[PROGRAM_GLANCE] < 0)
		return fail(err, ENOTSUP, "its program is not loaded");
	r = begin_run(c, &pass, CONTROL_SHALLOW | CONTROL_PATHS | CONTROL_DETAILS, record, arg, err);
	c->ring.is_running = true;
	if (!r && pass.is_whole)
		r = run_iterator(c, c->programs.program[PROGRAM_GLANCE], NULL, err);
	else if (!r)
		r = run_each(c, PROGRAM_GLANCE, tgids, n, err);
	if (!r)
		r = ring_consume(&c->ring);
	if (!r)
		r = check_arrived(c, err);
	end_run(c, &pass);
	return r;
}

int collector_run(struct collector *c, const pid_t *tgids, size_t n,
		  int (*record)(void *arg, const struct record_head *rec), void *arg,
		  struct error *err)
{
	const struct pass pass = { tgids, n, !n || is_most(n) };
	long long start = clock_ns();
	int r = begin_run(c, &pass, control_flags(c) | (n ? 0 : CONTROL_USER_ONLY), record, arg, err);

	if (!r)
		r = run_phases(c, tgids, n, pass.is_whole, err);
	if (!r)
		r = check_pass(c, n, err);
	end_run(c, &pass);
	log_debug(c->log, "%zu processes collected in %.2f ms, ring full %llu times", n,
		  (clock_ns() - start) / 1e6, c->programs.control->full);
	return r;
}

/* --- Landlock -------------------------------------------------------------------------------- */

struct landlock_words {
	pid_t pid[3];
	__u64 word[3];
};

static int keep_word(void *arg, const struct record_head *rec)
{
	const struct glance_record *glance = (const void *)rec;
	const struct task_record *task = (const void *)rec;
	struct landlock_words *words = arg;

	for (int i = 0; i < 3; i++) {
		if (rec->type == RECORD_TASK && task->pid.host == words->pid[i])
			words->word[i] = task->landlock;
		if (rec->type == RECORD_GLANCE && (pid_t)glance->tgid == words->pid[i])
			words->word[i] = glance->landlock;
	}
	return 0;
}

/* In the two children, of which one is confined, Landlock's part is the one that differs. */
static bool is_landlock(const struct landlock_words *words)
{
	/* an address of the kernel's, where the others have none or a common one */
	return words->word[0] == words->word[1] && words->word[1] != words->word[2] &&
	       words->word[2] >> 47;
}

static enum control_landlock try_offsets(struct collector *c, struct landlock_words *words)
{
	struct record_control *control = c->programs.control;
	struct error err = {0};
	int r = 0;

	for (__u32 offset = 0; offset < LANDLOCK_ROOM && !r; offset += sizeof(__u64)) {
		control->landlock = offset;
		if (c->programs.program[PROGRAM_GLANCE] < 0)
			r = collector_run(c, words->pid, 3, keep_word, words, &err);
		else
			r = collector_glance(c, words->pid, 3, keep_word, words, &err);
		if (!r && is_landlock(words))
			return CONTROL_LANDLOCK_KNOWN;
	}
	error_deinit(&err);
	return CONTROL_LANDLOCK_UNKNOWN;
}

/*
 * Where the modules' parts lie in cred->security the kernel decides at boot. What is pinned
 * outlives this process: only what has been found out is marked as known.
 */
static void learn_landlock(struct collector *c)
{
	struct landlock_words words = {.pid = {getpid()}};
	struct record_control *control = c->programs.control;
	const unsigned int flags = c->flags;
	struct landlock_children children;
	int r = landlock_children_start(&children);

	control->landlock_state =
		r == -EOPNOTSUPP ? CONTROL_LANDLOCK_NONE : CONTROL_LANDLOCK_UNKNOWN;
	if (r)
		return;
	words.pid[1] = children.plain;
	words.pid[2] = children.confined;
	c->flags = COLLECT_TASKS | COLLECT_RUNNING | COLLECT_NO_PARTS | COLLECT_NO_PATHS;
	control->landlock_state = CONTROL_LANDLOCK_TRIAL;
	control->landlock_state = try_offsets(c, &words);
	c->flags = flags;
	landlock_children_end(&children);
}
