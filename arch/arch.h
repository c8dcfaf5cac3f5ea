/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_ARCH_H
#define CRBPF_ARCH_H

/*
 * All that differs between processors. Nothing outside arch/ tests for one.
 *
 * To add a processor, make a folder beside x86/ and arm64/ with the same files:
 *  1. engine.S  the engine's page: run a list of system calls, then trap
 *  2. regs.c    the table of regsets; program counter, stack pointer, system call
 *               number, arguments and result inside NT_PRSTATUS; rewinding of calls
 *  3. core.c    regsets to and from the image's CoreEntry
 *  4. vdso.c    where the vDSO may be put and how
 *  5. cpu.c     what the processor offers to programs
 *  6. features.c what of that an image records, and what another processor lacks of it
 *  7. frame.c   signal frames, and instructions of programs: see frame.h
 *  8. tags.c    tags that memory may have
 *  9. keys.c    protection keys that memory may have
 * 10. pattern.h values for all registers, for the tests
 */

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct arena;
struct buf;
struct error;
typedef struct CoreEntry CoreEntry;
typedef struct CpuinfoEntry CpuinfoEntry;

/* One register set as the kernel keeps it: PTRACE_GETREGSET of @note. */
struct regset {
	unsigned int note; /* NT_* */
	size_t size;       /* bytes the kernel gave; 0: this task or kernel has none */
	void *data;        /* owned by struct regs */
};

#define ARCH_REGSETS_MAX 16
/* All register sets of a thread, general registers first. */
struct regs {
	struct regset set[ARCH_REGSETS_MAX];
	size_t n;
};

/* --- regs.c ------------------------------------------------------------- */

/* Learns of the processor what takes time to learn, before anything stands still. */
void regs_prepare(void);
/*
 * Reads every regset of arch_regsets[] that thread @tid (in a ptrace stop) has.
 * Returns 0 or -errno; @regs then holds nothing. regs_deinit frees it.
 */
int regs_get(struct regs *regs, pid_t tid, struct error *err);
/* The general registers alone: what the engine and regs_prepare_* need. */
int regs_get_general(struct regs *regs, pid_t tid, struct error *err);
/* Writes them back, in table order, skipping sets of size 0. Returns 0 or -errno. */
int regs_set(const struct regs *regs, pid_t tid, struct error *err);
/* The general registers alone, of those in @regs. */
int regs_set_general(const struct regs *regs, pid_t tid, struct error *err);
void regs_deinit(struct regs *regs);
/* A copy of the general registers of @from, to be freed by regs_deinit. Returns 0 or -ENOMEM. */
int regs_copy_general(struct regs *to, const struct regs *from);
/* The set of @note, or NULL. */
struct regset *regs_find(const struct regs *regs, unsigned int note);

/* What a call returns inside the kernel while it waits to be restarted; in no uapi header. */
#define ERESTARTSYS           512
#define ERESTARTNOINTR        513
#define ERESTARTNOHAND        514
#define ERESTART_RESTARTBLOCK 516

/* The general registers, read and written inside a struct regs. */
__u64 regs_pc(const struct regs *regs);
__u64 regs_sp(const struct regs *regs);
void regs_set_pc(struct regs *regs, __u64 pc);
void regs_set_sp(struct regs *regs, __u64 sp);
/*
 * The call the thread is in (arm64: or is about to make), or -1 if it was stopped
 * elsewhere. A sleep that was stopped before shows as restart_syscall.
 */
long regs_syscall_nr(const struct regs *regs);
__u64 regs_syscall_arg(const struct regs *regs, unsigned int n);
/* Result register as a signed number: -ERESTART* while a call waits to be restarted. */
long regs_syscall_result(const struct regs *regs);

/*
 * Changes the registers as the kernel would on the way back to user space if a
 * call is to be restarted: -ERESTARTSYS, NOINTR and NOHAND execute it again,
 * -ERESTART_RESTARTBLOCK becomes -EINTR (as CRIU stores it). Others stay.
 * Returns the -ERESTART* code found, or 0. On arm64 the kernel has rewound the
 * registers before anybody sees them and nothing changes: -ERESTART_RESTARTBLOCK
 * is then returned for every call that may have left a restart block; whether it
 * did, the task's own restart block tells (record_restart.fn).
 */
long regs_rewind_syscall(struct regs *regs);
/*
 * A call that ended in -EINTR, and the thread is still in the stop that caused it:
 * makes the result -ERESTARTNOHAND, so that the kernel (or regs_rewind_syscall)
 * executes it again, unless a handler runs first; or (arm64) makes the registers
 * those of before the call. False: it did not end so, a signal is pending, or the
 * kernel hides the first argument (arm64 under Linux 7) and nobody has told it.
 */
bool regs_repeat_syscall(struct regs *regs);
/* The first argument of that call, as record_marks has it. Means nothing where the registers show it. */
void regs_tell_first(struct regs *regs, __u64 first);
/* Changes an argument of the call that regs_syscall_nr tells, which is to be executed again. */
void regs_set_syscall_arg(struct regs *regs, unsigned int n, __u64 value);
/* The call that was to be restarted is over: the thread goes on behind it with @result. */
void regs_end_syscall(struct regs *regs, long result);
/*
 * Prepares the general registers so that a thread in a syscall-exit or interrupt
 * stop of a call that ended in -ERESTART_RESTARTBLOCK goes on sleeping when it is
 * resumed: original registers of @regs, which the image stored rewound by
 * regs_rewind_syscall with call number @nr.
 */
void regs_rearm_syscall(struct regs *regs, long nr);
/*
 * Address of the instruction of the call that regs_rearm_syscall continues: where
 * injected_sleep must have executed it, for some processors want to find it there.
 */
__u64 regs_syscall_pc(const struct regs *regs);
/* Registers with which a thread at a system-call instruction @pc executes @nr. */
void regs_prepare_syscall(struct regs *regs, __u64 pc, long nr, const __u64 args[6]);
/* If the pc lies in [start, start + length) of an rseq section it moves to @abort_ip. */
void regs_leave_rseq(struct regs *regs, __u64 start, __u64 length, __u64 abort_ip);

/* --- core.c ------------------------------------------------------------- */

/* Bytes pointed to by the entry belong to it: core_entry__free_unpacked frees them. */
int arch_core_from_regs(CoreEntry *core, const struct regs *regs, __u64 clear_tid_addr,
			struct error *err);
/* Checks sizes and counts first: a wrong image ends in an error, never in wild memory. */
int arch_regs_from_core(struct regs *regs, const CoreEntry *core, struct error *err);
/*
 * Bits of thread_info.flags that tell something rare, which may be what PR_SET_TSC or CPUID
 * faulting set: they moved between kernels (user/learn.h). The others come and go all the time.
 */
__u64 arch_rare_thread_flags(void);
/* The system call by which a task has CPUID raise SIGSEGV; false: this processor has no such thing. */
bool arch_cpuid_faults_call(long *ret_nr, __u64 ret_args[2]);

/* The call by which a process asks for a register state that is not for everybody (AMX). */
bool arch_permission_call(__u32 state, long *ret_nr, __u64 ret_args[2]);
/* The highest such state in @xfeatures (struct record_marks); 0: none. */
__u32 arch_permission_of(__u64 xfeatures);

/* The mtype that this build writes and accepts. */
int arch_core_machine(void);
/* clear_tid_addr of a leader's or thread's core. */
__u64 arch_core_clear_tid(const CoreEntry *core);

/* --- vdso.c ------------------------------------------------------------- */

/* Where the kernel put the vDSO and its data in process @pid; sizes 0 if there is none. */
struct vdso {
	__u64 vvar, vvar_size; /* all data mappings together; they come first */
	__u64 text, text_size;
};

struct batch;
/*
 * Adds to @batch the calls that bring the task's vDSO, now at @from, to @to (same
 * sizes, same kernel). Both may be equal. Returns 0 or -errno.
 */
int arch_vdso_move(struct batch *batch, const struct vdso *from, const struct vdso *to,
		   struct error *err);

/* Instructions, up to the most that the functions below make. */
#define ARCH_CODE_MAX 32
struct arch_code {
	size_t size;
	unsigned char bytes[ARCH_CODE_MAX];
};

/* A jump to what lies @distance bytes from it, less than 1 MB: it takes the place of a function's start. */
void arch_vdso_jump(struct arch_code *ret, __s64 distance);
/* A jump to any address @to, 8-byte aligned itself, that changes no register a callee must keep. */
void arch_vdso_far_jump(struct arch_code *ret, __u64 to);
/*
 * What does the work of the vDSO's function @name by its system call; false if it is
 * none that has one.
 */
bool arch_vdso_system_call(struct arch_code *ret, const char *name);

/* --- cpu.c -------------------------------------------------------------- */

/* Lowest and highest address a mapping may have, found at run time where it varies. */
__u64 arch_task_size(void);
/* Offset in code at @text, @size bytes, of a system-call instruction; -1 if there is none. */
ssize_t arch_find_syscall(const void *text, size_t size);

/*
 * Does the processor, and the kernel, let programs use @feature (a short name in lower
 * case, as user/check/cpu.c lists them)? 1 or 0; -ENOENT if it belongs to another
 * architecture. A @ret_size is set for features whose state has a size that varies, in bytes.
 */
int arch_cpu_has(const char *feature, unsigned int *ret_size);
/* PROT_* beside the usual three that a mapping with these VM_* of the kernel had, and that this
 * processor knows. */
int arch_vma_prot(__u64 vm_flags);
/* Can the vDSO be mapped anew, rather than moved? 0; -EOPNOTSUPP if no kernel can here; or -errno. */
int arch_can_map_vdso(void);

/* --- tags.c ------------------------------------------------------------- */

/* Bytes of memory that have one tag, and bits of a tag. */
#define ARCH_TAG_GRANULE 16
#define ARCH_TAG_BITS    4

/* Has a mapping with this vm_page_prot (vma_record.prot) memory tags? */
bool arch_vma_has_tags(__u64 page_prot);
/* What mmap and mprotect want for such a mapping; 0 if it cannot be had here. */
int arch_tagged_prot(void);
/*
 * The tags of @n granules from @start on, a byte each, of a thread in a ptrace stop, all in
 * one mapping. Memory that is not there is made. 0 or -errno.
 */
int arch_tags_read(pid_t tid, __u64 start, unsigned char *tags, size_t n);
int arch_tags_write(pid_t tid, __u64 start, const unsigned char *tags, size_t n);

/* --- keys.c ------------------------------------------------------------- */

/* Has it been proven that protection keys come back? */
bool arch_carries_keys(void);
/* The protection key of a mapping with this vm_page_prot (vma_record.prot): 0 is that of all memory. */
unsigned int arch_vma_key(__u64 page_prot);
/*
 * Lets this thread, and those whom it clones, use memory of all keys. Returns what
 * arch_restore_keys puts back: a register, 0 if there is none.
 */
__u64 arch_open_keys(void);
void arch_restore_keys(__u64 before);
/* May a thread with these registers not use memory without a key? */
bool arch_denies_plain_memory(const struct regs *regs);

/* --- features.c --------------------------------------------------------- */

/* What of two processors is compared: CRIU's words for it are those of --cpu-cap. */
enum cpu_cap {
	CPU_CAP_FPU = 1,   /* size and parts of the register state */
	CPU_CAP_CPU = 2,   /* everything: the same model */
	CPU_CAP_INS = 4,   /* instructions that programs can have seen */
	CPU_CAP_IMAGE = 8, /* the image must tell */
	CPU_CAP_DEFAULT = CPU_CAP_FPU | CPU_CAP_INS,
	CPU_CAP_ALL = 15,
};

/* Says in @entry what this processor lets programs use; pieces are from @arena. 0 or -ENOMEM. */
int arch_cpuinfo_fill(CpuinfoEntry *entry, struct arena *arena);
/*
 * Appends to @ret, as words parted by ", ", what programs of @then may use or have seen
 * and @now lacks, or how they differ, by the CPU_CAP_* of @caps. An entry without a part
 * for this architecture lacks nothing. 0 or -ENOMEM.
 */
int arch_cpuinfo_compare(const CpuinfoEntry *then, const CpuinfoEntry *now, unsigned int caps,
			 struct buf *ret);

/* --- engine.S ----------------------------------------------------------- */

/* Position-independent code of less than a page, to be copied. */
extern const char arch_engine[], arch_engine_end[];
/*
 * Offset in it at which a task enters with the address of a struct engine_list in
 * its first argument register.
 */
extern const char arch_engine_run[];
/* Offset of a bare system-call instruction in it. */
extern const char arch_engine_syscall[];

/* Puts a thread at arch_engine_run of an engine mapped at @engine, list at @list. */
void regs_prepare_engine(struct regs *regs, __u64 engine, __u64 list);

#endif
