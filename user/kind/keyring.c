// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keys that only a task's credentials hold: they vanish with it. Keyrings without keys are made
 * anew by whoever first names them; the session's is that of crbpf after a restore.
 */
#include "judge.h"
#include "kind.h"
#include "snapshot.h"

static void refuse(struct judge *j, const struct task *t, const char *whose, unsigned int n)
{
	if (n)
		judge_task(j, t, "keyring", "let it keep keys in its user's keyring",
			   "its %s keyring holds %u key%s, which would be lost", whose, n,
			   n == 1 ? "" : "s");
}

static void judge(struct judge *j, const struct task *t)
{
	const struct record_keys *keys = &t->rec->keys, *first = &t->process->tasks->rec->keys;
	bool is_first = keys == first;

	if (t->process->is_zombie)
		return;
	refuse(j, t, "thread", keys->thread);
	/* threads mostly have these in common with the first, which has been judged */
	if (is_first || !first->process)
		refuse(j, t, "process", keys->process);
	if (is_first || !first->session)
		refuse(j, t, "session", keys->session);
	if (keys->is_service && is_first) {
		judge_task(
			j, t, "keyring", NULL,
			"its session keyring holds systemd's invocation id, and will be crbpf's");
		judge_soften(j);
	}
}

static const struct task_ops task_ops = {.judge = judge};

const struct kind kind_keyring = {.name = "keyring", .task = &task_ops};
