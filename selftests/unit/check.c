// SPDX-License-Identifier: GPL-2.0-only
/* The table of probes, how they are asked, what follows from the answers. No privilege. */
#include "check/check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "harness.h"
#include "lib/err.h"
#include "state.h"

/* Calls @look for each row of the table. */
static void each_probe(void (*look)(const struct probe *p))
{
	for (size_t i = 0; probe_groups[i]; i++)
		for (size_t k = 0; k < probe_groups[i]->n; k++)
			look(&probe_groups[i]->probes[k]);
}

static void expect_whole(const struct probe *p)
{
	EXPECT(p->name && p->what && p->probe);
	if (strlen(p->what) > 50)
		FAIL("%s: '%s' does not fit into a line", p->name, p->what);
	if (p->need == NEED_FOR && !p->lost)
		FAIL("%s: what is lost without it?", p->name);
	if (p->need <= NEED_FOR && p->remedy == REMEDY_NONE)
		FAIL("%s: what is to be done about it?", p->name);
	if ((p->remedy == REMEDY_BOOT || p->remedy == REMEDY_ADVICE) && !p->advice)
		FAIL("%s: no advice", p->name);
}

TEST(every_row_is_whole)
{
	each_probe(expect_whole);
}

static void expect_found(const struct probe *p)
{
	if (probe_find(p->name) != p)
		FAIL("%s is there twice", p->name);
}

TEST(names_are_found)
{
	each_probe(expect_found);
	EXPECT_STREQ(probe_find("network_lock_nftables")->name, "nftables");
	EXPECT_STREQ(probe_find("pidfd_store")->name, "pidfd_getfd");
	EXPECT_STREQ(probe_find("lazy_pages")->name, "uffd");
	EXPECT(!probe_find("") && !probe_find("nft") && !probe_find("nftables network_lock_nftables"));
	EXPECT(!probe_find(" ") && !probe_find("uffd "));
}

/* --- asking ------------------------------------------------------------------ */

static struct check check;
static struct error error;

static struct answer ask(void (*function)(const struct check *, const struct probe *,
					  struct answer *))
{
	const struct probe p = { "mine", NULL, "a probe", NEED_FOR, "all", .probe = function };
	const struct probe_group group = { "tests", "Tests", &p, 1 };
	struct answer a;

	if (!check.shared)
		EXPECT_EQ(check_init(&check, NULL, &error), 0);
	check_ask(&check, &group, &p, &a);
	return a;
}

static void says_yes(const struct check *c, const struct probe *p, struct answer *a)
{
	answer_yes(a, "%s", p->name);
}

static void crashes(const struct check *c, const struct probe *p, struct answer *a)
{
	answer_yes(a, "in vain");
	abort();
}

static void hangs(const struct check *c, const struct probe *p, struct answer *a)
{
	alarm(1);
	for (;;)
		pause();
}

static void chatters(const struct check *c, const struct probe *p, struct answer *a)
{
	printf("this is seen by nobody\n");
	fprintf(stderr, "nor this\n");
	fflush(NULL);
	answer_no(a, "no");
}

static void says_nothing(const struct check *c, const struct probe *p, struct answer *a)
{
}

TEST(a_probe_answers)
{
	struct answer a = ask(says_yes);

	EXPECT_EQ(a.state, ANSWER_YES);
	EXPECT_STREQ(a.detail, "mine");
	EXPECT_EQ(ask(says_nothing).state, ANSWER_UNKNOWN);
	EXPECT_STREQ(ask(says_nothing).detail, "");
}

TEST(a_probe_that_dies_has_not_answered)
{
	struct answer a = ask(crashes);

	EXPECT_EQ(a.state, ANSWER_UNKNOWN);
	EXPECT(strstr(a.detail, "signal 6"));
	a = ask(hangs);
	EXPECT_EQ(a.state, ANSWER_UNKNOWN);
	EXPECT(strstr(a.detail, "no answer"));
	EXPECT_EQ(ask(says_yes).state, ANSWER_YES);
}

TEST(a_probe_does_not_disturb)
{
	int file = memfd_create("output", 0), out = dup(1), err = dup(2);
	struct stat st;

	EXPECT(file >= 0 && dup2(file, 1) == 1 && dup2(file, 2) == 2);
	EXPECT_EQ(ask(chatters).state, ANSWER_NO);
	dup2(out, 1);
	dup2(err, 2);
	EXPECT_EQ(fstat(file, &st), 0);
	EXPECT_EQ(st.st_size, 0);
}

/* Which of two reasons is it? Only what the caller lacks makes it unknown. */
static void lacks(const struct check *c, const struct probe *p, struct answer *a)
{
	a->caps = CAP_BIT(CAP_SYS_ADMIN);
	answer_failed(a, EPERM, CAP_BIT(CAP_NET_ADMIN) | CAP_BIT(CAP_BPF), "refused");
}

static void refused(const struct check *c, const struct probe *p, struct answer *a)
{
	a->caps = CAP_BIT(CAP_NET_ADMIN);
	answer_failed(a, EPERM, CAP_BIT(CAP_NET_ADMIN), "refused");
}

static void absent(const struct check *c, const struct probe *p, struct answer *a)
{
	a->caps = 0;
	answer_failed(a, -ENOSYS, CAP_BIT(CAP_NET_ADMIN), "refused");
}

TEST(missing_rights_are_no_answer)
{
	struct answer a = ask(lacks);

	EXPECT_EQ(a.state, ANSWER_UNKNOWN);
	EXPECT_STREQ(a.detail, "cannot tell without CAP_NET_ADMIN");
	EXPECT_STREQ(a.advice, "run as root, or with CAP_NET_ADMIN");
	a = ask(refused);
	EXPECT_EQ(a.state, ANSWER_NO);
	EXPECT_STREQ(a.detail, "refused: Operation not permitted");
	EXPECT_EQ(ask(absent).state, ANSWER_NO);
}

static void makes_child(const struct check *c, const struct probe *p, struct answer *a)
{
	int pid = scratch_child(a);

	if (pid > 0)
		answer_yes(a, "%d", pid);
}

TEST(children_end_with_their_probe)
{
	struct answer a = ask(makes_child);
	int pid = atoi(a.detail);

	EXPECT_EQ(a.state, ANSWER_YES);
	EXPECT_GT(pid, 0);
	expect_gone(pid);
}

/* --- verdicts ---------------------------------------------------------------- */

static const struct probe rows[] = {
	{ "needed", .need = NEED_ALWAYS },	{ "needed_too", .need = NEED_ALWAYS },
	{ "first", .need = NEED_FOR },		{ "second_feature", .need = NEED_FOR },
	{ "third_of_the_features", .need = NEED_FOR }, { "fact", .need = NEED_FACT },
	{ "extra", .need = NEED_EXTRA },
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

/* @states has a letter for each row: y, n or u. */
static const char *verdict(const char *states, size_t width)
{
	struct result results[N_ROWS];

	for (size_t i = 0; i < N_ROWS; i++)
		results[i] = (struct result){
			.probe = &rows[i],
			.answer.state = states[i] == 'y' ? ANSWER_YES :
					states[i] == 'n' ? ANSWER_NO :
							   ANSWER_UNKNOWN,
		};
	return verdict_text(&check, results, N_ROWS, width);
}

TEST(the_verdict_names_what_is_missing)
{
	EXPECT_STREQ(verdict("yyyyyyy", 80), "crbpf is usable with everything it can do");
	EXPECT_STREQ(verdict("yyyyynn", 80), "crbpf is usable with everything it can do");
	EXPECT_STREQ(verdict("yynyyyy", 80), "crbpf is usable without first");
	EXPECT_STREQ(verdict("yynynyy", 80),
		     "crbpf is usable without first, third_of_the_features");
	EXPECT_STREQ(verdict("yyuyyyy", 80), "crbpf is usable, perhaps without first");
	EXPECT_STREQ(verdict("nynyyyy", 80), "crbpf is not usable because there is no needed");
	EXPECT_STREQ(verdict("unyyyyy", 80), "crbpf is not usable because there is no needed_too");
	EXPECT_STREQ(verdict("yuyyyyy", 80),
		     "crbpf is not usable because it cannot be told: needed_too");
}

TEST(the_verdict_fits_into_a_line)
{
	EXPECT_STREQ(verdict("yynnnyy", 0),
		     "crbpf is usable without first, second_feature, third_of_the_features");
	EXPECT_STREQ(verdict("yynnnyy", 60), "crbpf is usable without first, second_feature and 1 more");
	EXPECT_STREQ(verdict("yynnnyy", 45), "crbpf is usable without first and 2 more");
	for (size_t width = 41; width < 80; width++)
		EXPECT_LE(strlen(verdict("yynnnyy", width)), width);
}

/* --- distributions ----------------------------------------------------------- */

static char root[] = "/tmp/crbpf-check.XXXXXX";

static void put_file(const char *path, const char *text)
{
	char full[128];
	FILE *f;

	snprintf(full, sizeof(full), "%s/%s", root, path);
	f = fopen(full, "w");
	EXPECT(f && fputs(text, f) >= 0 && !fclose(f));
}

static struct distro read_distro(const char *os_release)
{
	struct distro d;
	char path[128];

	if (strstr(root, "XXXXXX")) {
		EXPECT(mkdtemp(root));
		snprintf(path, sizeof(path), "%s/etc", root);
		EXPECT_EQ(mkdir(path, 0700), 0);
	}
	put_file("etc/os-release", os_release);
	distro_read(&d, root);
	snprintf(path, sizeof(path), "%s/etc/os-release", root);
	unlink(path);
	return d;
}

static void remove_root(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/etc", root);
	rmdir(path);
	rmdir(root);
}

TEST(os_release_is_read)
{
	struct distro d = read_distro("# a comment\n\nID='debian'\nNAME=\"x\"\n"
				      "PRETTY_NAME=\"a \\\"quoted\\\" \\$name\"\nVERSION_ID=12");

	EXPECT_STREQ(d.id, "debian");
	EXPECT_STREQ(d.version, "12");
	EXPECT_STREQ(d.name, "a \"quoted\" $name");
	EXPECT_EQ(d.tool, TOOL_APT);
	EXPECT_EQ(read_distro("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n").tool, TOOL_APT);
	EXPECT(read_distro("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n").is_ubuntu);
	EXPECT_EQ(read_distro("ID=fedora\nVARIANT_ID=coreos\n").tool, TOOL_RPM_OSTREE);
	EXPECT_EQ(read_distro("ID=fedora\nOSTREE_VERSION=1\n").tool, TOOL_RPM_OSTREE);
	EXPECT_EQ(read_distro("ID=fedora\nVARIANT_ID=server\n").tool, TOOL_DNF);
	EXPECT_EQ(read_distro("ID=fedorable\n").tool, TOOL_OTHER);
	EXPECT_EQ(read_distro("").tool, TOOL_OTHER);
	remove_root();
}

/* Whatever a vendor writes: cut, never more. */
TEST(long_values_are_cut)
{
	char text[2000] = "ID=";
	struct distro d;

	memset(text + 3, 'x', sizeof(text) - 4);
	d = read_distro(text);
	EXPECT_EQ(strlen(d.id), sizeof(d.id) - 1);
	EXPECT_EQ(d.tool, TOOL_OTHER);
	remove_root();
}
