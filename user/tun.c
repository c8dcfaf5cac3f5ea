// SPDX-License-Identifier: GPL-2.0-only
#include "tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dump/dump.h"
#include "fdutil.h"
#include "fileref.h"
#include "judge.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "lib/log.h"
#include "options.h"
#include "regfile.pb-c.h"
#include "restore/restore.h"

#define TUN_RDEV (10u << 20 | 200)
/* What TUNSETIFF takes; IFF_PERSIST and the rest are told only. */
#define SET_FLAGS (IFF_TUN | IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE | IFF_ONE_QUEUE | \
		   IFF_NAPI | IFF_NAPI_FRAGS)

/* Newer than the headers of the oldest distribution that this is built on. */
#ifndef TUNSETCARRIER
#define TUNSETCARRIER _IOW('T', 226, int)
#endif
#ifndef TUNGETDEVNETNS
#define TUNGETDEVNETNS _IO('T', 227)
#endif

/* The program of a filter lies in the memory of whoever attached it. */
#define HAS_FILTER "its interface %s has a filter, whose program cannot be read"
#define NO_FILTER  "TUNDETACHFILTER takes it away"

bool is_tun(const struct file *f)
{
	return f->rec->rdev == TUN_RDEV && S_ISCHR(f->rec->i_mode) && !file_is_path(f);
}

/* The interface that the kernel names in /proc. "" if there is none. -errno if that cannot be told. */
static int read_name(const struct file *f, char name[static IFNAMSIZ])
{
	char path[64], line[128];
	_cleanup_fclose_ FILE *info = NULL;

	*name = 0;
	if (f->copy >= 0)
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", f->copy);
	else
		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%u", f->process->pid, f->fd);
	info = f->carrier && f->copy < 0 ? NULL : fopen(path, "re");
	if (!info)
		return -EACCES;
	while (fgets(line, sizeof(line), info))
		if (sscanf(line, "iff: %15s", name) == 1)
			break;
	return 0;
}

/* A number from the interface's folder, such as its tun_flags. */
static int read_number(const char *name, const char *what, unsigned int *ret)
{
	char path[128];
	_cleanup_fclose_ FILE *f = NULL;
	int value;

	snprintf(path, sizeof(path), "/sys/class/net/%s/%s", name, what);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%i", &value) != 1)
		return -ENOENT;
	*ret = (unsigned int)value;
	return 0;
}

/* --- dump --- */

static bool has_other_queue(const struct judge *j, const struct file *f, const char *name)
{
	char other[IFNAMSIZ];

	for (size_t i = 0; i < j->snap->n_files; i++)
		if (j->snap->files[i] != f && is_tun(j->snap->files[i]) &&
		    !read_name(j->snap->files[i], other) && !strcmp(name, other))
			return true;
	return false;
}

static bool has_filter(int fd)
{
	struct sock_fprog program = {0};

	return !ioctl(fd, TUNGETFILTER, &program) && program.len;
}

/* Has its tap a filter? The kernel tells who has the descriptor: it is borrowed for that. */
static int look_for_filter(const struct file *f)
{
	_cleanup_close_ int fd = -1, pidfd = -1;
	struct stat st;

	if (f->copy >= 0)
		return has_filter(f->copy);
	pidfd = (int)syscall(SYS_pidfd_open, f->process->pid, 0);
	if (pidfd >= 0)
		fd = (int)syscall(SYS_pidfd_getfd, pidfd, f->fd, 0);
	if (fd < 0)
		return -errno;
	/* In a scan the number may be another file's by now. */
	return !fstat(fd, &st) && S_ISCHR(st.st_mode) && st.st_rdev == user_dev(TUN_RDEV) &&
	       has_filter(fd);
}

static void judge_filter(struct judge *j, const struct file *f, const char *name)
{
	int has = look_for_filter(f);

	if (has > 0) {
		judge_file(j, f, "tun", NO_FILTER, HAS_FILTER, name);
	} else if (has < 0) {
		judge_file(j, f, "tun", NULL, "only a dump can tell whether its interface %s has a filter",
			   name);
		judge_soften(j);
	}
}

void judge_tun(struct judge *j, const struct file *f)
{
	char name[IFNAMSIZ];
	unsigned int flags;

	if (read_name(f, name)) {
		judge_file(j, f, "tun", NULL, "only a dump can look at its interface");
		judge_soften(j);
	} else if (*name && read_number(name, "tun_flags", &flags)) {
		judge_file(j, f, "tun", "run crbpf in the network namespace of the interface, with /sys",
			   "the interface %s is attached to it, which is not to be seen from here", name);
	} else if (*name) {
		if (flags & IFF_TAP)
			judge_filter(j, f, name);
		if (has_other_queue(j, f, name)) {
			judge_file(j, f, "tun", NULL,
				   "it is one of the queues of %s, which are numbered anew, by descriptor",
				   name);
			judge_soften(j);
		}
	}
}

/* Is the device that @fd has in this network namespace? Older kernels do not tell. */
static bool is_here(int fd)
{
	_cleanup_close_ int ns = ioctl(fd, TUNGETDEVNETNS);
	struct stat there, here;

	return ns < 0 || fstat(ns, &there) || stat("/proc/self/ns/net", &here) ||
	       there.st_ino == here.st_ino;
}

static int read_state(struct dump *d, int fd, const char *name, TunQueueEntry *tun)
{
	struct ifreq request = {0};
	unsigned int flags, carrier;
	int buffer, header;

	if (read_number(name, "tun_flags", &flags) || !is_here(fd))
		return fail(d->err, ENOENT, "cannot look at its interface %s", name);
	if (ioctl(fd, TUNGETIFF, &request) || ioctl(fd, TUNGETSNDBUF, &buffer) ||
	    ioctl(fd, TUNGETVNETHDRSZ, &header))
		return fail(d->err, errno, "cannot look at its interface %s", name);
	/* a judge that could not borrow it has only warned */
	if (flags & IFF_TAP && has_filter(fd)) {
		fail(d->err, 0, HAS_FILTER, name);
		return fail_hint(d->err, NO_FILTER);
	}
	tun->index = if_nametoindex(name);
	tun->flags = flags & SET_FLAGS;
	tun->detached = request.ifr_flags & IFF_DETACH_QUEUE;
	tun->persistent = flags & IFF_PERSIST;
	tun->send_buffer = buffer;
	tun->header = header;
	tun->no_carrier = !tun->detached && !read_number(name, "carrier", &carrier) && !carrier;
	return 0;
}

/* An interface that is to stay though its program ends; in the dump's arena. */
struct kept_tun {
	struct kept_tun *next;
	const char *name;
	int fd; /* of the snapshot */
	bool is_kept;
};

static int list_kept(struct dump *d, int fd, const char *name)
{
	struct kept_tun *kept = arena_alloc(&d->arena, sizeof(*kept));

	if (!kept)
		return fail(d->err, ENOMEM, "cannot keep its interface %s", name);
	*kept = (struct kept_tun){.next = d->kept_tuns, .name = name, .fd = fd};
	d->kept_tuns = kept;
	return 0;
}

int tun_keep(struct dump *d, struct error *err)
{
	for (struct kept_tun *kept = d->kept_tuns; kept; kept = kept->next) {
		if (ioctl(kept->fd, TUNSETPERSIST, 1))
			return fail(err, errno, "cannot keep the interface %s", kept->name);
		kept->is_kept = true;
	}
	return 0;
}

void tun_discard(struct dump *d)
{
	for (const struct kept_tun *kept = d->kept_tuns; kept; kept = kept->next)
		if (kept->is_kept)
			(void)ioctl(kept->fd, TUNSETPERSIST, 0);
	d->kept_tuns = NULL;
}

/* Does an earlier queue make the interface stay? */
static bool is_listed(const struct dump *d, const char *name)
{
	for (const struct kept_tun *kept = d->kept_tuns; kept; kept = kept->next)
		if (!strcmp(kept->name, name))
			return true;
	return false;
}

int dump_tun(struct dump *d, struct file *f, TunQueueEntry **ret)
{
	TunQueueEntry *tun = dump_message(d, &tun_queue_entry__descriptor);
	char *name = arena_alloc(&d->arena, IFNAMSIZ);
	int fd = file_copy(f, d->err);

	if (fd < 0)
		return fd;
	if (!tun || !name)
		return fail(d->err, ENOMEM, "cannot describe it");
	if (read_name(f, name))
		return fail(d->err, 0, "cannot tell whether it has an interface");
	if (!*name)
		return 0;
	tun->interface = name;
	if (read_state(d, fd, name, tun))
		return d->err->code;
	if (!tun->persistent && !is_listed(d, name) && !d->opt->leave_running &&
	    !d->opt->leave_stopped && list_kept(d, fd, name))
		return d->err->code;
	*ret = tun;
	return 0;
}

/* --- restore --- */

static int set_state(struct restore *r, int fd, const TunQueueEntry *tun)
{
	struct ifreq request = {.ifr_flags = IFF_DETACH_QUEUE};
	int buffer = tun->send_buffer, header = tun->header, now = 0;

	if (!ioctl(fd, TUNGETVNETHDRSZ, &now) && now != header && ioctl(fd, TUNSETVNETHDRSZ, &header))
		return fail(r->err, errno, "cannot set the size of its headers to %d", header);
	if (!ioctl(fd, TUNGETSNDBUF, &now) && now != buffer && ioctl(fd, TUNSETSNDBUF, &buffer))
		return fail(r->err, errno, "cannot set its buffer to %d bytes", buffer);
	if (tun->detached && ioctl(fd, TUNSETQUEUE, &request))
		return fail(r->err, errno, "cannot detach it from its queue");
	if (tun->no_carrier && ioctl(fd, TUNSETCARRIER, &(int){0}))
		return fail(r->err, errno, "cannot take the carrier off");
	return 0;
}

int restore_tun(struct restore *r, int fd, const TunQueueEntry *tun)
{
	struct ifreq request = {.ifr_flags = (short)(tun->flags & SET_FLAGS)};
	unsigned int index = if_nametoindex(tun->interface);

	if (strlen(tun->interface) >= IFNAMSIZ)
		return fail(r->err, 0, "no interface is called %s", tun->interface);
	/* It would be made, and have no address. */
	if (!index) {
		fail(r->err, ENODEV, "the interface %s is gone", tun->interface);
		return fail_hint(r->err, "make it again, with its addresses: ip tuntap add %s mode %s",
				 tun->interface, tun->flags & IFF_TAP ? "tap" : "tun");
	}
	if (index != tun->index)
		log_warn(r->log, "the interface %s has number %u now, it was %u; ignoring",
			 tun->interface, index, tun->index);
	strcpy(request.ifr_name, tun->interface);
	if (ioctl(fd, TUNSETIFF, &request)) {
		int code = errno;

		fail(r->err, code, "cannot attach the interface %s", tun->interface);
		return code == EBUSY ? fail_hint(r->err, "end what has it") : -code;
	}
	return set_state(r, fd, tun) ? fail_in(r->err, "interface %s", tun->interface) : 0;
}

int restore_tun_end(struct restore *r, int fd, const TunQueueEntry *tun)
{
	if (tun->persistent || !ioctl(fd, TUNSETPERSIST, 0))
		return 0;
	return fail(r->err, errno, "cannot let the interface %s end with it", tun->interface);
}
