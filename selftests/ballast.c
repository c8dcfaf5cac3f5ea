// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs whose memory takes a while to save, or of which no clone can be made; they beat into
 * a file. Run by cases/snapshot.py and cases/clones.py with what to do as argument.
 */
#include "beat.h"

#include <sys/sysinfo.h>

#include "bare.h"

#define BALLAST (128u << 20)

static volatile uint64_t *beat;

static char *memory(size_t n, int prot)
{
	char *p = mmap(NULL, n, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	subject_need(p != MAP_FAILED, "mmap: %m");
	return p;
}

/* Much memory, of which each page says which it is. */
static void heavy(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *p = memory(BALLAST, PROT_READ | PROT_WRITE);

	for (uint64_t at = 0; at < BALLAST; at += page)
		*(uint64_t *)(p + at) = at + 1;
	for (uint64_t at = 0;; at = (at + page) % BALLAST) {
		subject_need(*(uint64_t *)(p + at) == at + 1, "page at %llu changed",
			     (unsigned long long)at);
		subject_sleep(0.2);
		++*beat;
	}
}

/* A parent of one such child: it learns of that one's end, and of nobody else's. */
static void brood(void)
{
	pid_t child = subject_fork();
	int status;

	if (child == 0)
		heavy();
	for (bool has_ended = false;; subject_sleep(0.5)) {
		pid_t pid = waitpid(-1, &status, WNOHANG | __WALL);

		subject_need(pid <= 0 || (pid == child && !has_ended), "child %d ended with %x", pid,
			     status);
		has_ended |= pid > 0;
		*beat += has_ended;
	}
}

/* Memory that was granted piece by piece, and more than the kernel would grant at once. */
static void overcommitted(void)
{
	struct sysinfo info;
	size_t half;
	char *p;

	subject_need(sysinfo(&info) == 0, "sysinfo: %m");
	half = (info.totalram + info.totalswap) / 10 * 6 * info.mem_unit >> 21 << 21;
	p = memory(2 * half, PROT_NONE);
	subject_need(mprotect(p, half, PROT_READ | PROT_WRITE) == 0 &&
			     mprotect(p + half, half, PROT_READ | PROT_WRITE) == 0,
		     "mprotect: %m");
	for (;; subject_sleep(0.5))
		++*beat;
}

/* Nothing of libraries or program is there any more, but one page of code without a return. */
static void bare(void)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE), n = 0;
	char *code = memory(size, PROT_READ | PROT_WRITE | PROT_EXEC);
	static struct timespec half_a_ms = {0, 500000};
	static uintptr_t list[128];
	unsigned long start, end;
	char line[512], flags[8];
	FILE *f = fopen("/proc/self/maps", "re");

	memcpy(code, bare_begin, (size_t)(bare_end - bare_begin));
	__builtin___clear_cache(code, code + size);
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx %7s", &start, &end, flags) != 3 ||
		    (flags[2] != 'x' && !strstr(line, "[vvar")) || start == (uintptr_t)code ||
		    strstr(line, "[vsyscall]"))
			continue;
		subject_need(n + 3 < sizeof(list) / sizeof(list[0]), "too many mappings");
		list[n++] = start;
		list[n++] = end - start;
	}
	fclose(f);
	((void (*)(volatile uint64_t *, void *, uintptr_t *))code)(beat, &half_a_ms, list);
}

static const struct mode modes[] = {
	{"heavy", heavy}, {"brood", brood}, {"overcommitted", overcommitted}, {"bare", bare},
};

int main(int argc, char **argv)
{
	beat = beat_open();
	return mode_run(modes, sizeof(modes) / sizeof(modes[0]), argc, argv);
}
