// SPDX-License-Identifier: GPL-2.0-only
/*
 * A glance: iter/task, which finds out of most processes of a machine that no judge (user/kind.h)
 * objects to anything of them, in whatever tree they are. It says of each thread only that, or that
 * it is in doubt: then the other programs look at its tree, and the judges judge.
 *
 *  - What a thread has, and its group, must be plain here: a judge that asks something new of
 *    a task has its question here, too.
 *  - Descriptors and mappings become keys of all that their judges look at. The first with a
 *    key is sent, and the judges say what they think of it; while that is not known, the process
 *    waits (the kernel shows it again).
 */

#include "vma.h"
#include "glance.h"
#include "task.h"

#define POLICY_EXT 7

struct glance glance;
struct glance_record glance_now;

/* What goes on about the caller, whose namespaces everybody is compared with. */
struct caller {
	__u64 pid_ns;
	__u32 level, pass;
} caller;

static __always_inline struct task_struct *glanced(void)
{
	return (struct task_struct *)glance.task;
}

static __always_inline __u64 active_ns(struct task_struct *task, __u32 *level)
{
	struct pid *pid = (struct pid *)BPF_CORE_READ(task, thread_pid);

	*level = BPF_CORE_READ(pid, level);
	return (__u64)BPF_CORE_READ(pid_slot(pid, *level), ns);
}

static __always_inline void learn_caller(void)
{
	__u32 level = 0;

	if (caller.pass == control.pass)
		return;
	caller.pass = control.pass;
	caller.pid_ns = active_ns((struct task_struct *)bpf_get_current_task(), &level);
	caller.level = level;
}

static __always_inline bool has_keys(void)
{
	struct record_keys *keys = &task_now.keys;

	view.task = glance.task;
	view.pass = 0; /* not by way of turn_to */
	clear(keys);
	task_keys();
	return keys->thread || keys->process || keys->session || keys->is_service;
}

static __always_inline bool undoes(struct task_struct *task)
{
	struct sem_undo_list___sysv *undo;
	struct list_head *head;

	undo = (void *)BPF_CORE_READ(task, sysvsem.undo_list);
	if (!undo)
		return false;
	head = __builtin_preserve_access_index(&undo->list_proc);
	return BPF_CORE_READ(head, next) != head;
}

/* Keyrings and adjustments of semaphores: what it has may be empty. */
int glance_task(void)
{
	struct task_struct *task = glanced();

	if (has_keys() || (bpf_core_field_exists(task->sysvsem.undo_list) && undoes(task)))
		glance.doubts |= GLANCE_TASK;
	return 0;
}

/* May it have what glance_task looks at? */
static __always_inline bool has_rarities(struct task_struct *task)
{
	struct cred___keys *cred = (void *)task->real_cred;

	if (bpf_core_field_exists(task->sysvsem.undo_list) && task->sysvsem.undo_list)
		return true;
	return bpf_core_field_exists(cred->session_keyring) &&
	       (cred->session_keyring || cred->thread_keyring || cred->process_keyring);
}

static __always_inline bool has_timers(struct task_struct *task)
{
	struct signal_struct___list *listed = (void *)task->signal;
	struct signal_struct___hlist *hashed = (void *)task->signal;

	if (bpf_core_field_exists(hashed->posix_timers.first))
		return hashed->posix_timers.first;
	return as_number(listed->posix_timers.next) !=
	       as_number(__builtin_preserve_access_index(&listed->posix_timers));
}

static __always_inline __u32 number_of(struct pid *pid)
{
	__u64 address = as_number(pid);
	__u32 level = caller.level;

	return address ? BPF_CORE_READ(pid_slot((struct pid *)address, level), nr) : 0;
}

/* Inside the same namespaces as the caller? Compared as loads: most are the very same nsproxy. */
static __always_inline bool is_at_home(struct task_struct *task, struct task_struct *own)
{
	struct nsproxy *theirs = task->nsproxy, *ours = own->nsproxy;

	if (!theirs || !ours)
		return false;
	glance.net = as_number(theirs->net_ns);
	if (task->real_cred->user_ns != own->real_cred->user_ns)
		return false;
	if (as_number(theirs->pid_ns_for_children) != caller.pid_ns ||
	    task->thread_pid->level != caller.level)
		return false;
	if (bpf_core_type_exists(struct time_namespace) &&
	    theirs->time_ns != theirs->time_ns_for_children)
		return false;
	if (theirs == ours)
		return true;
	if (theirs->uts_ns != ours->uts_ns || theirs->mnt_ns != ours->mnt_ns ||
	    theirs->net_ns != ours->net_ns || theirs->cgroup_ns != ours->cgroup_ns)
		return false;
	if (bpf_core_type_exists(struct ipc_namespace) && theirs->ipc_ns != ours->ipc_ns)
		return false;
	return !bpf_core_type_exists(struct time_namespace) || theirs->time_ns == ours->time_ns;
}

/* TIF_* that the caller has not, syscall user dispatch, and other cores' cookies. */
static __always_inline bool is_marked(struct task_struct *task, struct task_struct *own)
{
	struct task_struct___entry *theirs = (void *)task, *ours = (void *)own;
	struct task_struct___core *core = (void *)task;
	__u64 bit;

	if (bpf_core_field_exists(theirs->thread_info.flags) &&
	    theirs->thread_info.flags & ~ours->thread_info.flags & control.rare_flags)
		return true;
	if (bpf_core_field_exists(core->core_cookie) && core->core_cookie)
		return true;
	if (!bpf_core_field_exists(theirs->thread_info.syscall_work) ||
	    !bpf_core_field_exists(theirs->syscall_dispatch))
		return false;
	bit = bpf_core_enum_value(enum syscall_work_bit___entry,
				  SYSCALL_WORK_BIT_SYSCALL_USER_DISPATCH___entry);
	return theirs->thread_info.syscall_work >> bit & 1;
}

static __always_inline bool is_odd_memory(struct mm_struct *mm)
{
	struct mm_struct___context *arch = (void *)mm;

	if (bpf_core_field_exists(mm->ioctx_table) && mm->ioctx_table)
		return true;
	return bpf_core_field_exists(arch->context.flags) && arch->context.flags & 1;
}

/* All in loads: is there anything that a judge of tasks might ask about? */
static __always_inline bool is_odd_task(struct task_struct *task, struct task_struct *own)
{
	struct task_struct *leader = task->group_leader;
	struct mm_struct *mm = task->mm;

	if (task->exit_state || !mm || !task->files || !task->fs || !task->sighand || task->ptrace)
		return true;
	if (bpf_core_field_exists(task->mempolicy) && task->mempolicy)
		return true;
	if (bpf_core_field_exists(task->seccomp.mode) && task->seccomp.mode)
		return true;
	/* what else its credentials say, a security label among it, user space asks of leaders alone */
	if (task->real_cred != leader->real_cred)
		return true;
	if (task->policy > POLICY_EXT || task->personality != leader->personality ||
	    task->mm != leader->mm || task->files != leader->files || task->fs != leader->fs)
		return true;
	return is_odd_memory(mm) || is_marked(task, own) || !is_at_home(task, own);
}

/* What only its threads may use: if others do, they are as many more. */
static __always_inline bool is_shared(struct task_struct *task)
{
	__u32 n = task->signal->nr_threads;

	return task->fs->users != n || task->files->count.counter != n ||
	       task->sighand->count.refs.counter != n;
}

static long send_fresh(struct task_struct *task, struct vm_area_struct *vma, void *unused)
{
	struct twin_key key = {};

	/* as in show_vma: what it was when its place was noted, it may be no longer */
	if (!vma_key(vma, &key) || twin_find(&vma_twins, &key))
		return 0;
	vma_at = (__u64)vma;
	clear(&vma_now.record);
	vma_now.record.shape = twin_next(&vma_twins);
	if (send_vma(vma))
		glance.is_full = 1;
	else
		twin_remember(&vma_twins, &key);
	return 0;
}

static long walk_vmas(struct task_struct *task, struct vm_area_struct *vma, void *unused)
{
	glance_vmas();
	return 0;
}

static __always_inline void look_at_leader(struct task_struct *task)
{
	struct files_struct *files = task->files;
	struct mm_struct *mm = task->mm;
	struct fdtable *fdt;
	__u32 i;

	if (!files || !mm)
		return;
	fdt = files->fdt;
	if (!fdt)
		return;
	glance.files = as_number(files);
	glance.mm = as_number(mm);
	glance.fds = as_number(fdt->fd);
	glance.max_fds = fdt->max_fds;
	glance_files();
	if (glance.doubts || glance.is_full)
		return;
	/* its stack is always mapped; around the call the mappings stay as they are */
	if (bpf_find_vma(task, mm->start_stack, walk_vmas, NULL, 0))
		glance.doubts |= GLANCE_VMAS;
	for (i = 0; i < GLANCE_VMAS_SENT; i++)
		if (i < glance.n_fresh && !glance.is_full)
			bpf_find_vma(task, glance.fresh[i], send_fresh, NULL, 0);
}

static __always_inline __u32 file_span(void)
{
	__u32 size = span_to(0, struct file, f_mode, sizeof(__u32));

	size = span_to(size, struct file, f_op, sizeof(__u64));
	size = span_to(size, struct file, private_data, sizeof(__u64));
	size = span_to(size, struct file, f_inode, sizeof(__u64));
	size = span_to(size, struct file, f_flags, sizeof(__u32));
	size = span_to(size, struct file, f_path, sizeof(struct path));
	if (!bpf_core_field_exists(struct file___owner, f_owner))
		return span_to(size, struct file, f_owner, sizeof(__u64));
	size = span_to(size, struct file___owner, f_owner.pid, sizeof(__u64));
	return span_to(size, struct file___owner, f_owner.signum, sizeof(__u32));
}

/* Shown again, it is the same try or the next. */
static __always_inline void begin(struct task_struct *task)
{
	__u64 address = as_number(task);

	if (glance.task != address || view.pass != control.pass)
		glance.tries = 0;
	glance.task = address;
	glance.file_span = file_span();
	glance.doubts = glance.n_pending = glance.is_full = glance.n_fds = glance.n_fresh = 0;
	control.object = control.part = control.next = control.done = 0;
	learn_caller();
}

#define MOST_TRIES 1000

SEC("crbpf/glance")
int crbpf_glance(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task, *own = bpf_get_current_task_btf();
	struct glance_record *r = &glance_now;
	bool is_leader;

	if (!task || task->flags & 0x00200000 /* PF_KTHREAD */)
		return 0;
	is_leader = task->pid == task->tgid;
	begin(task);
	clear(r);
	r->tgid = view.tgid = number_of(task->group_leader->thread_pid);
	if (control.flags & CONTROL_FILTER && !bpf_map_lookup_elem(&wanted, &view.tgid))
		return 0;
	r->tid = view.tid = number_of(task->thread_pid);
	if (is_odd_task(task, own) || landlock_domain((void *)as_number(task->real_cred)))
		glance.doubts |= GLANCE_TASK;
	else if (has_rarities(task))
		glance_task();
	if (is_leader) {
		r->parent = number_of(task->real_parent->group_leader->thread_pid);
		r->pgid = number_of(task->signal->pids[PIDTYPE_PGID]);
		r->sid = number_of(task->signal->pids[PIDTYPE_SID]);
		r->mm = as_number(task->mm);
		r->n_threads = task->signal->nr_threads;
		bpf_probe_read_kernel(r->comm, sizeof(r->comm), task->comm);
		if (task->signal->tty || task->cgroups != own->cgroups ||
		    has_timers(task))
			glance.doubts |= GLANCE_PROCESS;
		if (!glance.doubts && is_shared(task))
			glance.doubts |= GLANCE_PROCESS;
		if (!glance.doubts)
			look_at_leader(task);
		if (task->mm && task->mm->mm_users.counter != r->n_threads)
			r->doubts |= GLANCE_MM;
	}
	if (glance.is_full || (glance.n_pending && !glance.doubts)) {
		control.object = 0;
		if (glance.is_full || glance.tries++ < MOST_TRIES)
			return 1;
		glance.doubts |= GLANCE_FILES | GLANCE_VMAS;
	}
	r->doubts |= glance.doubts;
	r->n_fds = glance.n_fds;
	return stream_send(&r->head, RECORD_GLANCE, as_number(task->signal), sizeof(*r), false);
}
