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

/* The caller, whose namespaces everybody is compared with: addresses. */
struct caller {
	__u64 pid_ns, user_ns, nsproxy;
	__u64 uts_ns, mnt_ns, net_ns, cgroup_ns, ipc_ns, time_ns;
	__u32 level, pass;
} caller;

/*
 * A pointer that is loaded from one which the verifier trusts costs it several searches of all the
 * kernel's types, a millisecond each. So few are: most are read as numbers.
 */
static __always_inline struct task_struct *glanced(void)
{
	return (struct task_struct *)glance.task;
}

static __always_inline void learn_namespaces(struct task_struct *own)
{
	struct nsproxy *nsproxy = BPF_CORE_READ(own, nsproxy);

	caller.nsproxy = (__u64)nsproxy;
	caller.uts_ns = (__u64)BPF_CORE_READ(nsproxy, uts_ns);
	caller.mnt_ns = (__u64)BPF_CORE_READ(nsproxy, mnt_ns);
	caller.net_ns = (__u64)BPF_CORE_READ(nsproxy, net_ns);
	caller.cgroup_ns = (__u64)BPF_CORE_READ(nsproxy, cgroup_ns);
	caller.ipc_ns = caller.time_ns = 0;
	if (bpf_core_type_exists(struct ipc_namespace))
		caller.ipc_ns = (__u64)BPF_CORE_READ(nsproxy, ipc_ns);
	if (bpf_core_type_exists(struct time_namespace))
		caller.time_ns = (__u64)BPF_CORE_READ(nsproxy, time_ns);
}

static __always_inline void learn_caller(void)
{
	struct task_struct *own = (struct task_struct *)bpf_get_current_task();
	struct pid *pid;
	__u32 level;

	if (caller.pass == control.pass)
		return;
	caller.pass = control.pass;
	pid = BPF_CORE_READ(own, thread_pid);
	caller.level = level = BPF_CORE_READ(pid, level);
	caller.pid_ns = (__u64)BPF_CORE_READ(pid_slot(pid, level), ns);
	caller.user_ns = (__u64)BPF_CORE_READ(own, real_cred, user_ns);
	learn_namespaces(own);
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
	struct cred___keys *cred = (void *)BPF_CORE_READ(task, real_cred);

	if (bpf_core_field_exists(task->sysvsem.undo_list) && BPF_CORE_READ(task, sysvsem.undo_list))
		return true;
	return bpf_core_field_exists(cred->session_keyring) &&
	       (BPF_CORE_READ(cred, session_keyring) || BPF_CORE_READ(cred, thread_keyring) ||
		BPF_CORE_READ(cred, process_keyring));
}

static __always_inline bool has_timers(struct signal_struct *signal)
{
	struct signal_struct___list *listed = (void *)signal;
	struct signal_struct___hlist *hashed = (void *)signal;

	if (bpf_core_field_exists(hashed->posix_timers.first))
		return hashed->posix_timers.first;
	return as_number(listed->posix_timers.next) !=
	       as_number(__builtin_preserve_access_index(&listed->posix_timers));
}

static __always_inline __u32 number_of(__u64 pid)
{
	__u32 level = caller.level;

	return pid ? BPF_CORE_READ(pid_slot((struct pid *)pid, level), nr) : 0;
}

/* Inside the same namespaces as the caller? Most have the very same nsproxy. */
static __always_inline bool is_at_home(struct task_struct *task)
{
	struct nsproxy *theirs = task->nsproxy;

	if (!theirs)
		return false;
	glance.net = as_number(theirs->net_ns);
	if ((__u64)BPF_CORE_READ(task, real_cred, user_ns) != caller.user_ns)
		return false;
	if (as_number(theirs->pid_ns_for_children) != caller.pid_ns ||
	    BPF_CORE_READ(task, thread_pid, level) != caller.level)
		return false;
	if (bpf_core_type_exists(struct time_namespace) &&
	    theirs->time_ns != theirs->time_ns_for_children)
		return false;
	if (as_number(theirs) == caller.nsproxy)
		return true;
	if (as_number(theirs->uts_ns) != caller.uts_ns || as_number(theirs->mnt_ns) != caller.mnt_ns ||
	    glance.net != caller.net_ns || as_number(theirs->cgroup_ns) != caller.cgroup_ns)
		return false;
	if (bpf_core_type_exists(struct ipc_namespace) && as_number(theirs->ipc_ns) != caller.ipc_ns)
		return false;
	return !bpf_core_type_exists(struct time_namespace) ||
	       as_number(theirs->time_ns) == caller.time_ns;
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
	struct mm_struct___keys *keys = (void *)mm;

	if (bpf_core_field_exists(mm->ioctx_table) && mm->ioctx_table)
		return true;
	/* the first one is everybody's; those of x86 are carried, which alone has one for code */
	if (bpf_core_field_exists(keys->context.pkey_allocation_map) &&
	    !bpf_core_field_exists(keys->context.execute_only_pkey) &&
	    keys->context.pkey_allocation_map > 1)
		return true;
	return bpf_core_field_exists(arch->context.flags) && arch->context.flags & 1;
}

/*
 * What its leader says for all threads: what else its credentials have, a security label among it,
 * user space asks of leaders alone.
 */
static __always_inline bool is_unlike_leader(struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	return BPF_CORE_READ(task, real_cred) != BPF_CORE_READ(leader, real_cred) ||
	       BPF_CORE_READ(task, mm) != BPF_CORE_READ(leader, mm) ||
	       BPF_CORE_READ(task, files) != BPF_CORE_READ(leader, files) ||
	       BPF_CORE_READ(task, fs) != BPF_CORE_READ(leader, fs) ||
	       task->personality != BPF_CORE_READ(leader, personality);
}

/* Is there anything that a judge of tasks might ask about? */
static __always_inline bool is_odd_task(struct task_struct *task, struct mm_struct *mm,
					struct task_struct *own)
{
	if (task->exit_state || !mm || task->ptrace || task->policy > POLICY_EXT)
		return true;
	if (bpf_core_field_exists(task->mempolicy) && BPF_CORE_READ(task, mempolicy))
		return true;
	if (bpf_core_field_exists(task->seccomp.mode) && task->seccomp.mode)
		return true;
	if (task->pid != task->tgid && is_unlike_leader(task))
		return true;
	return is_odd_memory(mm) || is_marked(task, own) || !is_at_home(task);
}

/* What only its @n threads may use: if others do, they are as many more. What is gone nobody uses. */
static __always_inline bool is_shared(struct task_struct *task, __s32 n)
{
	return BPF_CORE_READ(task, fs, users) != n || BPF_CORE_READ(task, files, count.counter) != n ||
	       BPF_CORE_READ(task, sighand, count.refs.counter) != n;
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

struct shown_task {
	struct task_struct *task;
};

/* One call for all: a verifier of 6.1 follows the callback of each call anew. */
static long send_next(__u32 i, struct shown_task *shown)
{
	if (glance.is_full)
		return 1;
	bpf_find_vma(shown->task, glance.fresh[i & (GLANCE_VMAS_SENT - 1)], send_fresh, NULL, 0);
	return 0;
}

static long walk_vmas(struct task_struct *task, struct vm_area_struct *vma, void *unused)
{
	glance_vmas();
	return 0;
}

static __always_inline void look_at_leader(struct task_struct *task, struct mm_struct *mm)
{
	struct shown_task shown = {task};
	struct files_struct *files = BPF_CORE_READ(task, files);
	struct fdtable *fdt = BPF_CORE_READ(files, fdt);

	if (!files || !fdt)
		return;
	glance.files = (__u64)files;
	glance.mm = as_number(mm);
	glance.fds = (__u64)BPF_CORE_READ(fdt, fd);
	glance.max_fds = BPF_CORE_READ(fdt, max_fds);
	glance_files();
	if (glance.doubts || glance.is_full)
		return;
	/* its stack is always mapped; around the call the mappings stay as they are */
	if (bpf_find_vma(task, mm->start_stack, walk_vmas, NULL, 0))
		glance.doubts |= GLANCE_VMAS;
	bpf_loop(glance.n_fresh, send_next, &shown, 0);
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

static __always_inline void glance_leader(struct task_struct *task, struct mm_struct *mm)
{
	struct glance_record *r = &glance_now;
	struct signal_struct *signal = task->signal;

	r->parent = number_of((__u64)BPF_CORE_READ(task, real_parent, group_leader, thread_pid));
	r->pgid = number_of(as_number(signal->pids[PIDTYPE_PGID]));
	r->sid = number_of(as_number(signal->pids[PIDTYPE_SID]));
	r->mm = as_number(mm);
	r->n_threads = signal->nr_threads;
	r->css_set = (__u64)BPF_CORE_READ(task, cgroups);
	bpf_probe_read_kernel(r->comm, sizeof(r->comm), task->comm);
	if (signal->tty || has_timers(signal) || (!glance.doubts && is_shared(task, r->n_threads)))
		glance.doubts |= GLANCE_PROCESS;
	if (!mm)
		return;
	if (!glance.doubts)
		look_at_leader(task, mm);
	if (mm->mm_users.counter != r->n_threads)
		r->doubts |= GLANCE_MM;
}

#define MOST_TRIES 1000

SEC("crbpf/glance")
int crbpf_glance(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task, *own = bpf_get_current_task_btf();
	struct glance_record *r = &glance_now;
	struct mm_struct *mm;

	if (!task || task->flags & 0x00200000 /* PF_KTHREAD */)
		return 0;
	begin(task);
	clear(r);
	r->tgid = view.tgid = number_of((__u64)BPF_CORE_READ(task, group_leader, thread_pid));
	if (control.flags & CONTROL_FILTER && !bpf_map_lookup_elem(&wanted, &view.tgid))
		return 0;
	r->tid = view.tid = number_of((__u64)BPF_CORE_READ(task, thread_pid));
	r->landlock = landlock_domain(BPF_CORE_READ(task, real_cred));
	mm = task->mm;
	if (is_odd_task(task, mm, own) || r->landlock ||
	    control.landlock_state == CONTROL_LANDLOCK_TRIAL)
		glance.doubts |= GLANCE_TASK;
	else if (has_rarities(task))
		glance_task();
	if (task->pid == task->tgid)
		glance_leader(task, mm);
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
