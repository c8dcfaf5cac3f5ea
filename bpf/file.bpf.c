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
static __always_inline void file_anon_name(struct file *file, struct file_record *r)
{
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
	unsigned long *bits = BPF_CORE_READ(files, fdt, close_on_exec), word = 0;

	bpf_probe_read_kernel(&word, sizeof(word), bits + fd / 64);
	return word >> (fd % 64) & 1;
}

int file_description(void)
{
	struct file *file = (struct file *)view.file;
	struct file_record *r = &file_now.record;
	struct inode *inode = BPF_CORE_READ(file, f_inode);

	view.inode = (__u64)inode;
	r->inode = (__u64)inode;
	r->f_op = (__u64)BPF_CORE_READ(file, f_op);
	r->private_data = (__u64)BPF_CORE_READ(file, private_data);
	r->pos = BPF_CORE_READ(file, f_pos);
	r->f_flags = BPF_CORE_READ(file, f_flags);
	r->f_mode = BPF_CORE_READ(file, f_mode);
	r->mnt = (__u64)BPF_CORE_READ(file, f_path.mnt);
	r->mnt_id = mount_id((struct vfsmount *)r->mnt);
	r->ino = BPF_CORE_READ(inode, i_ino);
	r->size = BPF_CORE_READ(inode, i_size);
	r->rdev = BPF_CORE_READ(inode, i_rdev);
	r->i_mode = BPF_CORE_READ(inode, i_mode);
	r->nlink = BPF_CORE_READ(inode, i_nlink);
	r->uid = BPF_CORE_READ(inode, i_uid.val);
	r->gid = BPF_CORE_READ(inode, i_gid.val);
	r->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	r->s_magic = BPF_CORE_READ(inode, i_sb, s_magic);
	r->i_private = (__u64)BPF_CORE_READ(inode, i_private);
	file_anon_name(file, r);
	return 0;
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
	view.task = (__u64)task;
	view.file = (__u64)file;
	if (view_task())
		return 0;
	stream_begin(view.file, (__u64)task->pid << 32 | ctx->fd);
	clear(r);
	files = BPF_CORE_READ(task, files);
	r->files = (__u64)files;
	r->fd = ctx->fd;
	r->cloexec = is_cloexec(files, ctx->fd);
	r->tgid = (__u32)pid_numbers((__u64)BPF_CORE_READ(task, group_leader, thread_pid));
	r->tid = r->tgid;
	if (files != BPF_CORE_READ(task, group_leader, files))
		r->tid = (__u32)pid_numbers((__u64)BPF_CORE_READ(task, thread_pid));
	file_description();
	if (show_file(file))
		return 1;
	return stream_end();
}
