// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parts of an inotify or fanotify file: what it watches, each with its names from the dentry
 * cache, and (inotify) the events that nobody has read.
 */

#include "file.h"
#include "fsnotify.h"

#define MARKS_MAX   (1 << 22)
#define DEPTH_MAX   256
#define ALIASES_MAX 64
#define NAME_ROOM   256
#define OBJ_INODE   0 /* FSNOTIFY_OBJ_TYPE_*: stable since 6.1 */
#define OBJ_MOUNT   1
#define OBJ_SB      2

struct watch_scratch {
	struct watch_record record;
	char names[RECORD_PATH + NAME_ROOM];
} watch_now;

struct event_record event_now;

struct watch_walk {
	__u64 group, head, at;
	__u64 dentry, alias;
	__u32 size, is_full, is_inotify;
} watch_walk;

static __always_inline struct fsnotify_group *group_of_file(void)
{
	if (!is_anon("inotify") && !is_anon("fanotify"))
		return NULL;
	return (struct fsnotify_group *)file_now.record.private_data;
}

/* --- names --- */

static __always_inline bool is_root(struct dentry *dentry)
{
	return BPF_CORE_READ(dentry, d_parent) == dentry;
}

static __always_inline bool is_hashed(struct dentry *dentry)
{
	return BPF_CORE_READ(dentry, d_hash.pprev) || is_root(dentry);
}

static __always_inline struct dentry *dentry_of(struct hlist_node *alias)
{
	struct dentry___direct *direct = NULL;

	if (bpf_core_field_exists(direct->d_alias))
		return (void *)alias - bpf_core_field_offset(struct dentry___direct, d_alias);
	return (void *)alias - bpf_core_field_offset(struct dentry, d_u.d_alias);
}

/* The first name in use, else any. */
static long find_alias(__u32 i, void *unused)
{
	struct hlist_node *node = (struct hlist_node *)watch_walk.alias;
	struct dentry *dentry;

	if (!node)
		return 1;
	dentry = dentry_of(node);
	if (!watch_walk.dentry || is_hashed(dentry))
		watch_walk.dentry = (__u64)dentry;
	watch_walk.alias = (__u64)BPF_CORE_READ(node, next);
	return is_hashed(dentry);
}

static long add_name(__u32 i, void *unused)
{
	struct dentry *dentry = (struct dentry *)watch_walk.dentry;
	__u32 size = watch_walk.size;
	long length;

	if (is_root(dentry))
		return 1;
	if (!is_hashed(dentry))
		watch_now.record.is_named = 0;
	if (size > RECORD_PATH - NAME_ROOM)
		goto too_long;
	length = bpf_probe_read_kernel_str(watch_now.names + size, NAME_ROOM,
					   BPF_CORE_READ(dentry, d_name.name));
	if (length <= 1 || length > NAME_ROOM)
		goto too_long;
	watch_walk.size = size + length;
	watch_now.record.n_names++;
	watch_walk.dentry = (__u64)BPF_CORE_READ(dentry, d_parent);
	return 0;
too_long:
	watch_now.record.is_named = 0;
	return 1;
}

static __always_inline void read_names(struct inode *inode)
{
	struct watch_record *r = &watch_now.record;

	watch_walk.dentry = 0;
	watch_walk.size = 0;
	watch_walk.alias = (__u64)BPF_CORE_READ(inode, i_dentry.first);
	bpf_loop(ALIASES_MAX, find_alias, NULL, 0);
	if (!watch_walk.dentry)
		return;
	r->is_named = 1;
	bpf_loop(DEPTH_MAX, add_name, NULL, 0);
	if (!is_root((struct dentry *)watch_walk.dentry))
		r->is_named = 0;
	r->names_size = watch_walk.size;
}

/* --- watches --- */

static __always_inline void read_super(struct super_block *sb)
{
	watch_now.record.dev = BPF_CORE_READ(sb, s_dev);
	watch_now.record.s_magic = BPF_CORE_READ(sb, s_magic);
}

static __always_inline void read_inode(struct inode *inode)
{
	struct watch_record *r = &watch_now.record;

	r->inode = (__u64)inode;
	r->ino = BPF_CORE_READ(inode, i_ino);
	r->i_mode = BPF_CORE_READ(inode, i_mode);
	r->nlink = BPF_CORE_READ(inode, i_nlink);
	read_super(BPF_CORE_READ(inode, i_sb));
	read_names(inode);
}

/*
 * The connector's obj is the object, or (before 6.10) the field in it that points back at the
 * connector: whichever does.
 */
static __always_inline void read_object(struct fsnotify_mark_connector *connector)
{
	__u64 obj = (__u64)BPF_CORE_READ(connector, obj);
	struct watch_record *r = &watch_now.record;
	__u32 type = BPF_CORE_READ(connector, type);
	struct inode *inode = (struct inode *)obj;
	struct mount *mount;
	struct super_block___marks *older = (void *)obj;

	r->type = type == OBJ_INODE ? WATCH_INODE :
		  type == OBJ_MOUNT ? WATCH_MOUNT :
		  type == OBJ_SB    ? WATCH_SUPERBLOCK :
				      WATCH_OTHER;
	if (!obj)
		return;
	if (type == OBJ_INODE) {
		if (BPF_CORE_READ(inode, i_fsnotify_marks) != connector)
			inode = (void *)obj - bpf_core_field_offset(struct inode, i_fsnotify_marks);
		if (BPF_CORE_READ(inode, i_fsnotify_marks) == connector)
			read_inode(inode);
	} else if (type == OBJ_MOUNT) {
		/* the object is the struct vfsmount inside */
		mount = (void *)obj - bpf_core_field_offset(struct mount, mnt);
		if (BPF_CORE_READ(mount, mnt_fsnotify_marks) != connector)
			mount = (void *)obj -
				bpf_core_field_offset(struct mount, mnt_fsnotify_marks);
		if (BPF_CORE_READ(mount, mnt_fsnotify_marks) != connector)
			return;
		r->mnt_id = BPF_CORE_READ(mount, mnt_id);
		read_super(BPF_CORE_READ(mount, mnt.mnt_sb));
	} else if (type == OBJ_SB) {
		if (bpf_core_field_exists(older->s_fsnotify_marks))
			obj -= bpf_core_field_offset(older->s_fsnotify_marks);
		read_super((struct super_block *)obj);
	}
}

static long send_watch(__u32 i, void *unused)
{
	struct list_head *node = (struct list_head *)watch_walk.at;
	struct watch_record *r = &watch_now.record;
	struct fsnotify_mark *mark;
	__u64 size;

	if (!node || watch_walk.at == watch_walk.head)
		return 1;
	mark = (void *)node - bpf_core_field_offset(struct fsnotify_mark, g_list);
	clear(r);
	if (watch_walk.is_inotify)
		r->wd = BPF_CORE_READ((struct inotify_inode_mark *)mark, wd);
	r->mask = BPF_CORE_READ(mark, mask);
	r->ignore_mask = BPF_CORE_READ(mark, ignore_mask);
	r->flags = BPF_CORE_READ(mark, flags);
	read_object(BPF_CORE_READ(mark, connector));
	size = sizeof(*r) + ((r->names_size + 7) & ~7u);
	if (size > sizeof(watch_now))
		size = sizeof(watch_now);
	if (stream_send(&r->head, RECORD_WATCH_PART, view.file, size, true)) {
		watch_walk.is_full = 1;
		return 1;
	}
	watch_walk.at = (__u64)BPF_CORE_READ(node, next);
	return 0;
}

/* In a struct watch_record, for want of a path. */
int file_names(void)
{
	struct file *file = (struct file *)view.flight;
	struct watch_record *r = &watch_now.record;
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	__u64 size;
	bool is_named;

	/* Of a file system without names it is a root, as the first directory of any. */
	if (is_root(dentry) && !is_file_type(S_IFDIR))
		return 0;
	clear(r);
	r->type = WATCH_NOT;
	r->mnt_id = file_now.record.mnt_id;
	r->dev = file_now.record.dev;
	is_named = is_hashed(dentry);
	watch_walk.size = 0;
	watch_walk.dentry = (__u64)dentry;
	bpf_loop(DEPTH_MAX, add_name, NULL, 0);
	if (!is_root((struct dentry *)watch_walk.dentry))
		return 0;
	r->is_named = is_named;
	r->names_size = watch_walk.size;
	size = sizeof(*r) + ((r->names_size + 7) & ~7u);
	if (size > sizeof(watch_now))
		size = sizeof(watch_now);
	return stream_send(&r->head, RECORD_WATCH_PART, view.file, size, true);
}

/* --- queued events --- */

static long send_event(__u32 i, void *unused)
{
	struct list_head *node = (struct list_head *)watch_walk.at;
	struct inotify_event_info *info;
	struct event_record *r = &event_now;
	__u32 size;

	if (!node || watch_walk.at == watch_walk.head)
		return 1;
	info = (void *)node - bpf_core_field_offset(struct inotify_event_info, fse.list);
	clear(r);
	r->wd = BPF_CORE_READ(info, wd);
	r->mask = BPF_CORE_READ(info, mask);
	r->cookie = BPF_CORE_READ(info, sync_cookie);
	size = BPF_CORE_READ(info, name_len);
	/* One comparison: of two the compiler makes one of size - 1, which bounds nothing on 6.1. */
	if (size < sizeof(r->name)) {
		bpf_probe_read_kernel(r->name, size, __builtin_preserve_access_index(&info->name));
		r->name_size = size;
	}
	if (stream_send(&r->head, RECORD_EVENT_PART, view.file, sizeof(*r), true)) {
		watch_walk.is_full = 1;
		return 1;
	}
	watch_walk.at = (__u64)BPF_CORE_READ(node, next);
	return 0;
}

int file_watches(void)
{
	struct fsnotify_group *group = group_of_file();

	watch_walk.is_full = 0;
	if (!group)
		return 0;
	watch_walk.is_inotify = is_anon("inotify");
	watch_walk.head = (__u64)__builtin_preserve_access_index(&group->marks_list);
	watch_walk.at = (__u64)BPF_CORE_READ(group, marks_list.next);
	bpf_loop(MARKS_MAX, send_watch, NULL, 0);
	if (!watch_walk.is_inotify || watch_walk.is_full)
		return watch_walk.is_full;
	watch_walk.head = (__u64)__builtin_preserve_access_index(&group->notification_list);
	watch_walk.at = (__u64)BPF_CORE_READ(group, notification_list.next);
	bpf_loop(MARKS_MAX, send_event, NULL, 0);
	return watch_walk.is_full;
}

static __always_inline __u32 count_permissions(struct fsnotify_group *group)
{
	struct list_head *head = __builtin_preserve_access_index(&group->fanotify_data.access_list);

	return BPF_CORE_READ(head, next) != head;
}

static __always_inline __u32 class_of(struct fsnotify_group *group)
{
	struct fsnotify_group___number *number = (void *)group;
	struct fsnotify_group___enum *named = (void *)group;

	return bpf_core_field_exists(named->priority) ? BPF_CORE_READ(named, priority)
						      : BPF_CORE_READ(number, priority);
}

int fsnotify_detail(void)
{
	struct fsnotify_detail *d = detail_room(struct fsnotify_detail);
	struct fsnotify_group *group = group_of_file();

	if (!group)
		return 0;
	clear(d);
	d->n_events = BPF_CORE_READ(group, q_len);
	d->max_events = BPF_CORE_READ(group, max_events);
	d->priority = class_of(group);
	if (is_anon("inotify")) {
		d->next_wd = BPF_CORE_READ(group, inotify_data.idr.idr_next);
	} else {
		d->flags = BPF_CORE_READ(group, fanotify_data.flags);
		d->event_flags = BPF_CORE_READ(group, fanotify_data.f_flags);
		if (bpf_core_field_exists(group->fanotify_data.access_list))
			d->n_permissions = count_permissions(group);
	}
	return detail_done(DETAIL_FSNOTIFY, sizeof(*d));
}
