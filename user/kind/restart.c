// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls that a stop interrupts, and what a program sees of that. By the kernel's rules a stopped
 *call -ERESTARTSYS, NOINTR, NOHAND   is executed again from its beginning: what waits without
 *limit, and what waits until a moment, loses nothing. select, pselect and ppoll have written the
 *	remaining time back to the caller's memory before.
 *  -ERESTART_RESTARTBLOCK	    goes on until a deadline that the kernel keeps: nanosleep,
 *	clock_nanosleep, poll, futex with a timeout. Carried in restart_entry.
 *  -EINTR			    ends, only because it was stopped: epoll_wait, sigtimedwait,
 *semop, sockets with a timeout … (dump/interrupted.h). Executed again: epoll_wait with what
 *	remained (dump/waits.h); the others with the whole of their time, for that is in memory
 *	of the program, or a property of the socket.
 * When a signal handler is about to run it is EINTR indeed (or another round, with SA_RESTART).
 */
#include "kind/restart.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#include "core.pb-c.h"
#include "dump/dump.h"
#include "dump/interrupted.h"
#include "inventory.pb-c.h"
#include "kind.h"
#include "lib/bootid.h"
#include "lib/clock.h"
#include "lib/err.h"
#include "restore/restore.h"

#define NSEC         1000000000LL
#define STALE_NS     (NSEC / 20)
#define TT_NONE      0 /* nobody wants to know what remains */
#define TT_NATIVE    1
#define MAX_CLOCKS   16 /* the kernel's; CPU clocks of tasks are below 0 */
#define RSEQ_CS      8  /* offset of struct rseq's pointer to the critical section */

#ifndef SYS_poll
#define SYS_poll (-2L) /* no call: newer processors have ppoll only, which needs no help */
#endif

/* --- dump: registers ------------------------------------------------------ */

/* Ignored by default: these run no handler and interrupt nothing. */
static bool is_ignored_by_default(int sig)
{
	return sig == SIGCHLD || sig == SIGCONT || sig == SIGURG || sig == SIGWINCH;
}

/*
 * Flags of the handler that runs first when @t goes on; -1 if none does. A signal that
 * only the call itself lets through (sigsuspend) does not count: executed again, the call
 * lets it through again.
 */
static int64_t next_handler(const struct task *t)
{
	const struct process *p = t->process;
	uint64_t mask, pending = t->rec->pending | p->rec->shared_pending;

	if (!pending || dump_sigmask(t, &mask))
		return -1;
	pending &= ~mask;

	for (int sig = 1; sig <= RECORD_SIGNALS; sig++) {
		const struct record_sigaction *action = &p->deep->actions[sig - 1];

		if (!(pending >> (sig - 1) & 1) ||
		    action->handler == (uint64_t)(uintptr_t)SIG_IGN ||
		    (!action->handler && is_ignored_by_default(sig)))
			continue;
		return action->handler ? (int64_t)(action->flags & UINT32_MAX) : -1;
	}
	return -1;
}

/* The kernel would decide so when the handler runs; after a restore it no longer can. */
static void end_if_handled(struct task *t)
{
	long result = regs_syscall_result(&t->regs);
	int64_t flags;

	if (regs_syscall_nr(&t->regs) < 0 || (result != -ERESTARTSYS && result != -ERESTARTNOHAND &&
					      result != -ERESTART_RESTARTBLOCK))
		return;
	flags = next_handler(t);
	if (flags < 0 || (result == -ERESTARTSYS && flags & SA_RESTART))
		return;
	regs_end_syscall(&t->regs, -EINTR);
}

/* Memory that cannot be read holds no section: the kernel would end the thread for it. */
static void leave_rseq(struct task *t)
{
	struct {
		uint32_t version, flags;
		uint64_t start, length, abort;
	} section;
	uint64_t at = 0;
	struct iovec local = {&at, sizeof(at)},
		     remote = {(void *)(uintptr_t)(t->rec->rseq + RSEQ_CS), sizeof(at)};

	if (!t->rec->rseq || process_vm_readv(t->tid, &local, 1, &remote, 1, 0) != sizeof(at) ||
	    !at)
		return;
	local = (struct iovec){&section, sizeof(section)};
	remote = (struct iovec){(void *)(uintptr_t)at, sizeof(section)};
	if (process_vm_readv(t->tid, &local, 1, &remote, 1, 0) == sizeof(section))
		regs_leave_rseq(&t->regs, section.start, section.length, section.abort);
}

int dump_rewind(struct dump *d, struct task *t)
{
	if (t->rec->marks.has_first_argument)
		regs_tell_first(&t->regs, t->rec->marks.first_argument);
	if (call_was_interrupted(&t->regs) && next_handler(t) < 0 &&
	    regs_repeat_syscall(&t->regs) && t->wake_ns)
		call_shorten(&t->regs, (long long)t->wake_ns - dump_clock(d, CLOCK_MONOTONIC));
	end_if_handled(t);
	leave_rseq(t);
	t->restart_nr = regs_syscall_nr(&t->regs);
	t->restart = regs_rewind_syscall(&t->regs);
	return 0;
}

/* --- dump: the restart block ---------------------------------------------- */

/* Until when it sleeps, in which clock of the kernel. */
struct sleep {
	long nr;
	clockid_t clock;
	int64_t expires;
	bool is_moment;
	bool is_forever;
};

static bool is_futex(const struct record_restart *block, const uint64_t *args)
{
	unsigned int cmd = (unsigned int)args[1] & FUTEX_CMD_MASK;

	return block->futex_uaddr == args[0] && block->futex_val == (uint32_t)args[2] &&
	       (cmd == FUTEX_WAIT || cmd == FUTEX_WAIT_BITSET);
}

/* poll's block begins like futex's: an address, two words. */
static bool is_poll(const struct record_restart *block, const uint64_t *args)
{
	return block->futex_uaddr == args[0] && block->futex_val == (uint32_t)args[1] &&
	       block->poll_has_timeout <= 1;
}

static bool is_nanosleep(const struct record_restart *block, uint64_t rmtp)
{
	return block->nanosleep_type <= TT_NATIVE &&
	       (rmtp ? block->nanosleep_rmtp == rmtp : block->nanosleep_type == TT_NONE);
}

/* The clock that the kernel notes for a relative sleep on clock @arg. */
static bool is_clock_of(const struct record_restart *block, clockid_t arg)
{
	clockid_t noted = (clockid_t)block->nanosleep_clock;

	switch (arg) {
	case CLOCK_REALTIME:
		return noted == CLOCK_MONOTONIC;
	case CLOCK_PROCESS_CPUTIME_ID:
	case CLOCK_THREAD_CPUTIME_ID:
		return noted < 0;
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM:
		return noted == arg - CLOCK_REALTIME_ALARM;
	default:
		return noted == arg && arg < MAX_CLOCKS;
	}
}

/*
 * Which call filled the restart block. A sleep that was stopped before shows as
 * restart_syscall: its arguments tell, which are still in their registers. The words of
 * a nanosleep cannot be an address, so it is told first. On arm64 there may be no block:
 * then what is there is an old one, of other arguments or of a time that has passed.
 */
static long nr_of_block(const struct task *t, const uint64_t *args)
{
	const struct record_restart *block = &t->rec->restart;
	long nr = t->restart_nr;
	bool any = nr == SYS_restart_syscall;

	if (!block->fn)
		return -1;
	if ((any || nr == SYS_nanosleep) && block->nanosleep_clock == CLOCK_MONOTONIC &&
	    is_nanosleep(block, args[1]))
		return SYS_nanosleep;
	if ((any || nr == SYS_clock_nanosleep) && !(args[1] & TIMER_ABSTIME) &&
	    is_clock_of(block, (clockid_t)args[0]) && is_nanosleep(block, args[3]))
		return SYS_clock_nanosleep;
	if ((any || nr == SYS_poll) && SYS_poll > 0 && is_poll(block, args))
		return SYS_poll;
	if ((any || nr == SYS_futex) && is_futex(block, args))
		return SYS_futex;
	return -1;
}

/* The block's own clock: alarm clocks number theirs otherwise. */
static clockid_t nanosleep_clock(const struct record_restart *block, long nr, clockid_t arg)
{
	if (nr == SYS_clock_nanosleep && arg == CLOCK_REALTIME_ALARM)
		return CLOCK_REALTIME;
	if (nr == SYS_clock_nanosleep && arg == CLOCK_BOOTTIME_ALARM)
		return CLOCK_BOOTTIME;
	return (clockid_t)block->nanosleep_clock;
}

static bool read_sleep(const struct task *t, const uint64_t *args, struct sleep *ret)
{
	const struct record_restart *block = &t->rec->restart;

	*ret = (struct sleep){.nr = nr_of_block(t, args), .clock = CLOCK_MONOTONIC};
	switch (ret->nr) {
	case -1:
		return false;
	case SYS_futex:
		ret->expires = (int64_t)block->futex_time;
		ret->is_moment = ((unsigned int)args[1] & FUTEX_CMD_MASK) != FUTEX_WAIT;
		if (args[1] & FUTEX_CLOCK_REALTIME)
			ret->clock = CLOCK_REALTIME;
		return true;
	case SYS_poll:
		ret->is_forever = !block->poll_has_timeout;
		ret->expires = (int64_t)block->poll_sec * NSEC + (int64_t)block->poll_nsec;
		return true;
	default:
		ret->clock = nanosleep_clock(block, ret->nr, (clockid_t)args[0]);
		ret->expires = (int64_t)block->nanosleep_expires;
		return true;
	}
}

static int describe(struct dump *d, struct task *t, CoreEntry *core)
{
	RestartEntry *entry;
	struct sleep sleep;
	uint64_t args[6];
	long long now;

	if (t->process->is_zombie || !core->thread_core || t->restart != -ERESTART_RESTARTBLOCK)
		return 0;
	for (unsigned int i = 0; i < 6; i++)
		args[i] = regs_syscall_arg(&t->regs, i);
	if (!read_sleep(t, args, &sleep) || dump_task_clock(d, t, sleep.clock, &now))
		return 0;
	/* One that ended long ago was another call's: this one has not begun. */
	if (!sleep.is_forever && sleep.expires < now - STALE_NS)
		return 0;
	entry = dump_message(d, &restart_entry__descriptor);
	if (!entry || !(entry->args = arena_copy(&d->arena, args, sizeof(args))))
		return fail(d->err, ENOMEM, "cannot describe the call it sleeps in");
	entry->n_args = 6;
	entry->nr = (uint64_t)sleep.nr;
	entry->has_code = entry->has_clock = true;
	entry->code = (int32_t)t->restart;
	entry->clock = (uint32_t)sleep.clock;
	entry->has_remaining_ns = !sleep.is_forever;
	entry->remaining_ns = sleep.expires > now ? (uint64_t)(sleep.expires - now) : 0;
	entry->has_expires_ns = sleep.is_moment;
	entry->expires_ns = (uint64_t)sleep.expires;
	core->thread_core->restart = entry;
	return 0;
}

/* --- restore --------------------------------------------------------------- */

static int check(struct restore *r, struct new_task *t)
{
	const RestartEntry *entry = t->core->thread_core->restart;

	if (!entry)
		return 0;
	if (entry->n_args != 6 || entry->nr > INT_MAX ||
	    (entry->nr != SYS_nanosleep && entry->nr != SYS_clock_nanosleep &&
	     entry->nr != SYS_futex && (long)entry->nr != SYS_poll))
		return fail(r->err, 0, "it sleeps in call %llu, which cannot be gone on with",
			    (unsigned long long)entry->nr);
	if (entry->remaining_ns > INT64_MAX || entry->expires_ns > INT64_MAX)
		return fail(r->err, 0, "it sleeps for a time out of range");
	return 0;
}

/* Does CLOCK_MONOTONIC still count from where it did? */
static bool is_same_boot(const struct restore *r)
{
	char id[BOOT_ID_SIZE];

	if (boot_id(id))
		return false;
	return r->inventory->boot_id && !strcmp(id, r->inventory->boot_id);
}

static int64_t futex_time(const struct restore *r, const RestartEntry *entry)
{
	struct timespec now = {0};

	if (!entry->has_expires_ns)
		return (int64_t)entry->remaining_ns;
	if (entry->clock == CLOCK_REALTIME || is_same_boot(r))
		return (int64_t)entry->expires_ns;
	clock_gettime((clockid_t)entry->clock, &now);
	return now.tv_sec * NSEC + now.tv_nsec + (int64_t)entry->remaining_ns;
}

bool restart_plan(const struct restore *r, const struct new_task *t, struct restart_call *ret)
{
	const RestartEntry *entry = t->core->thread_core ? t->core->thread_core->restart : NULL;
	int64_t time;

	if (!entry)
		return false;
	*ret = (struct restart_call){.nr = (long)entry->nr, .time_arg = -1};
	memcpy(ret->args, entry->args, sizeof(ret->args));
	time = (int64_t)entry->remaining_ns;
	if (ret->nr == SYS_poll) {
		/* Milliseconds, and not one too few. */
		int64_t ms = time / 1000000 + (time % 1000000 != 0);

		if (ms > INT_MAX)
			ms = INT_MAX;
		ret->args[2] = entry->has_remaining_ns ? (__u64)ms : (__u64)-1;
		return true;
	}
	if (ret->nr == SYS_futex)
		time = futex_time(r, entry);
	ret->time_arg = ret->nr == SYS_futex ? 3 : ret->nr == SYS_nanosleep ? 0 : 2;
	ret->time.sec = time / NSEC;
	ret->time.nsec = time % NSEC;
	return true;
}

static const struct task_ops task_ops = {
	.describe = describe,
	.check = check,
};

const struct kind kind_restart = {.name = "restart", .task = &task_ops};
