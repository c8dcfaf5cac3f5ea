// SPDX-License-Identifier: GPL-2.0-only
#include "tty.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fdinfo.pb-c.h"
#include "lib/err.h"
#include "lib/log.h"
#include "options.h"
#include "restore/restore.h"
#include "tty.pb-c.h"

void tty_termios_parse(const TermiosEntry *entry, struct tty_termios *ret)
{
	*ret = (struct tty_termios){
		.c_iflag = entry->c_iflag,
		.c_oflag = entry->c_oflag,
		.c_cflag = entry->c_cflag,
		.c_lflag = entry->c_lflag,
		.c_line = entry->c_line,
		.c_ispeed = entry->c_ispeed,
		.c_ospeed = entry->c_ospeed,
	};
	for (size_t i = 0; i < TTY_CC && i / 4 < entry->n_c_cc; i++)
		ret->c_cc[i] = entry->c_cc[i / 4] >> i % 4 * 8;
}

const TtyInfoEntry *tty_info(struct restore *r, uint32_t id)
{
	const TtyInfoEntry *found = NULL;
	ProtobufCMessage *msg;
	struct image *image;
	int rc = image_open(r->dir, IMAGE_TTY_INFO, 0, &image, r->err);

	if (rc)
		return NULL;
	while (image && !found && (rc = image_next(image, NULL, &msg, r->err)) > 0) {
		if (((TtyInfoEntry *)msg)->id != id) {
			protobuf_c_message_free_unpacked(msg, NULL);
			continue;
		}
		if (restore_keep(r, msg)) {
			fail(r->err, ENOMEM, "cannot load tty-info.img");
			break;
		}
		found = (TtyInfoEntry *)msg;
	}
	image_finish(image, NULL);
	if (!found)
		fail(r->err, 0, "tty-info.img: there is no terminal %u", id);
	return found;
}

struct tty_plan *tty_plan_of(const struct new_file *f)
{
	return f->entry->type == FD_TYPES__TTY ? f->data : NULL;
}

struct new_file *tty_master_of(const struct restore *r, const struct tty_plan *plan)
{
	bool by_session = plan->info->type == TTY_TYPE__CTTY && !plan->info->ctty;

	if (plan->info->type != TTY_TYPE__PTY && plan->info->type != TTY_TYPE__CTTY)
		return NULL;
	for (size_t i = 0; i < r->n_files; i++) {
		const struct tty_plan *other = tty_plan_of(r->files[i]);

		if (other && other->is_master &&
		    (by_session ? other->info->sid && other->info->sid == plan->info->sid
				: other->index == plan->index && other->instance == plan->instance))
			return r->files[i];
	}
	return NULL;
}

struct new_process *tty_leader(const struct restore *r, const TtyInfoEntry *info)
{
	struct new_process *leader = info->sid ? restore_process(r, info->sid) : NULL;

	if (!leader || leader->sid != leader->pid || leader->is_zombie || leader->is_helper)
		return NULL;
	return leader;
}

int tty_open_home(struct restore *r, struct new_file *f)
{
	const struct tty_plan *plan = f->data;
	int flags = (f->entry->tty->flags & O_ACCMODE) | O_NOCTTY | O_CLOEXEC;
	char path[64];

	if (!r->opt->shell_job) {
		fail(r->err, 0, "it is the terminal of a shell job");
		return fail_hint(r->err, "--shell-job, from a terminal");
	}
	for (int fd = 0; fd <= STDERR_FILENO && f->fd < 0; fd++) {
		if (plan->info->type == TTY_TYPE__CTTY || !isatty(fd))
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		f->fd = open(path, flags);
	}
	if (f->fd < 0)
		f->fd = open("/dev/tty", flags);
	if (f->fd < 0) {
		fail(r->err, errno, "cannot open a terminal in place of the one it had");
		return fail_hint(r->err, "run crbpf restore --shell-job in a terminal");
	}
	return 0;
}

int tty_background_ioctl(int fd, unsigned long request, const void *arg)
{
	sigset_t ttou, old;
	int rc;

	sigemptyset(&ttou);
	sigaddset(&ttou, SIGTTOU);
	sigprocmask(SIG_BLOCK, &ttou, &old);
	rc = ioctl(fd, request, arg) ? -errno : 0;
	sigprocmask(SIG_SETMASK, &old, NULL);
	return rc;
}

int tty_set_home(struct restore *r, struct new_file *f)
{
	struct tty_plan *plan = f->data;
	struct tty_termios termios;
	int rc;

	if (plan->is_set || !plan->info->termios || plan->info->type == TTY_TYPE__CTTY)
		return 0;
	for (size_t i = 0; i < r->n_files; i++) {
		struct tty_plan *other = tty_plan_of(r->files[i]);

		if (other && other->info->id == plan->info->id)
			other->is_set = true;
	}
	tty_termios_parse(plan->info->termios, &termios);
	rc = tty_background_ioctl(f->fd, TCSETS, &termios);
	return rc ? fail(r->err, rc, "cannot put its settings into force") : 0;
}
