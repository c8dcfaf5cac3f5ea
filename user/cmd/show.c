// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/summary.h"
#include "image/image.h"
#include "image/json.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "lib/json.h"
#include "lib/log.h"
#include "options.h"

/* One image of a directory, its name before it. What is wrong with it is part of the output. */
static int print_member(struct json *json, struct image_dir *dir, const char *name,
			struct error *err)
{
	unsigned long long number;
	enum image_type type;
	struct image *image;
	int ret;

	if (!image_parse_name(name, &type, &number))
		return 0;
	ret = image_open(dir, type, number, &image, err);
	if (ret) {
		json_open(json, name, '{');
		json_string(json, "error", err->text ?: strerror(-ret));
		json_close(json, '}');
		return ret;
	}
	if (!image)
		return 0;
	ret = json_image(json, name, image, err);
	image_close(image);
	return ret;
}

/* Every image in the order of names; the first thing wrong is the error, the rest is printed. */
static int print_images(struct image_dir *dir, const char *path, struct error *err)
{
	struct json json = {.out = stdout};
	struct dirent **list;
	int n, ret = 0;

	n = scandir(path, &list, NULL, versionsort);
	if (n < 0)
		return fail(err, errno, "cannot list '%s'", path);
	json_open(&json, NULL, '{');
	for (int i = 0; i < n; i++) {
		struct error one = {0};
		int code = print_member(&json, dir, list[i]->d_name, &one);

		if (code && !ret)
			ret = fail(err, 0, "%s", one.text ?: strerror(-code));
		error_deinit(&one);
		free(list[i]);
	}
	free(list);
	json_close(&json, '}');
	return ret;
}

static int show_dir(const char *path, bool want_json, struct log *log, struct error *err)
{
	struct image_dir *dir;
	int ret;

	ret = image_dir_open(&dir, path, err);
	if (ret)
		return ret;
	if (want_json)
		ret = print_images(dir, path, err);
	else
		ret = print_summary(stdout, dir, path, log, err);
	image_dir_close(dir);
	return ret;
}

static int show_file(const char *path, struct error *err)
{
	struct json json = {.out = stdout};
	struct image *image;
	int ret;

	ret = image_open_file(path, &image, err);
	if (ret)
		return ret;
	ret = json_image(&json, NULL, image, err);
	image_close(image);
	return ret;
}

static int show(const char *path, bool want_json, struct log *log, struct error *err)
{
	struct stat st;

	if (stat(path, &st))
		return fail(err, errno, "cannot open '%s'", path);
	return S_ISDIR(st.st_mode) ? show_dir(path, want_json, log, err) : show_file(path, err);
}

static int end_output(int ret, struct error *err)
{
	if (fflush(stdout) || ferror(stdout))
		return fail(err, errno, "cannot write the output");
	return ret;
}

int cmd_show(int argc, char **argv, struct log *log, struct error *err)
{
	struct options opt;
	int ret = options_parse(&opt, OPTIONS_SHOW, argc, argv, err);

	if (ret || opt.help)
		return ret;
	for (size_t i = 0; i < opt.operands.n && !ret; i++)
		ret = show(opt.operands.word[i], opt.json, log, err);
	options_deinit(&opt);
	return end_output(ret, err);
}
