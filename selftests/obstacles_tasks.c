// SPDX-License-Identifier: GPL-2.0-only
/* What tasks have and cannot be carried. Run by cases/refusals.py with names: obstacles.h. */
#include "obstacles.h"

#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sem.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static int make_network_namespace(void)
{
	return unshare(CLONE_NEWNET);
}

static int make_mount_namespace(void)
{
	return unshare(CLONE_NEWNS);
}

static int make_ipc_namespace(void)
{
	return unshare(CLONE_NEWIPC);
}

static int make_uts_namespace(void)
{
	return unshare(CLONE_NEWUTS);
}

/* A child traced by this process. */
static int make_traced(void)
{
	pid_t pid = subject_fork();

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		pause();
	}
	return pid > 0 && waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

/* A child that waits in vfork for its own: the kernel does not let it stop. */
static int make_vfork(void)
{
	volatile int *is_up = subject_shared(4096);

	if (subject_fork() == 0) {
		if (vfork() == 0) {
			*is_up = 1;
			for (;;)
				pause();
		}
		_exit(0);
	}
	return subject_await(*is_up) ? 0 : -1;
}

/* Kernel asynchronous IO. */
static int make_aio(void)
{
	static unsigned long context;

	return syscall(SYS_io_setup, 8, &context);
}

static int make_time_namespace(void)
{
	return unshare(CLONE_NEWTIME);
}

static int make_pid_namespace(void)
{
	return unshare(CLONE_NEWPID);
}

/* A child whose first thread has ended, while another runs. */
static void *run_on(void *arg)
{
	*(volatile int *)arg = 1;
	for (;;)
		pause();
	return arg;
}

static int make_headless(void)
{
	volatile int *is_up = subject_shared(4096);
	pthread_t t;

	if (subject_fork() == 0) {
		pthread_create(&t, NULL, run_on, (void *)is_up);
		syscall(SYS_exit, 0);
	}
	return subject_await(*is_up) ? 0 : -1;
}

/* Threads with a directory, and with descriptors, of their own. */
static void *unshare_and_run(void *arg)
{
	volatile int *flags = arg;

	if (unshare(*flags))
		*flags = -1;
	else
		*flags = 0;
	for (;;)
		pause();
	return arg;
}

static int make_unsharing_thread(int flag)
{
	static volatile int flags;
	pthread_t t;

	flags = flag;
	pthread_create(&t, NULL, unshare_and_run, (void *)&flags);
	return subject_await(flags != flag) && !flags ? 0 : -1;
}

static int make_thread_directory(void)
{
	return make_unsharing_thread(CLONE_FS);
}

static int make_thread_descriptors(void)
{
	return make_unsharing_thread(CLONE_FILES);
}

/* Processes that share memory, and signal handlers with it. */
static int idle(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return 0;
}

static int make_shared_memory(void)
{
	static char stack[65536] __attribute__((aligned(16)));

	return clone(idle, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL) > 0 ? 0 : -1;
}

static int make_shared_handlers(void)
{
	static char stack[65536] __attribute__((aligned(16)));

	return clone(idle, stack + sizeof(stack), CLONE_VM | CLONE_SIGHAND | SIGCHLD, NULL) > 0 ? 0 : -1;
}

static int semaphore = -1;

static void remove_semaphore(void)
{
	semctl(semaphore, 0, IPC_RMID);
}

static int make_semaphore_undo(void)
{
	struct sembuf up = {0, 1, SEM_UNDO};

	semaphore = semget(IPC_PRIVATE, 1, 0600);
	subject_say("semaphores", "%d", semaphore);
	atexit(remove_semaphore);
	return semaphore < 0 ? -1 : semop(semaphore, &up, 1);
}

/* A filter that asks a supervisor. */
static int make_seccomp_listener(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_acct, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {sizeof(filter) / sizeof(filter[0]), filter};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
}

static int make_landlock(void)
{
	const struct landlock_ruleset_attr attr = {
		.handled_access_fs = LANDLOCK_ACCESS_FS_MAKE_SYM,
	};
	int ruleset = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

	if (ruleset < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_landlock_restrict_self, ruleset, 0))
		return -1;
	close(ruleset);
	return 0;
}

/* Keyrings by their special numbers: -1 the thread's, -2 the process's, -3 the session's. */
static int make_key(int ring)
{
	return syscall(SYS_add_key, "user", "crbpf:secret", "x", 1UL, ring) < 0 ? -1 : 0;
}

static int make_thread_key(void)
{
	return make_key(-1);
}

/* Named like a user's keyring, and like what systemd keeps in a session's. */
static int make_users_name(void)
{
	return syscall(SYS_add_key, "user", "_uid.0", "x", 1UL, -2) < 0 ? -1 : 0;
}

static int make_users_ring(void)
{
	return syscall(SYS_add_key, "keyring", "_uid.0", NULL, 0UL, -2) < 0 ? -1 : 0;
}

static int make_invocation(void)
{
	if (syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, NULL) < 0)
		return -1;
	return syscall(SYS_add_key, "user", "invocation", "x", 1UL, -3) < 0 ? -1 : 0;
}

static int make_thread_invocation(void)
{
	return syscall(SYS_add_key, "user", "invocation_id", "x", 1UL, -1) < 0 ? -1 : 0;
}

static int make_process_key(void)
{
	return make_key(-2);
}

static int make_session_key(void)
{
	return syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, NULL) < 0 ? -1 : make_key(-3);
}

static const struct obstacle obstacles[] = {
	{"network_namespace", make_network_namespace},
	{"mount_namespace", make_mount_namespace},
	{"ipc_namespace", make_ipc_namespace},
	{"uts_namespace", make_uts_namespace},
	{"traced", make_traced},
	{"vfork", make_vfork},
	{"aio", make_aio},
	{"time_namespace", make_time_namespace},
	{"pid_namespace", make_pid_namespace},
	{"headless", make_headless},
	{"thread_directory", make_thread_directory},
	{"thread_descriptors", make_thread_descriptors},
	{"shared_memory", make_shared_memory},
	{"shared_handlers", make_shared_handlers},
	{"semaphore_undo", make_semaphore_undo},
	{"seccomp_listener", make_seccomp_listener},
	{"landlock", make_landlock},
	{"thread_key", make_thread_key},
	{"process_key", make_process_key},
	{"session_key", make_session_key},
	{"users_name", make_users_name},
	{"users_ring", make_users_ring},
	{"invocation", make_invocation},
	{"thread_invocation", make_thread_invocation},
};

int main(int argc, char **argv)
{
	return obstacles_main(obstacles, sizeof(obstacles) / sizeof(obstacles[0]), argc, argv);
}
