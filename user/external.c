// SPDX-License-Identifier: GPL-2.0-only
#include "external.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "bpf/record.h"
#include "fdutil.h"
#include "fileref.h"
#include "options.h"
#include "snapshot.h"

/* What stands in the brackets: numbers with a ':' between them. */
static const struct type {
	const char *name;
	const char *digits;
	int numbers;
} types[] = {
	{"pidfd", "0123456789", 1},
	{"pipe", "0123456789", 1},
	{"unix", "0123456789", 1},
	{"file", "0123456789abcdefABCDEF", 2},
	{"tty", "0123456789abcdefABCDEF", 2},
};

static bool is_of_type(const char *word, const struct type *type)
{
	size_t n = strlen(type->name), digits;

	if (strncmp(word, type->name, n) || word[n] != '[')
		return false;
	word += n;
	for (int i = 0; i < type->numbers; i++) {
		if (*word != (i ? ':' : '['))
			return false;
		digits = strspn(++word, type->digits);
		if (!digits || digits > 16)
			return false;
		word += digits;
	}
	return !strcmp(word, "]");
}

bool external_is_word(const char *word)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (is_of_type(word, &types[i]))
			return true;
	return false;
}

bool inherit_is_word(const char *word, int *ret_fd)
{
	int at = 0;

	return sscanf(word, "fd[%9d]:%n", ret_fd, &at) == 1 && at && *ret_fd >= 0 && word[at];
}

void external_file_name(const struct file *f, char name[static EXTERNAL_NAME])
{
	snprintf(name, EXTERNAL_NAME, "file[%x:%llx]", f->rec->mnt_id,
		 (unsigned long long)f->rec->ino);
}

void external_tty_name(const struct file *f, char name[static EXTERNAL_NAME])
{
	snprintf(name, EXTERNAL_NAME, "tty[%" PRIx64 ":%" PRIx64 "]", user_dev(f->rec->rdev),
		 user_dev(f->rec->dev));
}

bool external_has(const struct options *opt, const char *name)
{
	for (size_t i = 0; i < opt->external.n; i++)
		if (!strcasecmp(opt->external.word[i], name))
			return true;
	return false;
}

bool external_has_file(const struct options *opt, const struct file *f)
{
	char name[EXTERNAL_NAME];

	if (!opt->external.n || file_is_nameless(f))
		return false;
	external_file_name(f, name);
	return external_has(opt, name);
}

bool external_has_tty(const struct options *opt, const struct file *f)
{
	char name[EXTERNAL_NAME];

	external_tty_name(f, name);
	return external_has(opt, name);
}

bool external_has_inode(const struct options *opt, const char *type, uint64_t ino)
{
	char name[EXTERNAL_NAME];

	snprintf(name, sizeof(name), "%s[%" PRIu64 "]", type, ino);
	return external_has(opt, name);
}
