// SPDX-License-Identifier: GPL-2.0-only
/* Code that may be entered at landing pads only stays so: private memory, of a child too. */
#include "subject.h"

#include <setjmp.h>

#include "guarded_code.h"

static sigjmp_buf back;

static void on_signal(int sig)
{
	siglongjmp(back, 1);
}

/* Whether a call of @code comes back. */
static bool can_call(const void *code)
{
	void (*function)(void) = (void (*)(void))code;

	if (sigsetjmp(back, 1))
		return false;
	function();
	return true;
}

static void check(const char *who, const char *page, bool is_guarded)
{
	subject_check(can_call(page), "%s: code with a landing pad is not called", who);
	subject_check(can_call(page + 64) == !is_guarded, "%s: code without a landing pad is %scalled",
		      who, is_guarded ? "" : "not ");
}

static char *map(int prot)
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	subject_need(page != MAP_FAILED, "mmap: %m");
	memcpy(page, guarded_pad, sizeof(guarded_pad));
	memcpy(page + 64, guarded_bare, sizeof(guarded_bare));
	__builtin___clear_cache(page, page + 4096);
	subject_need(!mprotect(page, 4096, PROT_READ | PROT_EXEC | prot), "mprotect: %m");
	return page;
}

int main(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	char *guarded, *plain;
	pid_t child;

	if (GUARDED_NONE)
		subject_skip("%s", GUARDED_NONE);
	sigaction(SIGILL, &action, NULL);
	guarded = map(PROT_GUARDED);
	plain = map(0);
	check("before", guarded, true);
	check("before, plain", plain, false);
	child = subject_fork();
	if (!child) {
		subject_wait_restored();
		check("child", guarded, true);
		check("child, plain", plain, false);
		_exit(0);
	}
	subject_ready();
	subject_wait_restored();
	check("after", guarded, true);
	check("after, plain", plain, false);
	subject_check(subject_reap(child) == 0, "the child failed");
	return subject_end();
}
