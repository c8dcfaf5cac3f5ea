// SPDX-License-Identifier: GPL-2.0-only
#include "inject/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inject/guest-run.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/err.h"

#define CALL_NS       10000000000ll
#define KERNEL_SIGSET 8       /* bytes of the kernel's sigset_t */
#define NO_PID        INT_MAX /* of nobody's child */
#define SEARCH_CHUNK  65536
#define RSEQ_CS       8 /* offset of rseq_cs in struct rseq */

#ifndef PTRACE_GET_RSEQ_CONFIGURATION
#define PTRACE_GET_RSEQ_CONFIGURATION 0x420f
#endif
#ifndef PTRACE_O_EXITKILL
#define PTRACE_O_EXITKILL 0x100000
#endif
/* linux/ptrace.h and linux/rseq.h collide with libc's headers. */
struct rseq_configuration {
	__u64 pointer;
	__u32 size, signature, flags, pad;
};
struct rseq_section {
	__u32 version, flags;
	__u64 start, length, abort;
};

/*
 * At the start of our pages: they are ours only as long as nobody has written to them. The
 * program has no business so far below its stack pointer, but may have come there since.
 */
struct mark {
	char text[24];
	__u64 size;
	__u64 sum;      /* of all behind the mark, without the word that a clone writes to */
	__u64 changing; /* where that word is */
	char unused[FRAME_ALIGN - 48];
};
#define OURS_MAX (1u << 20) /* bytes; larger ones nobody has made */
static const char mark_text[24] = "crbpf: frames of calls\n";

/* Where the frames lie behind the mark. */
struct layout {
	size_t wait;  /* after the clone: waits for the child */
	size_t back;  /* after that, and after any other call: back to where it was */
	size_t child; /* the child's own: exit_group */
	size_t size;  /* of all, in whole pages */
};

static struct layout layout_of(const struct guest *g)
{
	size_t plain = arch_frame_size(&g->work), page = (size_t)sysconf(_SC_PAGESIZE);
	struct layout l = {.wait = sizeof(struct mark)};

	l.back = l.wait + plain;
	l.child = l.back + arch_frame_size(&g->saved);
	l.size = (l.child + plain + page - 1) / page * page;
	return l;
}

/*
 * An instruction pointer inside an rseq section moves to its abort address, as it would if
 * the thread were preempted: the kernel forgets the section when it is left for a call.
 */
static void leave_rseq(struct guest *g)
{
	struct rseq_configuration rseq = {0};
	struct rseq_section section;
	__u64 at;

	if (ptrace(PTRACE_GET_RSEQ_CONFIGURATION, g->tid, (void *)sizeof(rseq), &rseq) <= 0 ||
	    !rseq.pointer ||
	    pread(g->mem, &at, sizeof(at), (off_t)rseq.pointer + RSEQ_CS) != sizeof(at) || !at ||
	    pread(g->mem, &section, sizeof(section), (off_t)at) != sizeof(section))
		return;
	regs_leave_rseq(&g->saved, section.start, section.length, section.abort);
}

int guest_open(struct guest *g, pid_t pid, pid_t tid, bool (*repeats)(const struct regs *),
	       struct error *err)
{
	char path[64];
	int ret;

	*g = (struct guest){.pid = pid, .tid = tid, .mem = -1, .deadline_ns = clock_ns() + CALL_NS};
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	g->mem = open(path, O_RDWR | O_CLOEXEC);
	if (g->mem < 0)
		return fail(err, errno, "cannot open %s", path);
	ret = regs_get(&g->saved, tid, err) ?: regs_get_general(&g->work, tid, err);
	if (ret)
		return ret;
	if (arch_frame_obstacle(&g->saved))
		return fail(err, 0, "%s", arch_frame_obstacle(&g->saved));
	if (ptrace(PTRACE_GETSIGMASK, tid, (void *)KERNEL_SIGSET, &g->mask) < 0)
		return fail(err, errno, "cannot read its signal mask");
	g->is_repeated = repeats && repeats(&g->work);
	leave_rseq(g);
	return 0;
}

void guest_search(struct guest *g, __u64 start, __u64 end)
{
	_cleanup_free_ char *text = malloc(SEARCH_CHUNK + GADGET_MAX);

	while (text && start < end && !(g->place.gadgets.call && g->place.gadgets.sigreturn)) {
		size_t want = end - start < SEARCH_CHUNK + GADGET_MAX ? end - start
								      : SEARCH_CHUNK + GADGET_MAX;
		ssize_t got = pread(g->mem, text, want, (off_t)start);

		if (got <= 0)
			return;
		arch_find_gadgets(text, (size_t)got, start, &g->place.gadgets);
		start += got > SEARCH_CHUNK ? SEARCH_CHUNK : (__u64)got;
	}
}

bool guest_has_gadgets(const struct guest *g)
{
	const struct gadgets *want = &g->place.gadgets;
	char call[GADGET_MAX], sigreturn[GADGET_MAX];
	struct gadgets a = {0}, b = {0};

	if (!want->call || !want->sigreturn ||
	    pread(g->mem, call, sizeof(call), (off_t)want->call) != sizeof(call) ||
	    pread(g->mem, sigreturn, sizeof(sigreturn), (off_t)want->sigreturn) !=
		    sizeof(sigreturn))
		return false;
	arch_find_gadgets(call, sizeof(call), want->call, &a);
	arch_find_gadgets(sigreturn, sizeof(sigreturn), want->sigreturn, &b);
	return a.call == want->call && b.sigreturn == want->sigreturn;
}

static __u64 sum_of(const char *pages, const struct mark *mark)
{
	__u64 sum = 14695981039346656037ull, word;

	for (size_t at = sizeof(*mark); at < mark->size; at += sizeof(word)) {
		memcpy(&word, pages + at, sizeof(word));
		if (at != mark->changing)
			sum = (sum ^ word) * 1099511628211ull;
		sum ^= sum >> 29;
	}
	return sum;
}

/* Are the pages at @start those of an earlier visit, with @size bytes of room, untouched since? */
static bool are_untouched(const struct guest *g, __u64 start, size_t size, size_t *ret_size)
{
	_cleanup_free_ char *pages = NULL;
	struct mark mark;

	if (pread(g->mem, &mark, sizeof(mark), (off_t)start) != sizeof(mark) ||
	    memcmp(mark.text, mark_text, sizeof(mark_text)) || mark.size < size ||
	    mark.size > OURS_MAX || mark.size % FRAME_ALIGN)
		return false;
	pages = malloc(mark.size);
	if (!pages || pread(g->mem, pages, mark.size, (off_t)start) != (ssize_t)mark.size ||
	    sum_of(pages, &mark) != mark.sum)
		return false;
	*ret_size = mark.size;
	return true;
}

/*
 * May they be written to again? If the thread's stack pointer is above, yes. If it is below,
 * but in the main stack, they lie inside of a function's frame. On another stack than the
 * main one, which begins at @stack (0: not known), nobody knows how deep the main one is,
 * but that they are untouched.
 */
static bool is_ours(const struct guest *g, __u64 start, size_t size, __u64 stack, size_t *ret_size)
{
	__u64 sp = regs_sp(&g->saved);

	if (!are_untouched(g, start, size, ret_size))
		return false;
	return sp > start + 2 * *ret_size || (stack && sp < stack);
}

/*
 * Where it goes on if nobody puts its registers back: at the call that it was in, made
 * again, since rt_sigreturn forgets what of it had passed. *@general is what of @back is
 * to be freed.
 */
static int registers_of_return(const struct guest *g, struct regs *back, struct regs *general)
{
	*back = g->saved;
	if (regs_copy_general(general, &g->saved))
		return -ENOMEM;
	memcpy(back->set, general->set, general->n * sizeof(general->set[0]));
	if (g->is_repeated)
		regs_repeat_syscall(back);
	else if (regs_syscall_nr(back) >= 0 && regs_syscall_result(back) == -ERESTART_RESTARTBLOCK)
		/* the code for "from the beginning" in place of the one for "go on" */
		regs_end_syscall(back, -ERESTARTNOINTR);
	regs_rewind_syscall(back);
	return 0;
}

/* A frame that makes a call and then returns by way of the frame at @next. */
static void build_call(struct guest *g, char *pages, size_t at, __u64 next, long nr,
		       const __u64 args[6])
{
	const __u64 all = ~0ull;

	regs_prepare_guest_call(&g->work, &g->place.gadgets, next, nr, args);
	arch_frame_build(pages + at, g->place.start + at, &g->work, all, &g->place.gadgets);
}

static int write_frames(struct guest *g, const struct layout *l, struct error *err)
{
	_cleanup_free_ char *pages = aligned_alloc(FRAME_ALIGN, l->size);
	__u64 at = g->place.start;
	struct mark mark = {.size = l->size, .changing = l->wait + arch_frame_first_arg()};
	struct regs back, general = {0};
	ssize_t done;

	if (!pages || registers_of_return(g, &back, &general))
		return fail(err, ENOMEM, "cannot build frames");
	memset(pages, 0, l->size);
	memcpy(mark.text, mark_text, sizeof(mark_text));
	arch_frame_build(pages + l->back, at + l->back, &back, g->mask, &g->place.gadgets);
	regs_deinit(&general);
	build_call(g, pages, l->wait, at + l->back, SYS_wait4, (const __u64[6]){NO_PID, 0, __WALL});
	build_call(g, pages, l->child, at + l->child, SYS_exit_group, (const __u64[6]){0});
	mark.sum = sum_of(pages, &mark);
	memcpy(pages, &mark, sizeof(mark));
	done = pwrite(g->mem, pages, l->size, (off_t)at);
	if (done != (ssize_t)l->size)
		return fail(err, done < 0 ? errno : EFAULT, "cannot write below its stack");
	return 0;
}

int guest_settle(struct guest *g, __u64 stack, struct error *err)
{
	struct layout l = layout_of(g);
	size_t size = l.size;

	if (g->place.start && !is_ours(g, g->place.start, l.size, stack, &size))
		g->place.start = 0;
	if (!g->place.start) {
		if (!stack)
			return -EAGAIN;
		if (is_ours(g, stack, l.size, stack, &size))
			g->place.start = stack;
		else
			g->place.start = stack - (size = l.size);
	}
	l.size = g->place.size = size;
	return write_frames(g, &l, err);
}

/* --- calls ----------------------------------------------------------------- */

/* Registers first, then the mask; and back the other way round: else a killed crbpf leaves it deaf.
 */
static int go_away(struct guest *g, struct error *err)
{
	const __u64 all = ~0ull;
	int ret;

	/* a part of them may be set when that fails */
	g->is_away = true;
	ret = regs_set(&g->work, g->tid, err);
	if (ret)
		return ret;
	if (ptrace(PTRACE_SETSIGMASK, g->tid, (void *)KERNEL_SIGSET, &all) < 0)
		return fail(err, errno, "cannot block its signals");
	return 0;
}

static int put_back(struct guest *g, struct error *err)
{
	int ret;

	if (ptrace(PTRACE_SETSIGMASK, g->tid, (void *)KERNEL_SIGSET, &g->mask) < 0)
		return fail(err, errno, "cannot give it its signal mask back");
	g->is_held |= regs_hold_call(&g->saved, g->is_repeated);
	ret = regs_set_general(&g->saved, g->tid, err);
	if (!ret)
		g->is_away = false;
	return ret;
}

/* To a stop like the one it came from; signals on their way are given to it before. */
static int come_to_rest(struct guest *g, int signal, struct error *err)
{
	int stop;

	do {
		if (ptrace(PTRACE_INTERRUPT, g->tid, NULL, NULL) < 0)
			return fail(err, errno, "cannot stop thread %d", g->tid);
		stop = guest_resume(g->tid, PTRACE_CONT, signal, g->deadline_ns, &signal, err);
		if (stop > 0 && g->is_away && put_back(g, err))
			return err ? err->code : -EIO;
	} while (stop > 0 && stop != GUEST_INTERRUPT);
	return stop < 0 ? stop : 0;
}

/* To the entry of the call. -EAGAIN: a signal that cannot be blocked came first. */
static int enter_call(struct guest *g, struct error *err)
{
	int signal, stop, ret = go_away(g, err);

	if (ret)
		return ret;
	stop = guest_resume(g->tid, PTRACE_SYSCALL, 0, g->deadline_ns, &signal, err);
	while (stop == GUEST_INTERRUPT)
		stop = guest_resume(g->tid, PTRACE_SYSCALL, 0, g->deadline_ns, &signal, err);
	if (stop == GUEST_SYSCALL || stop < 0)
		return stop < 0 ? stop : 0;
	ret = put_back(g, err) ?: come_to_rest(g, signal, err);
	return ret ?: fail(err, EAGAIN, "signal %d was sent to it", signal);
}

static int result_of(struct guest *g, long *ret_result, struct error *err)
{
	struct regs regs;
	int ret = regs_get_general(&regs, g->tid, err);

	if (ret)
		return ret;
	*ret_result = regs_syscall_result(&regs);
	regs_deinit(&regs);
	return 0;
}

static int make_call(struct guest *g, size_t frame, long nr, const __u64 args[6], pid_t *ret_child,
		     long *ret_result, struct error *err)
{
	int ret;

	regs_prepare_guest_call(&g->work, &g->place.gadgets, g->place.start + frame, nr, args);
	ret = enter_call(g, err);
	if (!ret)
		ret = guest_finish_call(g->tid, g->deadline_ns, ret_child, err);
	return ret ?: result_of(g, ret_result, err);
}

int guest_call(struct guest *g, long nr, const __u64 args[6], long *ret_result, struct error *err)
{
	return make_call(g, layout_of(g).back, nr, args, NULL, ret_result, err);
}

#define CLONE_ARGS(g_, l_)                                                                         \
	{                                                                                          \
		CLONE_PARENT_SETTID | CLONE_FILES, (g_)->place.start + (l_)->child,                \
			(g_)->place.start + (l_)->wait + arch_frame_first_arg()                    \
	}

size_t guest_list_calls(const struct guest *g, struct guest_call *calls)
{
	const struct layout l = layout_of(g);
	const struct guest_call list[] = {
		{SYS_clone, CLONE_ARGS(g, &l)},
		{SYS_wait4, {NO_PID, 0, __WALL}},
		{SYS_wait4, {NO_PID, 0, __WALL | WNOHANG}},
		{SYS_rt_sigreturn, {0}},
		{SYS_exit_group, {0}},
		{SYS_close_range, {0, UINT_MAX, GUEST_CLOSE_FLAGS}},
		{SYS_setsid, {0}},
		{SYS_munmap, {0, l.size}},
	};

	memcpy(calls, list, sizeof(list));
	return sizeof(list) / sizeof(list[0]);
}

int guest_clone(struct guest *g, pid_t *ret_child, pid_t *ret_vpid, struct error *err)
{
	const long plain = PTRACE_O_TRACESYSGOOD;
	struct layout l = layout_of(g);
	const __u64 args[6] = CLONE_ARGS(g, &l);
	long result = 0;
	int ret;

	*ret_child = 0;
	if (ptrace(PTRACE_SETOPTIONS, g->tid, NULL, (void *)(plain | PTRACE_O_TRACECLONE)) < 0)
		return fail(err, errno, "cannot watch it");
	ret = make_call(g, l.wait, SYS_clone, args, ret_child, &result, err);
	(void)ptrace(PTRACE_SETOPTIONS, g->tid, NULL, (void *)plain);
	if (*ret_child)
		(void)ptrace(PTRACE_SETOPTIONS, *ret_child, NULL,
			     (void *)(plain | PTRACE_O_EXITKILL));
	if (ret)
		return ret;
	if (result == -ERESTARTNOINTR)
		return fail(err, EAGAIN, "a signal came before it was cloned");
	if (result < 0)
		return fail(err, (int)result, "it cannot be cloned");
	*ret_vpid = (pid_t)result;
	return *ret_child ? 0 : fail(err, EIO, "its clone was not announced");
}

int guest_leave(struct guest *g, struct error *err)
{
	return g->is_away ? come_to_rest(g, 0, err) : 0;
}

void guest_close(struct guest *g)
{
	(void)guest_leave(g, NULL);
	if (g->mem >= 0)
		close(g->mem);
	g->mem = -1;
	regs_deinit(&g->saved);
	regs_deinit(&g->work);
}

int guest_child_call(pid_t child, const struct guest_place *place, long nr, const __u64 args[6],
		     long *ret_result, struct error *err)
{
	struct guest g = {.pid = child, .tid = child, .place = *place, .mem = -1};
	int ret = regs_get_general(&g.work, child, err), stop, signal;

	g.deadline_ns = clock_ns() + CALL_NS;
	if (ret)
		return ret;
	regs_prepare_guest_call(&g.work, &place->gadgets, regs_sp(&g.work), nr, args);
	ret = regs_set(&g.work, child, err);
	/* what is sent to its group concerns it no more */
	for (stop = 0; !ret && stop != GUEST_SYSCALL; ret = stop < 0 ? stop : 0)
		stop = guest_resume(child, PTRACE_SYSCALL, 0, g.deadline_ns, &signal, err);
	if (!ret)
		ret = guest_finish_call(child, g.deadline_ns, NULL, err);
	ret = ret ?: result_of(&g, ret_result, err);
	regs_deinit(&g.work);
	return ret;
}
