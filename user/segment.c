// SPDX-License-Identifier: GPL-2.0-only
#include "segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#include "dump/dump.h"
#include "inventory.pb-c.h"
#include "ipc-desc.pb-c.h"
#include "ipc-shm.pb-c.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "lib/log.h"
#include "restore/restore.h"
#include "sharedmem.h"

/* The IPC namespace's number in our images: that of the dumping tool, always (dump/describe.h). */
#define IPC_NS_ID 3

#define MODE_BITS   0777
#define MODE_DEST   01000	/* SHM_DEST: goes with its last user */
#define MODE_LOCKED 02000	/* SHM_LOCKED */
#define BOOT_ID_MAX 64

/* --- dump --- */

static void fill_desc(IpcDescEntry *desc, const struct shmid_ds *ds, int shmid)
{
	desc->key = (uint32_t)ds->shm_perm.__key;
	desc->uid = ds->shm_perm.uid;
	desc->gid = ds->shm_perm.gid;
	desc->cuid = ds->shm_perm.cuid;
	desc->cgid = ds->shm_perm.cgid;
	desc->mode = ds->shm_perm.mode;
	desc->id = (uint32_t)shmid;
}

int segment_dump(struct dump *d, int shmid, int fd)
{
	IpcShmEntry entry = IPC_SHM_ENTRY__INIT;
	IpcDescEntry desc = IPC_DESC_ENTRY__INIT;
	struct image **image = &d->images[IMAGE_IPCNS_SHM];
	struct shmid_ds ds;
	int ret = 0;

	if (shmctl(shmid, IPC_STAT, &ds))
		ret = fail(d->err, errno, "SysV segment %d", shmid);
	if (!ret && !*image)
		ret = image_create(d->dir, IMAGE_IPCNS_SHM, IPC_NS_ID, image, d->err);
	if (!ret) {
		fill_desc(&desc, &ds, shmid);
		entry.desc = &desc;
		entry.size = ds.shm_segsz;
		entry.has_in_pagemaps = entry.in_pagemaps = true;
		entry.has_ctime = true;
		entry.ctime = ds.shm_ctime;
		entry.has_cpid = true;
		entry.cpid = ds.shm_cpid;
		ret = image_add(*image, &entry.base, d->err);
	}
	if (!ret)
		return dump_shared_memory(d, (uint64_t)shmid, ds.shm_segsz, fd);
	close(fd);
	return ret;
}

/* --- restore --- */

/* A segment's state in r->kind_data, by shmid. */
enum { SEGMENT_READY = 1 };

static uint64_t segment_key(int shmid)
{
	return 0xf4ull << 56 | (uint32_t)shmid;
}

/* The entry of @shmid in the image; kept by the restore. NULL with r->err set. */
static const IpcShmEntry *find_entry(struct restore *r, int shmid)
{
	const IpcShmEntry *found = NULL;
	ProtobufCMessage *msg;
	struct image *image;
	int ret = image_open(r->dir, IMAGE_IPCNS_SHM, IPC_NS_ID, &image, r->err);

	while (!ret && image && !found && image_next(image, NULL, &msg, r->err) > 0) {
		const IpcShmEntry *entry = (IpcShmEntry *)msg;

		ret = restore_keep(r, msg);
		if (!entry->has_in_pagemaps || !entry->in_pagemaps)
			ret = fail(r->err, 0, "ipcns-shm-%d.img: content beside the entry cannot be read",
				   IPC_NS_ID);
		if (!ret && entry->desc->id == (uint32_t)shmid)
			found = entry;
	}
	image_finish(image, NULL);
	if (!found)
		fail(r->err, 0, "ipcns-shm-%d.img: there is no SysV segment %d", IPC_NS_ID, shmid);
	return found;
}

int segment_check(struct restore *r, int shmid, uint64_t size)
{
	const IpcShmEntry *entry = find_entry(r, shmid);

	if (!entry)
		return r->err->code;
	if (!entry->size || size != (entry->size + r->page_size - 1) / r->page_size * r->page_size)
		return fail(r->err, 0, "it does not fit SysV segment %d of %llu bytes", shmid,
			    (unsigned long long)entry->size);
	return 0;
}

/* Has the machine been running ever since the dump? Numbers and times mean nothing after a reboot. */
static bool is_same_boot(const struct restore *r)
{
	char id[BOOT_ID_MAX] = "";
	_cleanup_close_ int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, id, sizeof(id) - 1) : 0;

	if (n > 0 && id[n - 1] == '\n')
		id[n - 1] = 0;
	return r->inventory->boot_id && *id && !strcmp(id, r->inventory->boot_id);
}

/* Is the segment that has the number now the one that was dumped? */
static bool is_same(const struct restore *r, const IpcShmEntry *entry, const struct shmid_ds *ds)
{
	return is_same_boot(r) && (uint32_t)ds->shm_perm.__key == entry->desc->key &&
	       ds->shm_segsz == entry->size && ds->shm_perm.cuid == entry->desc->cuid &&
	       entry->has_ctime && ds->shm_ctime == (time_t)entry->ctime && entry->has_cpid &&
	       ds->shm_cpid == (pid_t)entry->cpid;
}

/* The next segment made in this namespace gets number @shmid. */
static int claim_number(struct restore *r, int shmid)
{
	_cleanup_close_ int fd = open("/proc/sys/kernel/shm_next_id", O_WRONLY | O_CLOEXEC);
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", shmid);

	if (fd < 0 || write(fd, text, (size_t)n) != n)
		return fail(r->err, errno, "cannot choose the number of a SysV segment");
	return 0;
}

static int create(struct restore *r, const IpcShmEntry *entry)
{
	const IpcDescEntry *desc = entry->desc;
	int shmid = (int)desc->id, made;
	struct shmid_ds ds;

	if (claim_number(r, shmid))
		return r->err->code;
	made = shmget((key_t)desc->key, entry->size, IPC_CREAT | IPC_EXCL | (int)(desc->mode & MODE_BITS));
	if (made < 0)
		return fail(r->err, errno, "cannot make SysV segment %d with key %#x", shmid, desc->key);
	if (made != shmid) {
		shmctl(made, IPC_RMID, NULL);
		return fail(r->err, EEXIST, "SysV segment %d", shmid);
	}
	if (shmctl(shmid, IPC_STAT, &ds))
		return fail(r->err, errno, "SysV segment %d", shmid);
	ds.shm_perm.uid = desc->uid;
	ds.shm_perm.gid = desc->gid;
	ds.shm_perm.mode = desc->mode & MODE_BITS;
	if (shmctl(shmid, IPC_SET, &ds) ||
	    (desc->mode & MODE_LOCKED && shmctl(shmid, SHM_LOCK, NULL)))
		return fail(r->err, errno, "cannot set who owns SysV segment %d", shmid);
	return 0;
}

/*
 * Puts the content in. The attachment stays as long as this process: it holds a segment
 * that is to go with its last user.
 */
static int fill(struct restore *r, const IpcShmEntry *entry)
{
	int shmid = (int)entry->desc->id, fd, ret;
	size_t size = (entry->size + r->page_size - 1) / r->page_size * r->page_size;
	char *map = shmat(shmid, NULL, 0);
	char path[96];

	if (map == (void *)-1)
		return fail(r->err, errno, "cannot attach SysV segment %d", shmid);
	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", (unsigned long)map,
		 (unsigned long)(map + size));
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return fail(r->err, errno, "cannot open SysV segment %d", shmid);
	/* what is not in the image is zero: an old segment forgets what came later */
	if (madvise(map, size, MADV_REMOVE))
		memset(map, 0, size);
	ret = sharedmem_fill(r, (uint64_t)shmid, fd, entry->size);
	close(fd);
	if (!ret && entry->desc->mode & MODE_DEST && shmctl(shmid, IPC_RMID, NULL))
		ret = fail(r->err, errno, "cannot mark SysV segment %d for removal", shmid);
	return ret;
}

int segment_restore(struct restore *r, int shmid)
{
	const IpcShmEntry *entry;
	struct shmid_ds ds;
	int ret = 0;

	if (ids_get(&r->kind_data, segment_key(shmid)))
		return 0;
	entry = find_entry(r, shmid);
	if (!entry)
		return r->err->code;
	if (shmctl(shmid, IPC_STAT, &ds)) {
		ret = create(r, entry);
	} else if (!is_same(r, entry, &ds)) {
		fail(r->err, EEXIST, "the number of SysV segment %d is another's by now", shmid);
		ret = fail_hint(r->err, "ipcs -m lists the segments, ipcrm -m %d removes it", shmid);
	} else if (ds.shm_nattch) {
		ret = fail(r->err, EBUSY, "SysV segment %d: other processes use it now", shmid);
	}
	if (!ret)
		ret = fill(r, entry);
	if (!ret && ids_set(&r->kind_data, segment_key(shmid), SEGMENT_READY))
		ret = fail(r->err, ENOMEM, "cannot remember SysV segment %d", shmid);
	return ret;
}
