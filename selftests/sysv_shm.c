// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attached System V shared memory: read-write and read-only, by parent and child. The segment
 * itself belongs to the IPC namespace, which is not part of this checkpoint.
 */
#include "subject.h"

#include <sys/shm.h>

int main(void)
{
	size_t size = 16 * sysconf(_SC_PAGESIZE);
	int id = shmget(IPC_PRIVATE, size, IPC_CREAT | 0600);
	volatile unsigned char *p, *readonly;
	struct shmid_ds ds;
	pid_t pid;

	subject_need(id >= 0, "shmget: %m");
	subject_say("shm", "%d", id);
	p = shmat(id, NULL, 0);
	readonly = shmat(id, NULL, SHM_RDONLY);
	subject_need(p != (void *)-1 && readonly != (void *)-1, "shmat: %m");
	p[0] = 1;
	p[size - 1] = 0x33;
	pid = subject_fork();
	if (pid == 0) {
		subject_wait_restored();
		subject_check(subject_await(p[0] == 2), "the child sees %d", p[0]);
		p[1] = 4;
		_exit(0);
	}
	subject_ready();
	subject_wait_restored();

	subject_check(p[size - 1] == 0x33, "content changed: 0x%x", p[size - 1]);
	p[0] = 2;
	subject_check(readonly[0] == 2, "the second attachment is no longer the same");
	subject_check(subject_reap(pid) == 0 && p[1] == 4, "the child's write is not seen");
	subject_check(shmctl(id, IPC_STAT, &ds) == 0 && ds.shm_nattch == 2, "%lu attachments",
		      (unsigned long)ds.shm_nattch);
	subject_check(ds.shm_segsz == size, "its size is %zu", ds.shm_segsz);
	subject_check(shmdt((void *)readonly) == 0, "shmdt: %m");
	subject_check(shmctl(id, IPC_RMID, NULL) == 0, "shmctl: %m");
	return subject_end();
}
