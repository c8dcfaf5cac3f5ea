// SPDX-License-Identifier: GPL-2.0-only
#include "cmd/verify.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "lib/err.h"
#include "options.h"

void verify_problem(struct verify *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(v->out, fmt, ap);
	va_end(ap);
	putc('\n', v->out);
	v->n_problems++;
}

struct image_entries verify_load(struct verify *v, enum image_type type, unsigned long long number)
{
	struct image_entries entries = {0};

	(void)image_entries_load(&entries, v->dir, type, number, NULL);
	return entries;
}

/* Reads an image from its first byte to its last. */
static int read_through(struct image *image, struct error *err)
{
	ProtobufCMessage *msg;
	int ret;

	if (!image_info(image_type(image))->magic)
		return 0;
	while ((ret = image_next(image, NULL, &msg, err)) > 0) {
		ret = image_skip_extra(image, msg, err);
		protobuf_c_message_free_unpacked(msg, NULL);
		if (ret)
			return ret;
	}
	return ret;
}

static int check_image(struct verify *v, enum image_type type, unsigned long long number,
		       struct error *err)
{
	struct error problem = {0};
	struct image *image = NULL;
	int ret;

	ret = image_open(v->dir, type, number, &image, &problem);
	if (!ret && image)
		ret = read_through(image, &problem);
	image_close(image);
	v->n_images++;
	if (ret == -ENOMEM) {
		ret = fail(err, ENOMEM, "cannot read the images");
	} else if (ret) {
		verify_problem(v, "%s", problem.text ?: strerror(-ret));
		ret = 0;
	}
	error_deinit(&problem);
	return ret;
}

/* Calls @check for every image in the order of names. */
static int for_each_image(struct verify *v, const char *path,
			  int (*check)(struct verify *v, enum image_type type,
				       unsigned long long number, struct error *err),
			  struct error *err)
{
	unsigned long long number;
	enum image_type type;
	struct dirent **list;
	int n, ret = 0;

	n = scandir(path, &list, NULL, versionsort);
	if (n < 0)
		return fail(err, errno, "cannot list '%s'", path);
	for (int i = 0; i < n; i++) {
		if (!ret && image_parse_name(list[i]->d_name, &type, &number))
			ret = check(v, type, number, err);
		free(list[i]);
	}
	free(list);
	return ret;
}

static int check_memory(struct verify *v, enum image_type type, unsigned long long number,
			struct error *err)
{
	if (type != IMAGE_PAGEMAP && type != IMAGE_PAGEMAP_SHMEM)
		return 0;
	return verify_pagemap(v, type, number, err);
}

/* All images were read through before: what cannot be read is known. */
static void known_problem(void *context, struct error *err)
{
}

static void report_sum(void *context, const char *name, const char *what)
{
	verify_problem(context, "%s %s", name, what);
}

static int verify(struct verify *v, const char *path, struct error *err)
{
	int ret;

	ret = for_each_image(v, path, check_image, err);
	if (ret)
		return ret;
	if (!v->n_images) {
		(void)fail(err, 0, "there are no images in '%s'", path);
		return fail_hint(err, "name the directory that was given to dump with -D");
	}
	ret = image_dir_check_sums(v->dir, report_sum, v, err);
	if (ret && ret != -ENOENT)
		return ret;
	v->has_sums = !ret;
	ret = image_set_load(&v->set, v->dir, known_problem, NULL, err);
	if (ret)
		return ret;
	if (!image_dir_is_complete(v->dir))
		verify_problem(v, "inventory.img is missing: the dump did not come to its end");
	/* A pre-dump has memory only. */
	if (v->set.n_processes)
		ret = verify_tasks(v, err) ?: verify_files(v, err) ?: verify_mappings(v, err);
	return ret ?: for_each_image(v, path, check_memory, err);
}

static int verify_dir(const char *path, struct error *err)
{
	struct verify v = {.out = stdout};
	int ret;

	ret = image_dir_open(&v.dir, path, err);
	if (ret)
		return ret;
	ret = verify(&v, path, err);
	if (!ret && v.n_problems)
		ret = fail(err, 0, "'%s' has %zu problem%s", path, v.n_problems,
			   v.n_problems == 1 ? "" : "s");
	else if (!ret)
		fprintf(v.out, "%s: %zu images of %zu process%s fit together%s\n", path, v.n_images,
			v.set.n_processes, v.set.n_processes == 1 ? "" : "es",
			v.has_sums ? ", every byte is what was written" : "");
	image_set_deinit(&v.set);
	ids_deinit(&v.pids);
	ids_deinit(&v.file_users);
	ids_deinit(&v.pages);
	image_dir_close(v.dir);
	return ret;
}

int cmd_verify(int argc, char **argv, struct log *log, struct error *err)
{
	struct options opt;
	int ret = options_parse(&opt, OPTIONS_VERIFY, argc, argv, err);

	if (ret || opt.help)
		return ret;
	if (opt.operands.n > 1) {
		fail(err, 0, "stray word '%s'", opt.operands.word[1]);
		ret = fail_hint(err, "crbpf verify --help");
	} else {
		ret = verify_dir(opt.operands.word[0], err);
	}
	options_deinit(&opt);
	return ret;
}
