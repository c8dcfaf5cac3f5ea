/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SELFTESTS_BPFREACH_H
#define CRBPF_SELFTESTS_BPFREACH_H

/*
 * Which instructions of a BPF program can be reached: constants are folded along all paths,
 * and a branch whose condition is known goes one way only.
 *
 * libbpf makes `if (bpf_core_field_exists(...))` a comparison of constants, and puts a call of
 * a helper that does not exist where a relocation finds nothing. The kernel's verifier walks the
 * program with the constants that it knows, never comes to what stands behind a guard that is
 * false, and refuses the program where it does come to such a call. What is told here is that,
 * on the safe side: where paths meet, a register is a constant only if it is the same one on
 * both (the verifier tells paths apart), and memory other than whole words of the stack is
 * unknown. So nothing that the verifier can reach is missed; a guard that only the verifier
 * understands would be a false alarm.
 */

#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define REACH_SLOTS (512 / 8)

/* What is known before an instruction: bit n of @known, the value of register n. */
struct reach_state {
	bool reached;
	uint16_t known;
	uint64_t known_slots; /* bit n: the stack at r10 - 8 * (n + 1) */
	int64_t regs[11], slots[REACH_SLOTS];
};

struct reach {
	const struct bpf_insn *insns;
	uint32_t n, n_todo;
	struct reach_state *before; /* of each instruction; owned */
	uint32_t *todo;             /* instructions to look at (again); owned */
	bool *is_queued;            /* owned */
};

static inline void reach_deinit(struct reach *r)
{
	free(r->before);
	free(r->todo);
	free(r->is_queued);
}

static inline void reach_set(struct reach_state *s, int reg, bool is_known, int64_t value)
{
	s->known = (s->known & ~(1U << reg)) | (uint16_t)(is_known << reg);
	s->regs[reg] = is_known ? value : 0;
}

static inline bool reach_knows(const struct reach_state *s, int reg)
{
	return s->known >> reg & 1;
}

/* One more way to come to instruction @to, in @state. */
static inline void reach_come(struct reach *r, uint32_t to, const struct reach_state *state)
{
	struct reach_state *at = &r->before[to];
	uint16_t known = at->known;
	uint64_t slots = at->known_slots;
	bool is_new;

	if (to >= r->n)
		return;
	is_new = !at->reached;
	if (is_new) {
		*at = *state;
		at->reached = true;
	} else {
		for (int i = 0; i < 11; i++)
			if (!reach_knows(state, i) || state->regs[i] != at->regs[i])
				reach_set(at, i, false, 0);
		for (int i = 0; i < REACH_SLOTS; i++)
			if (!(state->known_slots >> i & 1) || state->slots[i] != at->slots[i])
				at->known_slots &= ~(1ULL << i);
		is_new = known != at->known || slots != at->known_slots;
	}
	if (is_new && !r->is_queued[to]) {
		r->is_queued[to] = true;
		r->todo[r->n_todo++] = to;
	}
}

/* A function that anybody may call: nothing is known. */
static inline void reach_enter(struct reach *r, uint32_t at)
{
	reach_come(r, at, &(struct reach_state){.reached = true});
}

/* @a @op @b of 64 bits or (as @wide says) 32. False: not folded here. */
static inline bool reach_fold(int op, bool wide, int64_t a, int64_t b, int64_t *value)
{
	uint64_t x = wide ? a : (uint32_t)a, y = wide ? b : (uint32_t)b;
	unsigned int shift = y & (wide ? 63 : 31);

	switch (op) {
	case BPF_ADD:
		x += y;
		break;
	case BPF_SUB:
		x -= y;
		break;
	case BPF_MUL:
		x *= y;
		break;
	case BPF_OR:
		x |= y;
		break;
	case BPF_AND:
		x &= y;
		break;
	case BPF_XOR:
		x ^= y;
		break;
	case BPF_LSH:
		x <<= shift;
		break;
	case BPF_RSH:
		x >>= shift;
		break;
	case BPF_ARSH:
		x = wide ? (uint64_t)((int64_t)x >> shift) : (uint64_t)((int32_t)x >> shift);
		break;
	case BPF_MOV:
		x = y;
		break;
	default:
		return false;
	}
	*value = wide ? x : (uint32_t)x;
	return true;
}

static inline void reach_alu(struct reach_state *s, const struct bpf_insn *insn)
{
	bool wide = BPF_CLASS(insn->code) == BPF_ALU64, is_reg = insn->code & BPF_X;
	int op = BPF_OP(insn->code);
	bool is_known = (op == BPF_MOV || reach_knows(s, insn->dst_reg)) &&
			(!is_reg || reach_knows(s, insn->src_reg)) && !insn->off;
	int64_t b = is_reg ? s->regs[insn->src_reg] : insn->imm, value = 0;

	/* x & 0 and x * 0 are left to the verifier: nobody guards with them */
	is_known = is_known && reach_fold(op, wide, s->regs[insn->dst_reg], b, &value);
	reach_set(s, insn->dst_reg, is_known, value);
}

/* The condition of a jump. */
static inline bool reach_holds(int op, bool wide, int64_t a, int64_t b)
{
	int64_t sa = wide ? a : (int32_t)a, sb = wide ? b : (int32_t)b;
	uint64_t ua = wide ? a : (uint32_t)a, ub = wide ? b : (uint32_t)b;

	switch (op) {
	case BPF_JEQ:
		return ua == ub;
	case BPF_JNE:
		return ua != ub;
	case BPF_JGT:
		return ua > ub;
	case BPF_JGE:
		return ua >= ub;
	case BPF_JLT:
		return ua < ub;
	case BPF_JLE:
		return ua <= ub;
	case BPF_JSET:
		return ua & ub;
	case BPF_JSGT:
		return sa > sb;
	case BPF_JSGE:
		return sa >= sb;
	case BPF_JSLT:
		return sa < sb;
	default: /* BPF_JSLE */
		return sa <= sb;
	}
}

static inline void reach_branch(struct reach *r, uint32_t i, struct reach_state *s)
{
	const struct bpf_insn *insn = &r->insns[i];
	bool wide = BPF_CLASS(insn->code) == BPF_JMP, is_reg = insn->code & BPF_X;
	bool is_known = reach_knows(s, insn->dst_reg) && (!is_reg || reach_knows(s, insn->src_reg));
	int64_t b = is_reg ? s->regs[insn->src_reg] : insn->imm;
	bool holds = is_known && reach_holds(BPF_OP(insn->code), wide, s->regs[insn->dst_reg], b);

	if (!is_known || holds)
		reach_come(r, i + 1 + insn->off, s);
	if (!is_known || !holds)
		reach_come(r, i + 1, s);
}

/* Calls clobber r0 to r5; one of ours starts with these arguments and a stack of its own. */
static inline void reach_call(struct reach *r, uint32_t i, struct reach_state *s)
{
	const struct bpf_insn *insn = &r->insns[i];
	struct reach_state inside = *s;

	if (insn->src_reg == BPF_PSEUDO_CALL) {
		inside.known &= 0x3e;
		inside.known_slots = 0;
		reach_come(r, i + 1 + insn->imm, &inside);
	}
	for (int reg = 0; reg <= 5; reg++)
		reach_set(s, reg, false, 0);
	/* whoever got the address of the stack may have written there */
	s->known_slots = 0;
	reach_come(r, i + 1, s);
}

/*
 * Stores through r10 alone are followed; through any other register they may hit any slot. Of
 * BPF_ST the verifier forgets the value before 6.4.
 */
static inline void reach_store(struct reach_state *s, const struct bpf_insn *insn)
{
	int slot = (-insn->off + 7) / 8 - 1;
	bool is_whole = insn->code == (BPF_STX | BPF_MEM | BPF_DW) && insn->off % 8 == 0;

	if (insn->dst_reg != 10 || insn->off >= 0 || slot >= REACH_SLOTS) {
		s->known_slots = 0;
		return;
	}
	s->known_slots &= ~(1ULL << slot);
	if (!is_whole || !reach_knows(s, insn->src_reg))
		return;
	s->known_slots |= 1ULL << slot;
	s->slots[slot] = s->regs[insn->src_reg];
}

static inline void reach_load(struct reach_state *s, const struct bpf_insn *insn)
{
	int slot = -insn->off / 8 - 1;
	bool is_known = insn->src_reg == 10 && insn->off < 0 && insn->off % 8 == 0 &&
			BPF_SIZE(insn->code) == BPF_DW && slot < REACH_SLOTS &&
			BPF_MODE(insn->code) == BPF_MEM && s->known_slots >> slot & 1;

	reach_set(s, insn->dst_reg, is_known, is_known ? s->slots[slot] : 0);
}

/* A constant of 64 bits, an address, or a function that a helper will call. */
static inline void reach_wide(struct reach *r, uint32_t i, struct reach_state *s)
{
	const struct bpf_insn *insn = &r->insns[i];

	reach_set(s, insn->dst_reg, !insn->src_reg,
		  (int64_t)((uint64_t)(uint32_t)insn[1].imm << 32 | (uint32_t)insn->imm));
	if (insn->src_reg == BPF_PSEUDO_FUNC)
		reach_enter(r, i + 1 + insn->imm);
	reach_come(r, i + 2, s);
}

static inline void reach_step(struct reach *r, uint32_t i)
{
	const struct bpf_insn *insn = &r->insns[i];
	struct reach_state s = r->before[i];

	switch (BPF_CLASS(insn->code)) {
	case BPF_JMP:
	case BPF_JMP32:
		if (BPF_OP(insn->code) == BPF_EXIT)
			return;
		if (BPF_OP(insn->code) == BPF_JA)
			return reach_come(r, i + 1 + (insn->off ? insn->off : insn->imm), &s);
		if (BPF_OP(insn->code) == BPF_CALL)
			return reach_call(r, i, &s);
		return reach_branch(r, i, &s);
	case BPF_LD:
		if (insn->code == (BPF_LD | BPF_IMM | BPF_DW))
			return reach_wide(r, i, &s);
		for (int reg = 0; reg <= 5; reg++)
			reach_set(&s, reg, false, 0);
		break;
	case BPF_LDX:
		reach_load(&s, insn);
		break;
	case BPF_ST:
	case BPF_STX:
		reach_store(&s, insn);
		if (BPF_MODE(insn->code) != BPF_MEM) { /* an atomic one gives back the old value */
			reach_set(&s, 0, false, 0);
			reach_set(&s, insn->src_reg, false, 0);
		}
		break;
	default:
		if (BPF_OP(insn->code) == BPF_END || BPF_OP(insn->code) == BPF_NEG)
			reach_set(&s, insn->dst_reg, false, 0);
		else
			reach_alu(&s, insn);
	}
	reach_come(r, i + 1, &s);
}

/* Makes room for a program, which begins at its first instruction. Returns false: no memory. */
static inline bool reach_init(struct reach *r, const struct bpf_insn *insns, uint32_t n)
{
	*r = (struct reach){.insns = insns, .n = n};
	r->before = calloc(n + 1, sizeof(*r->before));
	r->todo = calloc(n + 1, sizeof(*r->todo));
	r->is_queued = calloc(n + 1, sizeof(*r->is_queued));
	if (!r->before || !r->todo || !r->is_queued)
		return false;
	reach_enter(r, 0);
	return true;
}

/* Walks on until nothing new is found; r.before[i].reached is the answer. */
static inline void reach_walk(struct reach *r)
{
	while (r->n_todo) {
		uint32_t i = r->todo[--r->n_todo];

		r->is_queued[i] = false;
		if (i < r->n)
			reach_step(r, i);
	}
}

#endif
