// SPDX-License-Identifier: GPL-2.0-only
/* iter/task_file: each descriptor, and the open file description behind it. */

#include "file.h"
#include "twin.h"

#define ANON_INODE_FS_MAGIC 0x09041934
#define PIDFS_MAGIC         0x50494446
#define PIPEFS_MAGIC        0x50495045
#define SOCKFS_MAGIC        0x534f434b

#define DETAIL(name) int name##_detail(void);
#include "details.inc"
#undef DETAIL

/* "[eventpoll]" or, without brackets, "inotify". */
int file_name(void)
{
	struct file_record *r = &file_now.record;
	struct file *file = (struct file *)view.file;
	char name[RECORD_COMM + 2] = {};
	__u32 i, skip;

	if (r->s_magic == PIDFS_MAGIC) {
		__builtin_memcpy(r->anon_name, "pidfd", 6);
		return 0;
	}
	if (r->s_magic != ANON_INODE_FS_MAGIC)
		return 0;
	bpf_probe_read_kernel_str(name, sizeof(name),
				  BPF_CORE_READ(file, f_path.dentry, d_name.name));
	skip = name[0] == '[';
	for (i = 0; i < RECORD_COMM - 1; i++) {
		char c = skip ? name[i + 1] : name[i];

		if (!c || c == ']')
			break;
		r->anon_name[i] = c;
	}
	return 0;
}

/* f_owner: part of the file once, allocated when it is first set since 6.12. */
static __always_inline struct fown_struct *owner_of(struct file *file)
{
	struct file___owner *embedded = (void *)file;

	if (bpf_core_field_exists(embedded->f_owner))
		return __builtin_preserve_access_index(&embedded->f_owner);
	return BPF_CORE_READ(file, f_owner);
}

int file_owner(void)
{
	struct fown_struct *owner = owner_of((struct file *)view.file);
	struct file_record *r = &file_now.record;
	struct pid *pid;

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
	struct fdtable *fdt = files->fdt;
	unsigned long word = 0;

	/* Where the kernel's types have their tags, the verifier takes it for NULL. */
	if (fdt)
		bpf_probe_read_kernel(&word, sizeof(word), fdt->close_on_exec + fd / 64);
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
}

static __always_inline bool has_owner(struct file *file)
{
	struct file___owner *embedded = (void *)file;

	if (bpf_core_field_exists(embedded->f_owner))
		return BPF_CORE_READ(embedded, f_owner.pid) || BPF_CORE_READ(embedded, f_owner.signum);
	return file->f_owner;
}

static __always_inline bool has_locks(struct file *file)
{
	return bpf_core_field_exists(file->f_inode->i_flctx) && file->f_inode->i_flctx;
}

/* In a shallow pass "pipe:[123]" is made of the number, and their mount says nothing. */
static __always_inline bool is_nameless(const struct file_record *r)
{
	return control.flags & CONTROL_SHALLOW &&
	       (r->s_magic == PIPEFS_MAGIC || r->s_magic == SOCKFS_MAGIC);
}

/* What takes more than a load. */
static __always_inline void file_rest(struct file *file)
{
	struct file_record *r = &file_now.record;

	if (!is_nameless(r))
		r->mnt_id = mount_id((struct vfsmount *)r->mnt);
	file_name();
	if (has_owner(file))
		file_owner();
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
	if (control.flags & CONTROL_PATHS && !is_nameless(r))
		length =
			bpf_d_path((struct path *)&file->f_path, file_now.tail + used, RECORD_PATH);
	if (length <= 0 || length > RECORD_PATH)
		return sizeof(*r) + used;
	r->path.offset = sizeof(*r) + used;
	r->path.length = length - 1;
	return sizeof(*r) + used + ((length + 7) & ~7ULL);
}

struct twins file_twins;
struct file_twin file_twin_now;

/* Of these words depends what there is to say of a file that has neither owner nor lock. */
static __always_inline bool file_key(struct file *file, struct twin_key *key)
{
	const struct file_record *r = &file_now.record;
	if (!(control.flags & CONTROL_SHALLOW) || has_owner(file) ||
	    (has_locks(file) && inode_has_locks((struct inode *)as_number(file->f_inode))))
		return false;
	key->word[0] = as_number(file->f_path.dentry);
	key->word[1] = as_number(file->f_path.mnt);
	key->word[2] = as_number(file->f_op);
	key->word[3] = (__u64)r->f_mode << 32 | r->f_flags;
	key->word[4] = (__u64)r->i_mode << 32 | r->nlink;
	key->word[5] = as_number(file->f_inode);
	return true;
}

static __always_inline int send_twin(__u32 shape)
{
	const struct file_record *r = &file_now.record;
	struct file_twin *twin = &file_twin_now;

	twin->files = r->files;
	twin->tgid = r->tgid;
	twin->tid = r->tid;
	twin->fd = r->fd;
	twin->cloexec = r->cloexec;
	twin->shape = shape;
	return stream_send(&twin->head, RECORD_FILE_TWIN, view.file, sizeof(*twin), false);
}

/* All of it. It is a shape for others if nothing but what its key holds was found. */
static __always_inline int send_file(struct file *file, const struct twin_key *key, bool has_key)
{
	struct file_record *r = &file_now.record;
	__u64 size;

	file_rest(file);
	if (control.flags & CONTROL_PARTS && ((has_locks(file) && file_locks()) || file_epoll() ||
					      file_queue() || file_tty_queue() ||
					      file_watches()))
		return 1;
	if (control.flags & CONTROL_FLIGHTS && file_flights())
		return 1;
	if (control.flags & CONTROL_DETAILS)
		file_kind();
	if (control.part || r->detail_type || r->anon_name[0])
		has_key = false;
	if (has_key)
		r->shape = twin_next(&file_twins);
	size = add_tail(file);
	if (size > sizeof(file_now))
		size = sizeof(file_now);
	if (stream_send(&r->head, RECORD_FILE, view.file, size, false))
		return 1;
	if (has_key)
		twin_remember(&file_twins, key);
	return 0;
}

static __always_inline int show_file(struct file *file)
{
	struct twin_key key = {};
	bool has_key = file_key(file, &key);
	__u32 shape;

	if (has_key) {
		shape = twin_find(&file_twins, &key);
		if (twin_is_known(control.known_files, shape))
			return 0;
		if (shape)
			return send_twin(shape);
	}
	return send_file(file, &key, has_key);
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
	if (!(control.flags & CONTROL_SHALLOW))
		r->cloexec = is_cloexec(files, ctx->fd);
	r->tgid = view.tgid;
	r->tid = files == task->group_leader->files ? view.tgid : view.tid;
	file_description(file);
	if (show_file(file))
		return 1;
	return stream_end();
}
