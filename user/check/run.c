// SPDX-License-Identifier: GPL-2.0-only
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "caps.h"
#include "check/check.h"
#include "lib/cleanup.h"
#include "lib/err.h"

/* A probe that is not done by then is killed: none takes a tenth of it, emulated machines apart. */
#define PROBE_SECONDS 10

int check_init(struct check *c, const char *sysroot, struct error *err)
{
	*c = (struct check){ .sysroot = sysroot ?: "" };
	c->shared = mmap(NULL, sizeof(*c->shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (c->shared == MAP_FAILED) {
		c->shared = NULL;
		return fail(err, errno, "cannot prepare the probes");
	}
	if (sysroot && access(sysroot, X_OK))
		return fail(err, errno, "cannot look into %s", sysroot);
	distro_read(&c->distro, c->sysroot);
	return 0;
}

void check_deinit(struct check *c)
{
	btf__free(c->btf);
	if (c->shared)
		munmap(c->shared, sizeof(*c->shared));
	arena_deinit(&c->arena);
}

/* Once for all probes of a group: it takes some 10 ms. */
static void load_types(struct check *c)
{
	if (c->btf || c->btf_error)
		return;
	libbpf_set_print(NULL);
	c->btf = btf__load_vmlinux_btf();
	if (!c->btf)
		c->btf_error = -errno;
}

/* For tests: a line `NAME yes|no|unknown DETAIL` of SYSROOT/answers takes a probe's place. */
static bool is_told(const struct check *c, const struct probe *p, struct answer *a)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_fclose_ FILE *f = NULL;
	char line[512], name[64], state[16];
	int at;

	if (!*c->sysroot || asprintf(&path, "%s/answers", c->sysroot) < 0)
		return false;
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		at = 0;
		if (sscanf(line, "%63s %15s %n", name, state, &at) < 2 || strcmp(name, p->name))
			continue;
		a->state = *state == 'y' ? ANSWER_YES : *state == 'n' ? ANSWER_NO : ANSWER_UNKNOWN;
		line[strcspn(line, "\n")] = '\0';
		snprintf(a->detail, sizeof(a->detail), "%s", at ? line + at : "");
		return true;
	}
	return false;
}

/* In the child: what a probe leaves open, mapped, mounted or running ends with it. */
static void answer_in_child(const struct check *c, const struct probe *p)
{
	struct caps own;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Neither the probe nor a library of its may disturb the output. */
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	signal(SIGALRM, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	alarm(PROBE_SECONDS);
	c->shared->is_in_namespace = in_user_namespace();
	if (!c->shared->is_in_namespace && !caps_get(&own))
		c->shared->caps = own.effective;
	p->probe(c, p, c->shared);
	_exit(0);
}

void check_ask(struct check *c, const struct probe_group *group, const struct probe *p,
	       struct answer *ret)
{
	struct answer *a = c->shared;
	int status = 0;
	pid_t pid;

	if (group->wants_types)
		load_types(c);
	*a = (struct answer){ .state = ANSWER_UNKNOWN };
	*ret = *a;
	if (is_told(c, p, ret))
		return;
	fflush(NULL);
	pid = fork();
	if (!pid)
		answer_in_child(c, p);
	if (pid < 0) {
		answer_unknown(a, "cannot make a process: %s", strerror(errno));
	} else {
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
			answer_unknown(a, "no answer after %d s", PROBE_SECONDS);
		else if (WIFSIGNALED(status))
			answer_unknown(a, "the probe was ended by signal %d", WTERMSIG(status));
	}
	*ret = *a;
}

static bool is_name(const char *names, const char *name, size_t n)
{
	for (const char *s = names; s && *s; s += strspn(s, " ")) {
		size_t length = strcspn(s, " ");

		if (length == n && !strncmp(s, name, n))
			return true;
		s += length;
	}
	return false;
}

const struct probe *probe_find(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; probe_groups[i]; i++)
		for (size_t k = 0; k < probe_groups[i]->n; k++) {
			const struct probe *p = &probe_groups[i]->probes[k];

			if (!strcmp(p->name, name) || is_name(p->criu, name, n))
				return p;
		}
	return NULL;
}
