// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "image/file.h"
#include "lib/cleanup.h"
#include "lib/err.h"

/*
 * A text file: a line per image with its hash (XXH64, seed 0: it finds accidents, and
 * is no protection against intent), size and name, and the hash of these lines at the
 * end. CRIU does not look at it.
 *
 * Pages files are large, and written in pieces by several threads: their hash is the
 * sum (modulo 2^64) of the XXH3 hashes of their blocks of 4096 bytes, each with its
 * number as seed, so that the writers compute it while the pages are in their caches.
 */

#define PIECE    (1024 * 1024)
#define BLOCK    4096
#define SUMS_MAX (64 * 1024 * 1024)

/* Reads up to @n bytes: fewer only at the end of the file. */
static ssize_t read_piece(int fd, char *data, size_t n)
{
	size_t have = 0;
	ssize_t got;

	while (have < n) {
		got = read(fd, data + have, n - have);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			break;
		have += (size_t)got;
	}
	return (ssize_t)have;
}

uint64_t image_pages_sum(const void *data, size_t n, uint64_t offset)
{
	const char *block = data;
	uint64_t sum = 0;

	for (size_t at = 0; at < n; at += BLOCK)
		sum += XXH3_64bits_withSeed(block + at, n - at < BLOCK ? n - at : BLOCK,
					    (offset + at) / BLOCK);
	return sum;
}

int image_dir_note_sum(struct image_dir *dir, unsigned long long number, uint64_t sum,
		       uint64_t size)
{
	struct noted_sum *noted;

	pthread_mutex_lock(&dir->lock);
	noted = array_add(dir->noted, dir->n_noted);
	if (noted)
		*noted = (struct noted_sum){number, sum, size};
	pthread_mutex_unlock(&dir->lock);
	return noted ? 0 : -ENOMEM;
}

static const struct noted_sum *find_noted(const struct image_dir *dir, unsigned long long number)
{
	for (size_t i = 0; i < dir->n_noted; i++)
		if (dir->noted[i].number == number)
			return &dir->noted[i];
	return NULL;
}

static bool is_pages(const char *name, unsigned long long *ret_number)
{
	enum image_type type;

	return image_parse_name(name, &type, ret_number) && type == IMAGE_PAGES;
}

static int hash_pages(int fd, char *piece, uint64_t *ret_hash, uint64_t *ret_size)
{
	ssize_t n;

	*ret_hash = *ret_size = 0;
	while ((n = read_piece(fd, piece, PIECE)) > 0) {
		*ret_hash += image_pages_sum(piece, (size_t)n, *ret_size);
		*ret_size += (uint64_t)n;
	}
	return n < 0 ? (int)n : 0;
}

/* Returns 0, or -errno: -ENOENT if there is no such file. */
static int hash_file(struct image_dir *dir, const char *name, char *piece, uint64_t *ret_hash,
		     uint64_t *ret_size)
{
	_cleanup_close_ int fd = openat(dir->fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	unsigned long long number;
	XXH64_state_t *state;
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (is_pages(name, &number))
		return hash_pages(fd, piece, ret_hash, ret_size);
	state = XXH64_createState();
	if (!state)
		return -ENOMEM;
	XXH64_reset(state, 0);
	*ret_size = 0;
	while ((n = read_piece(fd, piece, PIECE)) > 0) {
		*ret_size += (uint64_t)n;
		XXH64_update(state, piece, (size_t)n);
	}
	*ret_hash = XXH64_digest(state);
	XXH64_freeState(state);
	return n < 0 ? (int)n : 0;
}

static int add_line(struct buf *text, uint64_t hash, uint64_t size, const char *name)
{
	char line[IMAGE_NAME_MAX + 64];
	int n;

	n = snprintf(line, sizeof(line), "%016" PRIx64 " %" PRIu64 " %s\n", hash, size, name);
	return buf_add(text, line, (size_t)n);
}

/* The sum of a file made here: known already, or by reading it. */
static int sum_of(struct image_dir *dir, const char *name, char *piece, uint64_t *ret_hash,
		  uint64_t *ret_size)
{
	unsigned long long number;
	const struct noted_sum *noted = is_pages(name, &number) ? find_noted(dir, number) : NULL;

	if (!noted)
		return hash_file(dir, name, piece, ret_hash, ret_size);
	*ret_hash = noted->sum;
	*ret_size = noted->size;
	return 0;
}

static int add_files(struct image_dir *dir, struct buf *text, struct error *err)
{
	_cleanup_free_ char *piece = malloc(PIECE);
	uint64_t hash, size;
	int ret;

	if (!piece)
		return fail(err, ENOMEM, "cannot sum up the images");
	for (size_t i = 0; i < dir->n_made; i++) {
		/* An earlier sealing of this directory. */
		if (!strcmp(dir->made[i], IMAGE_SUMS_NAME))
			continue;
		ret = sum_of(dir, dir->made[i], piece, &hash, &size);
		if (ret == -ENOENT)
			continue;
		if (!ret)
			ret = add_line(text, hash, size, dir->made[i]);
		if (ret)
			return fail(err, ret, "cannot sum up %s", dir->made[i]);
	}
	return 0;
}

static int write_sums(struct image_dir *dir, struct buf *text, struct error *err)
{
	_cleanup_close_ int fd = -1;
	int ret;

	if (add_line(text, XXH64(text->data, text->size, 0), text->size, "end"))
		return fail(err, ENOMEM, "cannot write %s", IMAGE_SUMS_NAME);
	ret = image_dir_remove(dir, IMAGE_SUMS_NAME, err);
	if (ret)
		return ret;
	fd = image_dir_make(dir, IMAGE_SUMS_NAME, err);
	if (fd < 0)
		return fd;
	if (write(fd, text->data, text->size) != (ssize_t)text->size)
		return fail(err, errno ?: ENOSPC, "cannot write %s", IMAGE_SUMS_NAME);
	return 0;
}

int image_dir_seal(struct image_dir *dir, struct error *err)
{
	struct buf text = {0};
	int ret;

	ret = add_files(dir, &text, err);
	if (!ret)
		ret = write_sums(dir, &text, err);
	buf_deinit(&text);
	return ret;
}

/* What a check of the sums goes through. */
struct checker {
	struct image_dir *dir;
	char *piece;
	image_sums_problem problem;
	void *context;
};

static void check_line(struct checker *c, const char *line)
{
	uint64_t hash, size, real_hash, real_size;
	unsigned long long number;
	enum image_type type;
	char name[IMAGE_NAME_MAX];
	int ret;

	if (sscanf(line, "%16" SCNx64 " %" SCNu64 " %63s", &hash, &size, name) != 3 ||
	    !image_parse_name(name, &type, &number)) {
		c->problem(c->context, IMAGE_SUMS_NAME, "has a line that is no sum");
		return;
	}
	ret = hash_file(c->dir, name, c->piece, &real_hash, &real_size);
	if (ret == -ENOENT)
		c->problem(c->context, name, "is missing: it was there when the dump ended");
	else if (ret)
		c->problem(c->context, name, strerror(-ret));
	else if (real_size != size)
		c->problem(c->context, name, "has another size than when it was written");
	else if (real_hash != hash)
		c->problem(c->context, name, "has other bytes than when it was written");
}

/* The lines before the last, which is the sum of them. NULL if it is wrong. */
static char *checked_lines(char *text, size_t n)
{
	uint64_t hash, size;
	char *last;

	if (!n || text[n - 1] != '\n')
		return NULL;
	text[n - 1] = '\0';
	last = strrchr(text, '\n');
	last = last ? last + 1 : text;
	if (sscanf(last, "%16" SCNx64 " %" SCNu64 " end", &hash, &size) != 2 ||
	    size != (uint64_t)(last - text))
		return NULL;
	if (XXH64(text, (size_t)size, 0) != hash)
		return NULL;
	*last = '\0';
	return text;
}

static int check_text(struct checker *c, char *text, size_t n)
{
	char *lines = checked_lines(text, n), *line, *rest = NULL;

	if (!lines) {
		c->problem(c->context, IMAGE_SUMS_NAME, "is not what was written");
		return 0;
	}
	for (line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		check_line(c, line);
	return 0;
}

int image_dir_check_sums(struct image_dir *dir, image_sums_problem problem, void *context,
			 struct error *err)
{
	_cleanup_close_ int fd =
		openat(dir->fd, IMAGE_SUMS_NAME, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_free_ char *piece = NULL, *text = NULL;
	struct stat st;
	ssize_t n;

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0 || fstat(fd, &st))
		return fail(err, errno, "cannot read %s", IMAGE_SUMS_NAME);
	if (st.st_size > SUMS_MAX)
		return fail(err, EFBIG, "cannot read %s", IMAGE_SUMS_NAME);
	piece = malloc(PIECE);
	text = calloc(1, (size_t)st.st_size + 1);
	if (!piece || !text)
		return fail(err, ENOMEM, "cannot read %s", IMAGE_SUMS_NAME);
	n = read_piece(fd, text, (size_t)st.st_size);
	if (n < 0)
		return fail(err, (int)n, "cannot read %s", IMAGE_SUMS_NAME);
	return check_text(&(struct checker){dir, piece, problem, context}, text, (size_t)n);
}
