// SPDX-License-Identifier: GPL-2.0-only
/*
 * Would the seccomp filters of a thread let our calls pass? They are run here, for
 * PTRACE_O_SUSPEND_SECCOMP ends with the tracer, and the thread may have to find its way back
 * without one.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>

#include "arch/frame.h"
#include "dump/cow.h"
#include "lib/cleanup.h"
#include "lib/err.h"

#define FILTERS_MAX 4096

/* What the program of a filter works on. */
struct machine {
	const struct seccomp_data *data;
	__u32 a, x, mem[BPF_MEMWORDS];
};

static bool is_load(const struct sock_filter *insn, struct machine *m)
{
	const char *data = (const char *)m->data;
	__u32 *to = BPF_CLASS(insn->code) == BPF_LD ? &m->a : &m->x;

	switch (insn->code) {
	case BPF_LD | BPF_W | BPF_ABS:
		/* where a call comes from is not the same on the way back */
		if (insn->k + sizeof(__u32) > sizeof(*m->data) || insn->k % sizeof(__u32) ||
		    insn->k / 8 == offsetof(struct seccomp_data, instruction_pointer) / 8)
			return false;
		memcpy(to, data + insn->k, sizeof(*to));
		return true;
	case BPF_LD | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_W | BPF_LEN:
		*to = sizeof(*m->data);
		return true;
	case BPF_LD | BPF_IMM:
	case BPF_LDX | BPF_IMM:
		*to = insn->k;
		return true;
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
		*to = m->mem[insn->k % BPF_MEMWORDS];
		return true;
	}
	return false;
}

static bool is_sum(const struct sock_filter *insn, struct machine *m)
{
	__u32 by = BPF_SRC(insn->code) == BPF_X ? m->x : insn->k;

	switch (BPF_OP(insn->code)) {
	case BPF_ADD:
		m->a += by;
		return true;
	case BPF_SUB:
		m->a -= by;
		return true;
	case BPF_MUL:
		m->a *= by;
		return true;
	case BPF_DIV:
		m->a = by ? m->a / by : 0;
		return by;
	case BPF_AND:
		m->a &= by;
		return true;
	case BPF_OR:
		m->a |= by;
		return true;
	case BPF_XOR:
		m->a ^= by;
		return true;
	case BPF_LSH:
		m->a = by < 32 ? m->a << by : 0;
		return true;
	case BPF_RSH:
		m->a = by < 32 ? m->a >> by : 0;
		return true;
	case BPF_NEG:
		m->a = -m->a;
		return true;
	}
	return false;
}

static bool jump(const struct sock_filter *insn, const struct machine *m, size_t *at)
{
	__u32 to = BPF_SRC(insn->code) == BPF_X ? m->x : insn->k;
	bool is_true;

	switch (BPF_OP(insn->code)) {
	case BPF_JA:
		*at += insn->k;
		return true;
	case BPF_JEQ:
		is_true = m->a == to;
		break;
	case BPF_JGT:
		is_true = m->a > to;
		break;
	case BPF_JGE:
		is_true = m->a >= to;
		break;
	case BPF_JSET:
		is_true = m->a & to;
		break;
	default:
		return false;
	}
	*at += is_true ? insn->jt : insn->jf;
	return true;
}

/* What the filter says; to kill, if it does anything that is not understood here. */
static __u32 run(const struct sock_filter *code, size_t n, const struct seccomp_data *data)
{
	struct machine m = {.data = data};

	for (size_t at = 0; at < n; at++) {
		const struct sock_filter *insn = &code[at];
		bool is_known = true;

		switch (BPF_CLASS(insn->code)) {
		case BPF_LD:
		case BPF_LDX:
			is_known = is_load(insn, &m);
			break;
		case BPF_ST:
			m.mem[insn->k % BPF_MEMWORDS] = m.a;
			break;
		case BPF_STX:
			m.mem[insn->k % BPF_MEMWORDS] = m.x;
			break;
		case BPF_ALU:
			is_known = is_sum(insn, &m);
			break;
		case BPF_JMP:
			is_known = jump(insn, &m, &at);
			break;
		case BPF_RET:
			return BPF_RVAL(insn->code) == BPF_A ? m.a : insn->k;
		case BPF_MISC:
			if (BPF_MISCOP(insn->code) == BPF_TAX)
				m.x = m.a;
			else
				m.a = m.x;
			break;
		}
		if (!is_known)
			break;
	}
	return SECCOMP_RET_KILL_PROCESS;
}

static bool passes(const struct sock_filter *code, size_t n, const struct guest_call *calls,
		   size_t n_calls)
{
	for (size_t i = 0; i < n_calls; i++) {
		struct seccomp_data data = {.nr = (int)calls[i].nr, .arch = arch_audit};
		__u32 answer;

		memcpy(data.args, calls[i].args, sizeof(data.args));
		answer = run(code, n, &data) & SECCOMP_RET_ACTION_FULL;
		if (answer != SECCOMP_RET_ALLOW && answer != SECCOMP_RET_LOG)
			return false;
	}
	return true;
}

/* 0 no seccomp, 1 strict, 2 filters; -1 not known. */
static int read_mode(pid_t tid)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[32], line[256];
	int mode = -1;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	f = fopen(path, "re");
	while (f && mode < 0 && fgets(line, sizeof(line), f))
		sscanf(line, "Seccomp: %d", &mode);
	return mode;
}

bool cow_filter_allows(const struct guest *g)
{
	struct guest_call calls[GUEST_CALLS];
	size_t n_calls = guest_list_calls(g, calls);
	int mode = read_mode(g->tid);

	if (mode != SECCOMP_MODE_FILTER)
		return mode == 0;
	for (unsigned long i = 0; i < FILTERS_MAX; i++) {
		_cleanup_free_ struct sock_filter *code = NULL;
		long n = ptrace(PTRACE_SECCOMP_GET_FILTER, g->tid, (void *)i, NULL);

		if (n < 0)
			return i && errno == ENOENT;
		code = calloc((size_t)n ?: 1, sizeof(*code));
		if (!code || ptrace(PTRACE_SECCOMP_GET_FILTER, g->tid, (void *)i, code) != n ||
		    !passes(code, (size_t)n, calls, n_calls))
			return false;
	}
	return false;
}
