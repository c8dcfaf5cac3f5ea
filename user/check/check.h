/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_CHECK_H
#define CRBPF_CHECK_H

/*
 * What this kernel, processor and caller allow. Every probe tries the thing itself,
 * in a process of its own which is killed when it takes too long; namespaces, tables
 * and mounts that it makes end with that process.
 *
 * To add a probe: a function in the file of its group, and a row in the table at its end.
 */

#include <linux/capability.h>
#include <stdbool.h>
#include <stddef.h>

#include "check/distro.h"
#include "lib/buf.h"

struct btf;
struct error;
struct json;
struct log;

enum need {
	NEED_ALWAYS,	/* crbpf cannot be used without it */
	NEED_FOR,	/* probe.lost cannot be done without it */
	NEED_FACT,	/* nothing depends on it, but it explains much */
	NEED_EXTRA,	/* crbpf does without; others (CRIU's users) ask for it by name */
};

enum remedy {
	REMEDY_NONE,
	REMEDY_KERNEL,	/* another kernel: the option's name, and how to get one here */
	REMEDY_MODULE,	/* may be in a package of more modules */
	REMEDY_CALLER,	/* more capabilities */
	REMEDY_BOOT,	/* a kernel parameter: probe.advice */
	REMEDY_ADVICE,	/* probe.advice, whatever the system */
};

enum answer_state { ANSWER_UNKNOWN, ANSWER_NO, ANSWER_YES };

struct answer {
	enum answer_state state;
	bool is_elsewhere;	/* no: it belongs to another architecture, and is not printed */
	char detail[1024];	/* what was found, or why not; empty if there is nothing to say */
	char advice[256];	/* empty: as the row has it */
	/*
	 * Effective when the probe began, before any user namespace of its own; none if crbpf
	 * was started in one, whose capabilities count for little outside.
	 */
	unsigned long long caps;
	bool is_in_namespace;
};

struct check {
	const char *sysroot;	/* "" or where os-release and other files are read instead */
	struct distro distro;
	struct btf *btf;	/* the kernel's types, for groups that want them; NULL if there are none */
	int btf_error;		/* then: why, -errno */
	struct answer *shared;	/* where the process of a probe answers */
	struct arena arena;
};

struct probe {
	const char *name;	/* stable: in --json and --feature */
	const char *criu;	/* names of CRIU's `check --feature`, blank-separated; NULL: none */
	const char *what;	/* for people, short */
	enum need need;
	const char *lost;	/* NEED_FOR: what cannot be done without it */
	enum remedy remedy;
	const char *option;	/* CONFIG_… names; NULL */
	const char *since;	/* the first Linux that has it; NULL: 6.1 and before */
	const char *advice;
	void (*probe)(const struct check *c, const struct probe *p, struct answer *a);
};

struct probe_group {
	const char *name;	/* in --json */
	const char *title;
	const struct probe *probes;
	size_t n;
	bool wants_types;	/* its probes look at check.btf */
};

#define PROBE_GROUP(ident_, name_, title_, table_, wants_types_)                                   \
	const struct probe_group ident_ = {                                                        \
		.name = (name_),                                                                   \
		.title = (title_),                                                                 \
		.probes = (table_),                                                                \
		.n = sizeof(table_) / sizeof((table_)[0]),                                         \
		.wants_types = (wants_types_),                                                     \
	}

/* Ends with NULL. */
extern const struct probe_group *const probe_groups[];

/* --- run.c -------------------------------------------------------------- */

/* @sysroot NULL: this system. Returns 0 or -errno; check_deinit after either. */
int check_init(struct check *c, const char *sysroot, struct error *err);
void check_deinit(struct check *c);
/* Asks one probe; never fails: what cannot be told is ANSWER_UNKNOWN with the reason. */
void check_ask(struct check *c, const struct probe_group *group, const struct probe *p,
	       struct answer *ret);

/* The probe of one of our names or of CRIU's. NULL if there is none. */
const struct probe *probe_find(const char *name);

/* --- remedy.c ----------------------------------------------------------- */

/* What to do about it, in the arena or in @a. NULL if nothing is known (or memory ran out). */
const char *remedy_text(struct check *c, const struct probe *p, const struct answer *a);

/* --- report.c ----------------------------------------------------------- */

struct result {
	const struct probe *probe;
	const struct probe_group *group;
	struct answer answer;
	const char *remedy;	/* NULL: none, or none needed */
};

struct verdict {
	enum answer_state usable;
	size_t n_missing, n_unknown;	/* of NEED_ALWAYS if it is not usable, else of NEED_FOR */
};

struct verdict verdict_of(const struct result *results, size_t n);
/* The verdict as one line without its end, shortened to @width columns (0: not at all). */
const char *verdict_text(struct check *c, const struct result *results, size_t n, size_t width);
/* For people. @only: asked by name, without verdict. */
void report_print(struct check *c, const struct result *results, size_t n, bool only,
		  bool want_colour);
/* selftests/schemas/check.json describes it. */
void report_json(struct check *c, const struct result *results, size_t n, bool only);

/* --- answer.c: for probes ------------------------------------------------ */

void answer_yes(struct answer *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void answer_no(struct answer *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void answer_unknown(struct answer *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define CAP_BIT(cap_) (1ULL << (cap_))
/*
 * A call failed with @errnum: no, unless the caller lacks one of @caps and that may be
 * the reason: then it cannot be told.
 */
void answer_failed(struct answer *a, int errnum, unsigned long long caps, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Yes if @ret is not below 0, else as answer_failed(errno). */
void answer_call(struct answer *a, long ret, unsigned long long caps, const char *what);
/* Was crbpf itself started in a user namespace other than the machine's first? */
bool in_user_namespace(void);
/* What @have lacks of @caps, and no other capability stands for. */
unsigned long long caps_missing(unsigned long long have, unsigned long long caps);

/* A whole file below the sysroot, without the line's end, into @buf. Returns 0 or -errno. */
int check_read(const struct check *c, const char *path, char *buf, size_t size);

/* --- scratch.c: places to try things in ----------------------------------- */

/*
 * New namespaces (CLONE_NEW*) for this process, owned by a new user namespace if the
 * caller may not make others. Nothing that happens in a new mount namespace is seen
 * outside; /tmp is an empty tmpfs in it. A network namespace has its lo up. Returns 0,
 * or -1 after having answered.
 */
int scratch_enter(int flags, struct answer *a);
/* A child that sleeps until it is killed, as this process is. -1 after having answered. */
int scratch_child(struct answer *a);
/* The same after it called @prepare, which returns 0 or -1 with errno set. */
int scratch_child_prepared(int (*prepare)(void), struct answer *a);
/* Kills and reaps it. */
void scratch_end(int pid);
/* Seizes and stops it. Returns 0, or -1 after having answered. */
int scratch_seize(int pid, unsigned long options, struct answer *a);

#endif
