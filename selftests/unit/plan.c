// SPDX-License-Identifier: GPL-2.0-only
/* The plan of a restore is pure data: trees made up here, no privilege. */
#include "restore/plan.h"

#include <sys/mman.h>

#define TEST_MAY_LEAK
#include "harness.h"
#include "kind.h"
#include "lib/err.h"
#include "mm.pb-c.h"
#include "restore/restore.h"

#define HOME_SID  900
#define HOME_PGID 901

static struct new_process *add(struct restore *r, pid_t pid, struct new_process *parent, pid_t sid,
			       pid_t pgid)
{
	struct new_process *p = arena_alloc(&r->arena, sizeof(*p));

	*array_add(r->processes, r->n_processes) = p;
	EXPECT_EQ(ids_set(&r->pid_index, pid, r->n_processes), 0);
	p->pid = pid;
	p->parent = parent;
	p->sid = sid;
	p->pgid = pgid;
	p->pages_fd = -1;
	p->n_tasks = 1;
	p->tasks = arena_alloc(&r->arena, sizeof(*p->tasks));
	return p;
}

static struct restore *start(void)
{
	struct restore *r = calloc(1, sizeof(*r));

	r->home_sid = HOME_SID;
	r->home_pgid = HOME_PGID;
	r->page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	return r;
}

static void births(struct restore *r, bool shell_job)
{
	struct error err = {0};

	if (plan_births(r, shell_job, &err))
		FAIL("%s", err.text);
}

TEST(child_in_its_parents_session_is_born_after_setsid)
{
	struct restore *r = start();
	struct new_process *root = add(r, 10, NULL, 10, 10), *c = add(r, 11, root, 10, 10);

	births(r, false);
	EXPECT(c->cloned_by == root && !c->before_setsid && !c->as_sibling);
	EXPECT_EQ(root->n_births, 1);
	EXPECT(root->births[0] == c);
	EXPECT_EQ(root->born_sid, HOME_SID);
}

TEST(child_left_behind_in_the_old_session_is_born_before_setsid)
{
	struct restore *r = start();
	struct new_process *root = add(r, 10, NULL, 10, 10), *leader = add(r, 11, root, 11, 11),
			   *c = add(r, 12, leader, 10, 10), *d = add(r, 13, leader, 11, 11);

	births(r, false);
	EXPECT(c->cloned_by == leader && c->before_setsid);
	EXPECT_EQ(leader->born_sid, 10);
	EXPECT(d->cloned_by == leader && !d->before_setsid);
}

TEST(orphan_of_a_dead_leader_gets_a_helper)
{
	struct restore *r = start();
	struct new_process *root = add(r, 10, NULL, 10, 10), *a = add(r, 12, root, 11, 11),
			   *b = add(r, 13, root, 11, 11), *helper;

	births(r, false);
	helper = restore_process(r, 11);
	EXPECT(helper && helper->is_helper);
	EXPECT_EQ(r->n_processes, 4);
	EXPECT(helper->cloned_by == root && helper->sid == 11);
	EXPECT(a->cloned_by == helper && a->as_sibling);
	EXPECT(b->cloned_by == helper && b->as_sibling);
}

TEST(orphan_of_a_living_leader_is_cloned_as_its_sibling)
{
	struct restore *r = start();
	struct new_process *root = add(r, 10, NULL, 10, 10), *orphan = add(r, 12, root, 11, 11),
			   *leader = add(r, 11, root, 11, 11);

	births(r, false);
	EXPECT_EQ(r->n_processes, 3);
	EXPECT(orphan->cloned_by == leader && orphan->as_sibling);
	EXPECT(leader->cloned_by == root);
}

TEST(group_without_a_leader_gets_a_helper_in_its_session)
{
	struct restore *r = start();
	struct new_process *root = add(r, 10, NULL, 10, 10), *a = add(r, 12, root, 10, 11),
			   *b = add(r, 13, root, 10, 11), *helper;

	births(r, false);
	helper = restore_process(r, 11);
	EXPECT(helper && helper->is_helper && helper->sid == 10 && helper->pgid == 11);
	EXPECT(helper->cloned_by == a);
	EXPECT(b->cloned_by == root);
	EXPECT_EQ(r->n_processes, 4);
}

TEST(shell_job_joins_the_session_of_the_restorer)
{
	struct restore *r = start();
	struct new_process *root = add(r, 12, NULL, 10, 11), *c = add(r, 13, root, 10, 11),
			   *own = add(r, 14, root, 10, 14);
	struct error err = {0};

	EXPECT_LT(plan_births(r, false, &err), 0);
	EXPECT(err.hint && strstr(err.hint, "--shell-job"));
	births(r, true);
	EXPECT_EQ(root->sid, HOME_SID);
	EXPECT_EQ(root->pgid, HOME_PGID);
	EXPECT_EQ(c->sid, HOME_SID);
	EXPECT_EQ(c->pgid, HOME_PGID);
	EXPECT_EQ(own->pgid, 14);
	EXPECT_EQ(r->n_processes, 3);
}

TEST(shell_job_that_leads_its_group_keeps_it)
{
	struct restore *r = start();
	struct new_process *root = add(r, 12, NULL, 10, 12), *c = add(r, 13, root, 10, 12);

	births(r, true);
	EXPECT_EQ(root->pgid, 12);
	EXPECT_EQ(c->pgid, 12);
}

TEST(orphan_of_a_session_further_down_is_adopted)
{
	struct restore *r = start();
	struct new_process *root = add(r, 10, NULL, 10, 10), *a = add(r, 11, root, 10, 10),
			   *leader = add(r, 12, a, 12, 12), *orphan = add(r, 13, root, 12, 12);

	births(r, false);
	EXPECT_EQ(r->n_processes, 5);
	EXPECT(orphan->by_adoption && !orphan->as_sibling);
	EXPECT(orphan->cloned_by->is_helper && orphan->cloned_by->cloned_by == leader);
	EXPECT_EQ(orphan->cloned_by->sid, 12);
}

TEST(process_that_no_session_leads_to_is_refused)
{
	struct restore *r = start();
	struct new_process *root = add(r, 10, NULL, 10, 10), *a = add(r, 11, root, 10, 10);
	struct error err = {0};

	add(r, 12, a, 13, 13);
	add(r, 13, root, 13, 13);
	EXPECT_LT(plan_births(r, false, &err), 0);
	EXPECT(strstr(err.text, "12") && strstr(err.text, "13"));
}

TEST(hole_is_the_highest_that_fits)
{
	struct span spans[] = {{0x50000, 0x60000}, {0x10000, 0x20000}, {0x15000, 0x18000}};

	EXPECT_EQ(plan_hole(spans, 3, 0, 0x60000, 0x10000, 0x1000), 0x3f000);
	EXPECT_EQ(plan_hole(spans, 3, 0, 0x90000, 0x10000, 0x1000), 0x7f000);
	EXPECT_EQ(plan_hole(spans, 3, 0, 0x60000, 0x40000, 0), 0);
	EXPECT_EQ(plan_hole(spans, 3, 0x21000, 0x60000, 0x2f000, 0), 0x21000);
	EXPECT_EQ(plan_hole(NULL, 0, 0x1000, 0x9000, 0x8000, 0), 0x1000);
}

/* Memory of processes: pages in a file, one byte says what is in them. */
static const struct kind anon = {.name = "anon"};

static void give_memory(struct restore *r, struct new_process *p, uint64_t start, size_t n,
			const char *content)
{
	size_t size = r->page_size;
	char *page = malloc(size);
	VmaEntry *entry = arena_alloc(&r->arena, sizeof(*entry));

	vma_entry__init(entry);
	entry->start = start;
	entry->end = start + n * size;
	entry->flags = MAP_PRIVATE | MAP_ANONYMOUS;
	entry->prot = PROT_READ;
	p->vmas = arena_alloc(&r->arena, sizeof(*p->vmas));
	p->n_vmas = 1;
	p->vmas[0] = (struct new_vma){.entry = entry, .kind = &anon, .fd = -1, .has_pages = true};
	p->pages = arena_alloc(&r->arena, n * sizeof(*p->pages));
	p->pages_fd = memfd_create("pages", 0);
	for (size_t i = 0, at = 0; i < n; i++) {
		if (content[i] == ' ')
			continue;
		memset(page, content[i], size);
		EXPECT_EQ(write(p->pages_fd, page, size), (ssize_t)size);
		p->pages[p->n_pages++] = (struct new_pages){start + i * size, 1, size * at++};
	}
	free(page);
}

static void expect_runs(struct restore *r, const struct new_pages *runs, size_t n, uint64_t start,
			const char *picture)
{
	char seen[64];

	memset(seen, '.', sizeof(seen));
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < runs[i].count; j++)
			seen[(runs[i].start - start) / r->page_size + j] = 'x';
	seen[strlen(picture)] = 0;
	EXPECT_STREQ(seen, picture);
}

static void inherit(struct restore *r)
{
	struct error err = {0};

	births(r, false);
	if (plan_inheritance(r, &err))
		FAIL("%s", err.text);
}

TEST(equal_pages_are_inherited)
{
	struct restore *r = start();
	struct new_process *root = add(r, 10, NULL, 10, 10), *c = add(r, 11, root, 10, 10),
			   *g = add(r, 12, c, 10, 10);

	give_memory(r, root, 0x100000, 8, "aabb c  ");
	give_memory(r, c, 0x100000, 8, "aaxb  dd");
	give_memory(r, g, 0x100000, 8, "aaxb  dd");
	inherit(r);
	EXPECT(c->after_memory && c->vmas[0].inherited);
	expect_runs(r, c->pages, c->n_pages, 0x100000, "..x...xx");
	expect_runs(r, c->drops, c->n_drops, 0x100000, ".....x..");
	EXPECT(c->vmas[0].map_prot & PROT_WRITE);
	EXPECT(g->after_memory);
	EXPECT_EQ(g->n_pages, 0);
	EXPECT_EQ(g->n_drops, 0);
	EXPECT_EQ(g->vmas[0].map_prot, PROT_READ);
}

TEST(part_of_a_mapping_is_inherited)
{
	struct restore *r = start();
	struct new_process *root = add(r, 10, NULL, 10, 10), *c = add(r, 11, root, 10, 10);
	uint64_t part = 0x100000 + 2 * r->page_size;

	give_memory(r, root, 0x100000, 8, "abcdefgh");
	give_memory(r, c, part, 2, "cx");
	inherit(r);
	EXPECT(c->after_memory);
	expect_runs(r, c->pages, c->n_pages, part, ".x");
	EXPECT_EQ(c->n_drops, 0);
}

TEST(nothing_equal_is_not_inherited)
{
	struct restore *r = start();
	struct new_process *root = add(r, 10, NULL, 10, 10), *c = add(r, 11, root, 10, 10);

	give_memory(r, root, 0x100000, 4, "abcd");
	give_memory(r, c, 0x100000, 4, "efgh");
	inherit(r);
	EXPECT(!c->after_memory && !c->vmas[0].inherited);
	EXPECT_EQ(c->n_pages, 4);
}

TEST(other_backing_is_not_inherited)
{
	struct restore *r = start();
	struct new_process *root = add(r, 10, NULL, 10, 10), *c = add(r, 11, root, 10, 10);

	give_memory(r, root, 0x100000, 4, "abcd");
	give_memory(r, c, 0x100000, 4, "abcd");
	c->vmas[0].entry->shmid = 7;
	inherit(r);
	EXPECT(!c->after_memory);
	give_memory(r, c, 0x100000, 4, "abcd");
	c->vmas[0].entry->madv = 1 << MADV_DONTFORK;
	inherit(r);
	EXPECT(!c->after_memory);
}

TEST(child_of_the_old_session_cannot_wait_for_memory)
{
	struct restore *r = start();
	struct new_process *root = add(r, 10, NULL, 10, 10), *leader = add(r, 11, root, 11, 11),
			   *c = add(r, 12, leader, 10, 10);

	give_memory(r, leader, 0x100000, 4, "abcd");
	give_memory(r, c, 0x100000, 4, "abcd");
	inherit(r);
	EXPECT(c->before_setsid && !c->after_memory);
	EXPECT_EQ(c->n_pages, 4);
}
