// SPDX-License-Identifier: GPL-2.0-only
/* iter/task_file: each descriptor, and the open file description behind it. */

#include "file.h"

#define ANON_INODE_FS_MAGIC 0x09041934
#define PIDFS_MAGIC         0x50494446
#define O_PATH              010000000

#define DETAIL(name) int name##_detail(void);
#include "details.inc"
#undef DETAIL

/* "[eventpoll]" or, without brackets, "inotify". */
static __always_inline void file_anon_name(struct file_record *r)
{
	struct file *file = (struct file *)view.file;
	char name[RECORD_COMM + 2] = {};
	__u32 i, skip;

	if (r->s_magic == PIDFS_MAGIC) {
		__builtin_memcpy(r->anon_name, "pidfd", 6);
		return;
	}
	if (r->s_magic != ANON_INODE_FS_MAGIC)
		return;
	bpf_probe_read_kernel_str(name, sizeof(name),
				  BPF_CORE_READ(file, f_path.dentry, d_name.name));
	skip = name[0] == '[';
	for (i = 0; i < RECORD_COMM - 1; i++) {
		char c = skip ? name[i + 1] : name[i];

		if (!c || c == ']')
			break;
		r->anon_name[i] = c;
	}
}

/* f_owner: part of the file once, allocated when it is first set since 6.12. */
int file_owner(void)
{
	struct file *file = (struct file *)view.file;
	struct file___owner *embedded = (void *)file;
	struct file_record *r = &file_now.record;
	struct fown_struct *owner;
	struct pid *pid;

	if (bpf_core_field_exists(embedded->f_owner))
		owner = __builtin_preserve_access_index(&embedded->f_owner);
	else
		owner = BPF_CORE_READ(file, f_owner);
	if (!owner)
		return 0;
	pid = BPF_CORE_READ(owner, pid);
	r->fown_signum = BPF_CORE_READ(owner, signum);
	if (!pid)
		return 0;
	set_pid(&r->fown_pid, pid);
	r->fown_pid_type = BPF_CORE_READ(owner, pid_type);
	r->fown_uid = BPF_CORE_READ(owner, uid.val);
	r->fown_euid = BPF_CORE_READ(owner, euid.val);
	return 0;
}

static __always_inline __u32 is_cloexec(struct files_struct *files, __u32 fd)
{
	unsigned long *bits = files->fdt->close_on_exec, word = 0;

	bpf_probe_read_kernel(&word, sizeof(word), bits + fd / 64);
	return word >> (fd % 64) & 1;
}

/* Read through the pointers that the verifier knows: a load instead of a call. */
static __always_inline void file_description(struct file *file)
{
	struct file_record *r = &file_now.record;
	struct inode *inode = file->f_inode;
	struct super_block *sb = inode->i_sb;

	view.inode = (__u64)inode;
	r->inode = (__u64)inode;
	r->f_op = (__u64)file->f_op;
	r->private_data = (__u64)file->private_data;
	r->pos = file->f_pos;
	r->f_flags = file->f_flags;
	r->f_mode = file->f_mode;
	r->mnt = (__u64)file->f_path.mnt;
	r->mnt_id = mount_id((struct vfsmount *)r->mnt);
	r->ino = inode->i_ino;
	r->size = inode->i_size;
	r->rdev = inode->i_rdev;
	r->i_mode = inode->i_mode;
	r->nlink = inode->i_nlink;
	r->uid = inode->i_uid.val;
	r->gid = inode->i_gid.val;
	r->dev = sb->s_dev;
	r->s_magic = sb->s_magic;
	r->i_private = (__u64)inode->i_private;
	file_anon_name(r);
}

/* Asks every kind; what none knows has no detail, nor has what is open by O_PATH alone. */
int file_kind(void)
{
	if (file_now.record.f_flags & O_PATH)
		return 0;
#define DETAIL(name)                                                                               \
	if (name##_detail())                                                                       \
		return 1;
#include "details.inc"
#undef DETAIL
	return 0;
}

/* The record's size with its detail and, behind that, its path. */
static __always_inline __u64 add_tail(struct file *file)
{
	struct file_record *r = &file_now.record;
	__u32 used = r->detail_size;
	long length = 0;

	if (used)
		r->detail_offset = sizeof(*r);
	if (used > DETAIL_ROOM)
		used = DETAIL_ROOM;
	if (control.flags & CONTROL_PATHS)
		length =
			bpf_d_path((struct path *)&file->f_path, file_now.tail + used, RECORD_PATH);
	if (length <= 0 || length > RECORD_PATH)
		return sizeof(*r) + used;
	r->path.offset = sizeof(*r) + used;
	r->path.length = length - 1;
	return sizeof(*r) + used + ((length + 7) & ~7ULL);
}

static __always_inline int show_file(struct file *file)
{
	struct file_record *r = &file_now.record;
	__u64 size;

	if (control.flags & CONTROL_PARTS && (file_locks() || file_epoll() || file_queue()))
		return 1;
	file_owner();
	if (control.flags & CONTROL_DETAILS)
		file_kind();
	size = add_tail(file);
	if (size > sizeof(file_now))
		size = sizeof(file_now);
	return stream_send(&r->head, RECORD_FILE, view.file, size, false);
}

SEC("crbpf/task_file")
int crbpf_file(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct file_record *r = &file_now.record;
	struct files_struct *files;

	if (!task || !file)
		return 0;
	if (!turn_to(task))
		return 0;
	view.file = (__u64)file;
	stream_begin(view.file, (__u64)task->pid << 32 | ctx->fd);
	clear(r);
	files = task->files;
	r->files = (__u64)files;
	r->fd = ctx->fd;
	r->cloexec = is_cloexec(files, ctx->fd);
	r->tgid = view.tgid;
	r->tid = files == task->group_leader->files ? view.tgid : view.tid;
	file_description(file);
	if (show_file(file))
		return 1;
	return stream_end();
}
