// SPDX-License-Identifier: GPL-2.0-only
#include "lib/interrupt.h"

#include <stddef.h>
#include <string.h>
#include <time.h>

#include "lib/err.h"

void interrupt_block(struct interrupt *interrupt)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction action;

	sigemptyset(&interrupt->signals);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		/* a blocked signal is queued even if it is ignored */
		if (!sigaction(signals[i], NULL, &action) && action.sa_handler != SIG_IGN)
			sigaddset(&interrupt->signals, signals[i]);
	pthread_sigmask(SIG_BLOCK, &interrupt->signals, &interrupt->before);
}

int interrupt_check(const struct interrupt *interrupt, struct error *err)
{
	const struct timespec now = { 0 };
	int signo = sigtimedwait(&interrupt->signals, NULL, &now);

	if (signo <= 0)
		return 0;
	return fail(err, 0, "interrupted by signal %d (%s)", signo, strsignal(signo));
}

void interrupt_unblock(const struct interrupt *interrupt)
{
	pthread_sigmask(SIG_SETMASK, &interrupt->before, NULL);
}
