// SPDX-License-Identifier: GPL-2.0-only
/* What can be found out about a clone to come while its process still runs. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dump/cow.h"
#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/proc.h"

/* --- instructions ---------------------------------------------------------- */

/* Where to look first: the likelier the place, and the smaller, the sooner. */
#define RANKS 3
static int rank_of(const char *path)
{
	const char *name = strrchr(path, '/');

	name = name ? name + 1 : path;
	if (!strncmp(name, "[vdso]", 6))
		return 0;
	return !strncmp(name, "libc.", 5) || !strncmp(name, "libc-", 5) ||
			       !strncmp(name, "ld-musl", 7)
		       ? 1
		       : 2;
}

static bool is_found(const struct guest *g)
{
	return g->place.gadgets.call && g->place.gadgets.sigreturn;
}

static void search_rank(struct guest *g, int rank)
{
	_cleanup_fclose_ FILE *f = NULL;
	unsigned long long start, end;
	char path[32], line[512], flags[8];

	snprintf(path, sizeof(path), "/proc/%d/maps", g->pid);
	f = fopen(path, "re");
	while (f && !is_found(g) && fgets(line, sizeof(line), f)) {
		int name = 0;

		/* what is shared may be changed while clones still call there */
		if (sscanf(line, "%llx-%llx %7s %*s %*s %*s %n", &start, &end, flags, &name) == 3 &&
		    name && flags[2] == 'x' && flags[3] == 'p' && rank_of(line + name) == rank)
			guest_search(g, start, end);
	}
}

bool cow_find_gadgets(struct guest *g)
{
	if (guest_has_gadgets(g))
		return true;
	g->place.gadgets = (struct gadgets){0};
	for (int rank = 0; rank < RANKS && !is_found(g); rank++)
		search_rank(g, rank);
	return is_found(g);
}

static void find_beforehand(struct cow_candidate *c, const struct gadgets *likely)
{
	struct guest g = {.pid = c->pid, .place.gadgets = *likely};
	_cleanup_close_ int mem = -1;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/mem", c->pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	g.mem = mem;
	if (mem >= 0 && cow_find_gadgets(&g))
		c->gadgets = g.place.gadgets;
}

/* --- the list -------------------------------------------------------------- */

uint64_t cow_private_bytes(pid_t pid)
{
	_cleanup_fclose_ FILE *f = NULL;
	unsigned long long resident, shared;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%*u %llu %llu", &resident, &shared) != 2 || shared > resident)
		return 0;
	return (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}

int cow_plan(struct cow_plan *plan, pid_t root, uint64_t worth)
{
	const struct gadgets *likely = &(const struct gadgets){0};
	struct pids pids = {0};
	int ret = proc_tree(root, &pids);

	/* who is not met now is looked at in the stop */
	ret = ret == -ENOMEM ? ret : 0;
	plan->candidates = calloc(pids.n ?: 1, sizeof(*plan->candidates));
	if (!plan->candidates)
		ret = -ENOMEM;
	for (size_t i = 0; i < pids.n && !ret; i++) {
		uint64_t bytes = cow_private_bytes(pids.pid[i]);

		plan->bytes += bytes;
		plan->n_worthy += bytes >= worth;
		plan->candidates[plan->n++] = (struct cow_candidate){.pid = pids.pid[i], .bytes = bytes};
		ret = ids_set(&plan->index, (uint64_t)pids.pid[i], (uint32_t)plan->n);
	}
	pids_deinit(&pids);
	for (size_t i = 0; i < plan->n && !ret; i++) {
		struct cow_candidate *c = &plan->candidates[i];

		if (c->bytes < worth)
			continue;
		find_beforehand(c, likely);
		likely = &c->gadgets;
		(void)cow_has_no_room(&plan->room, c->pid, plan->bytes);
	}
	return ret;
}

const struct cow_candidate *cow_candidate(const struct cow_plan *plan, pid_t pid)
{
	uint32_t at = ids_get(&plan->index, (uint64_t)pid);

	return at ? &plan->candidates[at - 1] : NULL;
}

void cow_plan_deinit(struct cow_plan *plan)
{
	free(plan->candidates);
	ids_deinit(&plan->index);
	cow_room_deinit(&plan->room);
	*plan = (struct cow_plan){0};
}
