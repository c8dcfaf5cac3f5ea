// SPDX-License-Identifier: GPL-2.0-only
/*
 * Descriptors that were given for what belongs to others (--inherit-fd). The first description of
 * a name becomes the very one that was given; another is opened again, as it was one by itself.
 */
#include "external.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "fdinfo.pb-c.h"
#include "kind.h"
#include "lib/err.h"
#include "lib/log.h"
#include "options.h"
#include "restore/restore.h"

/* The path of a file goes without its first slash in CRIU's names. */
static bool is_named(const char *word, const char *name)
{
	const char *given = strstr(word, "]:") + 2;

	return !strcasecmp(given, name) || (*name == '/' && !strcmp(given, name + 1));
}

static int given_for(const struct restore *r, const char *name)
{
	for (size_t i = 0; i < r->opt->inherit.n; i++) {
		const char *word = r->opt->inherit.word[i];
		int fd;

		if (is_named(word, name) && inherit_is_word(word, &fd))
			return fd;
	}
	return -1;
}

void external_assign(struct restore *r)
{
	for (size_t i = 0; i < r->n_files; i++) {
		struct new_file *f = r->files[i];
		const struct kind *kind = kind_of_type((int)f->entry->type);
		char name[PATH_MAX + 1] = "";
		uint32_t flags = 0;

		f->given = -1;
		if (!r->opt->inherit.n || !f->process || !kind || !kind->file->name)
			continue;
		kind->file->name(r, f, name, sizeof(name), &flags);
		f->given = *name ? given_for(r, name) : -1;
		f->given_flags = flags;
		if (f->given >= 0)
			log_debug(r->log, "descriptor %d is given for %s", f->given, name);
	}
}

static bool is_taken(const struct restore *r, const struct new_file *f)
{
	for (size_t i = 0; r->files[i] != f; i++)
		if (r->files[i]->given == f->given)
			return true;
	return false;
}

/* May the program do with @flags what it does with @wanted? */
static bool allows(uint32_t flags, uint32_t wanted)
{
	return wanted & O_PATH || (flags & O_ACCMODE) == O_RDWR ||
	       (flags & O_ACCMODE) == (wanted & O_ACCMODE);
}

static int take(struct restore *r, struct new_file *f)
{
	int flags = fcntl(f->given, F_GETFL);
	bool fits = flags >= 0 && allows((uint32_t)flags, f->given_flags);
	char path[64];

	if (flags < 0)
		return fail(r->err, errno, "cannot take descriptor %d", f->given);
	if (!fits || is_taken(r, f)) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", f->given);
		f->fd = open(path, (int)(f->given_flags & O_ACCMODE) | O_NONBLOCK | O_NOCTTY |
					   O_CLOEXEC);
	}
	/* What cannot be opened again (a socket) is the same once more. */
	if (f->fd < 0 && fits)
		f->fd = fcntl(f->given, F_DUPFD_CLOEXEC, 0);
	return f->fd < 0 ? fail(r->err, errno, "descriptor %d, which is given for it, cannot be %s",
				f->given,
				(f->given_flags & O_ACCMODE) == O_RDONLY ? "read" : "written")
			 : 0;
}

int external_open(struct restore *r)
{
	for (size_t i = 0; i < r->n_files; i++) {
		struct new_file *f = r->files[i];

		if (f->given >= 0 && take(r, f))
			return fail_in(r->err, "process %d: descriptor %u", f->process->pid,
				       f->number);
	}
	return 0;
}

int external_missing(struct restore *r, const char *name)
{
	fail(r->err, 0, "%s belongs to others, and nothing is given for it", name);
	return fail_hint(r->err, "--inherit-fd 'fd[NUMBER]:%s', an open descriptor of crbpf", name);
}
