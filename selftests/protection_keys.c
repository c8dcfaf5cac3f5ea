// SPDX-License-Identifier: GPL-2.0-only
/*
 * Protection keys: allocated without memory, holes between them, memory with one that was freed,
 * memory that can only be executed; what each thread may do with them, one of them in a signal
 * handler; a child that inherited them and changed its own, and one that never had any.
 */
#include "subject.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>

#include "protection_keys.h"

#define DENY_ACCESS 1
#define DENY_WRITE  2
#define KEY_FAULT   4 /* SEGV_PKUERR */

enum { CLOSED, READ_ONLY, TWICE, FREED, SHARED, FILED, NO_ACCESS, N_AREAS };

/* Memory with a key: three pages, of which the middle one has it. */
static struct area {
	const char *name;
	char *at;
	int key;
} areas[N_AREAS] = {{"closed"}, {"read-only"}, {"twice"},    {"freed"},
		    {"shared"}, {"file"},      {"no access"}};

static size_t page_size;
static __thread sigjmp_buf back;
static __thread uint64_t rights_back; /* a signal handler has those of a new process */
static __thread volatile int fault;
static int asking[2]; /* a pipe */
static int hole, bare, code_key;
static void (*code)(void), (*readable_code)(void);
static volatile bool *in_handler, *has_returned;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	fault = info->si_code;
	key_set_rights(rights_back);
	siglongjmp(back, 1);
}

/* Tries to read, and to write if it is asked to; 0 or the si_code. */
static int try(volatile char *at, bool writes)
{
	fault = 0;
	rights_back = key_rights();
	if (sigsetjmp(back, 1))
		return fault;
	if (writes)
		*at = *at;
	else
		(void)*at;
	return 0;
}

/* As smaps has it; -1 if it says nothing. */
static int key_at(const void *at)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long start, end;
	bool here = false;
	char line[1000];
	int key = -1;

	while (f && key < 0 && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			here = (unsigned long)at >= start && (unsigned long)at < end;
		else if (here)
			sscanf(line, "ProtectionKey: %d", &key);
	}
	if (f)
		fclose(f);
	return key;
}

/* Which can be allocated, a bit for each. */
static unsigned int free_keys(void)
{
	const uint64_t rights = key_rights();
	unsigned int keys = 0;
	int key;

	while ((key = pkey_alloc(0, 0)) > 0)
		keys |= 1u << key;
	for (key = 1; keys >> key; key++)
		if (keys >> key & 1)
			pkey_free(key);
	key_set_rights(rights);
	return keys;
}

static int new_key(void)
{
	int key = pkey_alloc(0, 0);

	subject_need(key > 0, "pkey_alloc: %m");
	return key;
}

static void fill_area(int i, int key, int prot, int flags, int fd)
{
	struct area *a = &areas[i];

	a->key = key;
	a->at = mmap(NULL, 3 * page_size, PROT_READ | PROT_WRITE, flags, fd, 0);
	subject_need(a->at != MAP_FAILED, "mmap: %m");
	memset(a->at, 'a' + i, 3 * page_size);
	subject_need(!pkey_mprotect(a->at + page_size, page_size, prot, key), "pkey_mprotect: %m");
}

static void (*make_code(void))(void)
{
	static const unsigned char ret[] = RETURN_CODE;
	char *at =
		mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	subject_need(at != MAP_FAILED, "mmap: %m");
	memcpy(at, ret, sizeof(ret));
	__builtin___clear_cache(at, at + sizeof(ret));
	return (void (*)(void))at;
}

static void make_all(void)
{
	const int private = MAP_PRIVATE | MAP_ANONYMOUS, both = PROT_READ | PROT_WRITE;
	int fd = open("file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	subject_need(fd >= 0 && !ftruncate(fd, 3 * (off_t)page_size), "file: %m");
	fill_area(CLOSED, new_key(), both, private, -1);
	hole = new_key();
	fill_area(READ_ONLY, new_key(), both, private, -1);
	fill_area(TWICE, new_key(), both, private, -1);
	/* Now the kernel takes that key for what can only be executed. */
	subject_need(!pkey_free(areas[TWICE].key), "pkey_free: %m");
	code = make_code();
	subject_need(!mprotect((void *)code, page_size, PROT_EXEC), "mprotect: %m");
	code_key = key_at((void *)code);
	subject_need(code_key == (EXEC_ONLY_HAS_KEY ? areas[TWICE].key : 0), "code: key %d",
		     code_key);
	readable_code = make_code();
	subject_need(!pkey_mprotect((void *)readable_code, page_size, PROT_EXEC, 0), "code: %m");
	/* Nobody is to allocate that key again. */
	if (!code_key)
		(void)new_key();
	fill_area(FREED, new_key(), PROT_READ, private, -1);
	bare = new_key();
	fill_area(SHARED, new_key(), both, MAP_SHARED | MAP_ANONYMOUS, -1);
	fill_area(FILED, areas[SHARED].key, both, MAP_PRIVATE, fd);
	fill_area(NO_ACCESS, areas[SHARED].key, PROT_NONE, private, -1);
	close(fd);
	subject_need(!pkey_free(hole) && !pkey_free(areas[FREED].key), "pkey_free: %m");
}

static void check_area(int i, const char *who)
{
	const uint64_t rights = key_rights();
	const struct area *a = &areas[i];
	unsigned int denied = i == NO_ACCESS ? 0 : key_denied(rights, a->key);
	char *middle = a->at + page_size;
	int reading = i == NO_ACCESS ? SEGV_ACCERR : denied & DENY_ACCESS ? KEY_FAULT : 0;
	int writing = i == NO_ACCESS || i == FREED ? SEGV_ACCERR : denied ? KEY_FAULT : 0;
	int got;

	subject_check(key_at(middle) == a->key, "%s, %s: key %d, was %d", who, a->name,
		      key_at(middle), a->key);
	subject_check(!key_at(a->at) && !key_at(a->at + 2 * page_size), "%s, %s: keys beside it",
		      who, a->name);
	got = try(middle, false);
	subject_check(got == reading, "%s, %s: reading: %d", who, a->name, got);
	got = try(middle, true);
	/* where the mapping denies it, too, the processor says which comes first */
	subject_check(got == writing || (got == KEY_FAULT && denied), "%s, %s: writing: %d", who,
		      a->name, got);
	if (i == NO_ACCESS)
		return;
	key_set_rights(key_deny(rights, a->key, 0));
	for (size_t at = 0; at < 3 * page_size; at += page_size / 2)
		subject_check(a->at[at] == 'a' + i, "%s, %s: %c at %zu", who, a->name, a->at[at],
			      at);
	key_set_rights(rights);
}

static void check_code(const char *who)
{
	void *other;

	subject_check(key_at((void *)code) == code_key, "%s: the code's key is %d, was %d", who,
		      key_at((void *)code), code_key);
	subject_check(!key_at((void *)readable_code), "%s: other code has key %d", who,
		      key_at((void *)readable_code));
	code();
	readable_code();
	if (!code_key)
		return;
	subject_check(try((char *)code, false) == KEY_FAULT, "%s: the code can be read", who);
	subject_check(!try((char *)readable_code, false), "%s: other code cannot be read", who);
	subject_check(pkey_free(code_key) && errno == EINVAL, "%s: the code's key could be freed",
		      who);
	other = mmap(NULL, page_size, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	subject_check(key_at(other) == code_key, "%s: new code has key %d", who, key_at(other));
	munmap(other, page_size);
}

/* @keys: what was free before. */
static void check_all(const char *who, uint64_t rights, unsigned int keys)
{
	subject_check(key_rights() == rights, "%s: rights %llx, were %llx", who,
		      (unsigned long long)key_rights(), (unsigned long long)rights);
	for (int i = 0; i < N_AREAS; i++)
		check_area(i, who);
	check_code(who);
	subject_check(free_keys() == keys, "%s: free are %x, were %x", who, free_keys(), keys);
}

/* Has more rights than the first, and sleeps in a call that uses memory which others must not use.
 */
static void *other_thread(void *unused)
{
	uint64_t rights = key_deny(key_rights(), areas[CLOSED].key, 0);
	struct pollfd *question = (struct pollfd *)(areas[CLOSED].at + page_size + 64);
	int answer;

	rights = key_deny(rights, areas[SHARED].key, DENY_WRITE);
	key_set_rights(rights);
	*question = (struct pollfd){asking[0], POLLIN, 0};
	*has_returned = true;
	answer = poll(question, 1, 3600000);
	subject_check(answer == 1 && question->revents == POLLIN, "thread: poll returned %d, %m",
		      answer);
	subject_check(key_rights() == rights, "thread: rights %llx, were %llx",
		      (unsigned long long)key_rights(), (unsigned long long)rights);
	check_area(CLOSED, "thread");
	check_area(SHARED, "thread");
	return NULL;
}

static void on_signal(int sig)
{
	*in_handler = true;
	subject_wait_restored();
}

/* Rights of its own wait in the frame of a signal handler, which has none. */
static void *handling_thread(void *unused)
{
	uint64_t rights = key_deny(key_rights(), areas[READ_ONLY].key, DENY_ACCESS);

	rights = key_deny(rights, bare, 0);
	key_set_rights(rights);
	pthread_kill(pthread_self(), SIGUSR1);
	subject_check(key_rights() == rights, "handler: rights %llx, were %llx",
		      (unsigned long long)key_rights(), (unsigned long long)rights);
	check_area(READ_ONLY, "handler");
	return NULL;
}

static pid_t fork_innocent(void)
{
	pid_t pid = subject_fork();
	unsigned int keys;

	if (pid)
		return pid;
	keys = free_keys();
	*has_returned = true;
	subject_wait_restored();
	subject_check(free_keys() == keys, "innocent child: free are %x, were %x", free_keys(),
		      keys);
	_exit(0);
}

/* Gives a key to the stack. Handlers, with no rights to it, need another. */
static void lock_stack(int key)
{
	const size_t size = 64 * 1024;
	stack_t stack = {.ss_size = size, .ss_sp = malloc(size)};
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned long start = 0, end, here = (unsigned long)&stack;
	char line[1000];

	subject_need(stack.ss_sp && !sigaltstack(&stack, NULL), "sigaltstack: %m");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2 && here >= start && here < end)
			break;
	if (f)
		fclose(f);
	subject_need(here >= start && here < end, "where is the stack?");
	subject_need(!pkey_mprotect((void *)start, end - start, PROT_READ | PROT_WRITE, key),
		     "the stack: %m");
}

/* What it inherited, but for one key more and one less, and one for its stack. */
static pid_t fork_heir(void)
{
	pid_t pid = subject_fork();
	unsigned int keys;
	uint64_t rights;

	if (pid)
		return pid;
	lock_stack(areas[SHARED].key);
	subject_need(!pkey_free(bare) && new_key() == hole, "child: %m");
	rights = key_deny(key_rights(), hole, DENY_WRITE);
	key_set_rights(rights);
	keys = free_keys();
	*has_returned = true;
	subject_wait_restored();
	check_all("child", rights, keys);
	subject_check(key_at(&rights) == areas[SHARED].key, "child: the stack has key %d",
		      key_at(&rights));
	_exit(0);
}

static void await_flag(volatile bool *flag)
{
	subject_need(subject_await(*flag), "somebody is not ready");
	*flag = false;
}

int main(void)
{
	struct sigaction on_segv = {.sa_sigaction = on_fault,
				    .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
	int first = pkey_alloc(0, 0), status;
	pthread_t other, handling;
	pid_t innocent, heir;
	unsigned int keys;
	uint64_t rights;

	if (first < 0)
		subject_skip("needs protection keys: %s", strerror(errno));
	pkey_free(first);
	page_size = (size_t)sysconf(_SC_PAGESIZE);
	sigaction(SIGSEGV, &on_segv, NULL);
	signal(SIGUSR1, on_signal);
	in_handler = subject_shared(page_size);
	has_returned = in_handler + 1;
	subject_need(!pipe2(asking, O_CLOEXEC), "pipe: %m");
	innocent = fork_innocent();
	await_flag(has_returned);
	make_all();
	rights = key_deny(key_rights(), areas[CLOSED].key, DENY_ACCESS);
	rights = key_deny(rights, areas[READ_ONLY].key, DENY_WRITE);
	rights = key_deny(rights, bare, DENY_WRITE);
	key_set_rights(rights);
	subject_need(!pthread_create(&other, NULL, other_thread, NULL), "pthread_create");
	await_flag(has_returned);
	subject_need(!pthread_create(&handling, NULL, handling_thread, NULL), "pthread_create");
	await_flag(in_handler);
	heir = fork_heir();
	await_flag(has_returned);
	keys = free_keys();
	subject_ready();
	subject_wait_restored();
	subject_check(write(asking[1], "", 1) == 1, "pipe: %m");
	check_all("process", rights, keys);
	pthread_join(other, NULL);
	pthread_join(handling, NULL);
	status = subject_reap(innocent);
	subject_check(!status, "the innocent child: %x", status);
	status = subject_reap(heir);
	subject_check(!status, "the child: %x", status);
	return subject_end();
}
