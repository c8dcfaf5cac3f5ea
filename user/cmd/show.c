// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
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

static void usage(FILE *out)
{
	fputs("usage: crbpf show [--json] DIR|FILE...\n"
	      "\n"
	      "Prints checkpoints. A directory is summed up: its processes, memory and "
	      "descriptors.\n"
	      "A file, of any name, is printed whole, as JSON in the form of crit.\n"
	      "\n"
	      "  -j, --json            everything as JSON, of a directory every image\n"
	      "  -D, --images-dir DIR  the same as DIR\n"
	      "  -h, --help            this text\n",
	      out);
}

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
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{"images-dir", required_argument, NULL, 'D'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	const char *dir = NULL;
	bool want_json = false;
	int c, ret = 0;

	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, ":jD:h", options, NULL)) >= 0) {
		switch (c) {
		case 'j':
			want_json = true;
			break;
		case 'D':
			dir = optarg;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			(void)fail(err, 0,
				   c == ':' ? "option '%s' needs a value" : "unknown option '%s'",
				   argv[optind - 1]);
			return fail_hint(err, "see `crbpf show --help`");
		}
	}
	if (!dir && optind >= argc) {
		(void)fail(err, 0, "no directory or file is named");
		return fail_hint(err, "see `crbpf show --help`");
	}
	if (dir)
		ret = show(dir, want_json, log, err);
	for (int i = optind; i < argc && !ret; i++)
		ret = show(argv[i], want_json, log, err);
	return end_output(ret, err);
}
