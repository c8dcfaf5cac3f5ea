/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_BPF_COMMON_H
#define CRBPF_BPF_COMMON_H

/*
 * For the programs alone. A program fills a record that lies in .bss, so that its
 * functions need no arguments: a function that is global and takes only numbers is
 * verified once, not once for each call. For the same reason addresses of kernel
 * objects travel as __u64, through struct view, and are read by BPF_CORE_READ.
 *
 * The programs are iterators (iter/task …) under a section name that libbpf does not
 * know: user/collect/load.c says why.
 */

#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "control.h"
#include "flavour.h"
#include "record.h"

#ifndef NULL
#define NULL ((void *)0)
#endif

struct records_map {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, CONTROL_RING_SIZE);
};
extern struct records_map records SEC(".maps");

/* Processes asked for, when they are too many for an iterator each. */
struct wanted_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, CONTROL_MAX_WANTED);
	__type(key, __u32);
	__type(value, __u8);
};
extern struct wanted_map wanted SEC(".maps");

extern struct record_control control;

/* Addresses of what is being shown, and whose numbers a struct pid is given in. */
struct view {
	__u64 task, signal, file, inode;
	__u64 flight; /* the file in flight in the queue of @file */
	__u64 regs;   /* of user space, where record_marks wants something of them */
	__u64 caller_ns, task_ns;
	__u32 caller_level, task_level;
	__u32 tgid, tid; /* as the caller sees them */
	__s32 pid;       /* with @pass: of whom all this is */
	__u32 pass;
	__u32 is_unwanted;
};
extern struct view view;

/* Fills view for view.task. Returns 1 if it is none of those wanted. */
int view_task(void);

/* The numbers of a struct pid as the caller (low half) and the task in view (high half) see it. */
__u64 pid_numbers(__u64 pid);

/* When a queued hrtimer expires (ns, in its base), else 0. */
__u64 hrtimer_expires(__u64 hrtimer);

/* The entry of a struct pid for its namespace of this level. */
static __always_inline struct upid *pid_slot(struct pid *pid, __u32 level)
{
	void *first = __builtin_preserve_access_index(&pid->numbers[0]);

	return first + (__u64)level * bpf_core_type_size(struct upid);
}

static __always_inline void set_pid(struct record_pid *to, struct pid *pid)
{
	__u64 numbers = pid_numbers((__u64)pid);

	to->host = (__s32)numbers;
	to->virt = (__s32)(numbers >> 32);
}

/*
 * Turns to @task; is it wanted? An iterator shows one task's objects in a row, so nearly always
 * that has been found out before.
 */
static __always_inline bool turn_to(struct task_struct *task)
{
	__s32 pid = task->pid;

	if (view.task != (__u64)task || view.pid != pid || view.pass != control.pass) {
		view.task = (__u64)task;
		view.pid = pid;
		view.pass = control.pass;
		view.is_unwanted = view_task();
	}
	return !view.is_unwanted;
}

/* A kernel address that the verifier knows as a pointer becomes a number on its way through memory. */
#define as_number(pointer)                                                                         \
	({                                                                                         \
		volatile __u64 *slot_ = &view_number;                                              \
		*slot_ = (__u64)(pointer);                                                         \
		*slot_;                                                                            \
	})
extern __u64 view_number;

/* Begins the records of an object; @instance tells two shows of one object apart. */
static __always_inline void stream_begin(__u64 object, __u64 instance)
{
	if (control.object != object || control.instance != instance) {
		control.object = object;
		control.instance = instance;
		control.done = 0;
	}
	control.next = 0;
	control.part = 0;
}

/* All of them are in the ring. */
static __always_inline int stream_end(void)
{
	control.object = 0;
	return 0;
}

/*
 * Writes one record of the object, unless that was done before the ring was full.
 * Returns 1 if there is no room: the program then returns 1 too, and the kernel
 * shows the object again at the next read.
 */
static __always_inline int stream_send(struct record_head *head, __u32 type, __u64 owner,
				       __u64 size, bool is_part)
{
	head->type = type;
	head->size = size;
	head->owner = owner;
	head->pass = control.pass;
	head->part = control.part;
	control.part = is_part ? control.part + 1 : 0;
	if (control.next++ < control.done)
		return 0;
	if (control.flags & CONTROL_SHALLOW &&
	    bpf_ringbuf_query(&records, BPF_RB_AVAIL_DATA) > CONTROL_BACKLOG) {
		control.full++;
		return 1;
	}
	if (bpf_ringbuf_output(&records, head, size, BPF_RB_NO_WAKEUP)) {
		control.full++;
		return 1;
	}
	control.done++;
	control.sent[type & 31]++;
	return 0;
}

/* helpers that read nowhere fill the destination with zeros: one call clears any size */
#define clear(to) bpf_probe_read_kernel((to), sizeof(*(to)), NULL)

/* Copies a field whole, or as much of it as there is room for; the rest is zero. */
#define copy_field(to, room, from)                                                                 \
	({                                                                                         \
		__u32 size_ = bpf_core_field_size(from);                                           \
		bpf_probe_read_kernel((to), size_ < (room) ? size_ : (room),                       \
				      __builtin_preserve_access_index(&(from)));                   \
	})

#endif
