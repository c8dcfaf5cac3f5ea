// SPDX-License-Identifier: GPL-2.0-only
#include "scan/fds.h"

#include <stdio.h>
#include <stdlib.h>

#include "bpf/socket.h"
#include "fdutil.h"
#include "kind.h"
#include "lib/cleanup.h"
#include "lib/json.h"
#include "scan/scan.h"
#include "socknames.h"

/* Of a family that no kind claims. */
static void print_socket(const struct file *f, FILE *out)
{
	const struct socket_detail *detail = f->detail;
	char text[64];

	fprintf(out, "%s type %s protocol %u queued %llu messages %u",
		file_describe(f, text, sizeof(text)), socket_type_name(detail->type),
		detail->protocol, (unsigned long long)detail->receive_bytes, detail->receive_skbs);
}

/* What the kind says of it; "" if nothing. The caller frees it; NULL if memory ran out. */
static char *state_of(const struct file *f, const struct snapshot *snap)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	if (f->kind && f->kind->file->state)
		f->kind->file->state(f, snap, out);
	else if (!f->kind && f->rec->detail_type == DETAIL_SOCKET)
		print_socket(f, out);
	fclose(out);
	return text;
}

static const char *name_of(const struct file *f)
{
	if (f->kind)
		return f->kind->name;
	return f->rec->anon_name[0] ? f->rec->anon_name : "unknown";
}

static const char *access_of(const struct file *f)
{
	if (file_is_path(f))
		return "path";
	return file_can_read(f) ? file_can_write(f) ? "rw" : "r" : file_can_write(f) ? "w" : "-";
}

static void print_fd(const struct process *p, const struct fd *fd, const struct snapshot *snap)
{
	_cleanup_free_ char *state = state_of(fd->file, snap);

	printf("  %7d %4u%c %-10s %-4s %8llu  %s%s%s\n", p->pid, fd->number, fd->cloexec ? 'c' : ' ',
	       name_of(fd->file), access_of(fd->file), (unsigned long long)fd->file->rec->pos,
	       fd->file->path, state && *state ? "  " : "", state ?: "");
}

void scan_print_fds(const struct scan_tree *tree)
{
	printf("      PID   FD  KIND       MODE      POS  PATH  STATE\n");
	for (size_t i = 0; i < tree->snap.n_fdtables; i++) {
		const struct fdtable *table = &tree->snap.fdtables[i];

		for (size_t k = 0; k < table->n_fds; k++)
			print_fd(table->process, &table->fds[k], &tree->snap);
	}
}

static void print_fd_json(const struct process *p, const struct fd *fd,
			  const struct snapshot *snap, struct json *json)
{
	_cleanup_free_ char *state = state_of(fd->file, snap);

	json_open(json, NULL, '{');
	json_number(json, "pid", p->pid);
	json_number(json, "fd", fd->number);
	json_bool(json, "cloexec", fd->cloexec);
	json_number(json, "file", fd->file->id);
	json_string(json, "kind", name_of(fd->file));
	json_string(json, "access", access_of(fd->file));
	json_unsigned(json, "flags", file_flags(fd->file));
	json_unsigned(json, "pos", fd->file->rec->pos);
	json_unsigned(json, "ino", fd->file->rec->ino);
	json_string(json, "path", fd->file->path);
	json_string(json, "state", state ?: "");
	json_close(json, '}');
}

void scan_print_fds_json(const struct scan_tree *tree, struct json *json)
{
	json_open(json, "descriptors", '[');
	for (size_t i = 0; i < tree->snap.n_fdtables; i++) {
		const struct fdtable *table = &tree->snap.fdtables[i];

		for (size_t k = 0; k < table->n_fds; k++)
			print_fd_json(table->process, &table->fds[k], &tree->snap, json);
	}
	json_close(json, ']');
}
