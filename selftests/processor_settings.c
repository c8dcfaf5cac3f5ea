// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a thread has asked of its processor: the length of vectors, and whether it is inherited;
 * tagged addresses; which keys sign pointers; the use of tile registers. The first thread and another.
 */
#include "subject.h"

#include "processor_calls.h"

#include <pthread.h>
#include <sys/prctl.h>

#define SVE_SET_VL	     50
#define SVE_GET_VL	     51
#define SET_TAGGED_ADDR_CTRL 55
#define GET_TAGGED_ADDR_CTRL 56
#define PAC_SET_ENABLED_KEYS 60
#define PAC_GET_ENABLED_KEYS 61
#define SME_SET_VL	     63
#define SME_GET_VL	     64
#define VL_INHERIT	     (1 << 17)
#define TAGGED_ADDR_ENABLE   1
#define MTE_TCF_SYNC	     2
#define APDBKEY		     8

static const struct {
	const char *name;
	int get;
} settings[] = {
	{"SVE vector length", SVE_GET_VL},
	{"SME vector length", SME_GET_VL},
	{"tagged addresses", GET_TAGGED_ADDR_CTRL},
	{"enabled keys", PAC_GET_ENABLED_KEYS},
};
#define N_SETTINGS (sizeof(settings) / sizeof(settings[0]))

static pthread_barrier_t ready;

/* Returns how many of them this machine knows. */
static int ask(int vector_length)
{
	int n = prctl(SVE_SET_VL, vector_length | VL_INHERIT, 0, 0, 0) >= 0;

	n += prctl(SME_SET_VL, vector_length | VL_INHERIT, 0, 0, 0) >= 0;
	n += prctl(SET_TAGGED_ADDR_CTRL, TAGGED_ADDR_ENABLE | MTE_TCF_SYNC, 0, 0, 0) >= 0 ||
	     prctl(SET_TAGGED_ADDR_CTRL, TAGGED_ADDR_ENABLE, 0, 0, 0) >= 0;
	n += prctl(PAC_SET_ENABLED_KEYS, APDBKEY, 0, 0, 0) >= 0;
	return n + ask_processor();
}

static void read_all(int got[N_SETTINGS + 1])
{
	for (size_t i = 0; i < N_SETTINGS; i++)
		got[i] = prctl(settings[i].get, 0, 0, 0, 0);
	got[N_SETTINGS] = processor_setting();
}

static void keep(const char *who)
{
	int before[N_SETTINGS + 1], after[N_SETTINGS + 1];

	read_all(before);
	pthread_barrier_wait(&ready);
	subject_wait_restored();
	read_all(after);
	for (size_t i = 0; i < N_SETTINGS; i++)
		subject_check(after[i] == before[i], "%s: %s: %x, was %x", who, settings[i].name,
			      after[i], before[i]);
	subject_check(after[N_SETTINGS] == before[N_SETTINGS], "%s: states %x, were %x", who,
		      after[N_SETTINGS], before[N_SETTINGS]);
}

static void *run_thread(void *arg)
{
	ask(16);
	keep("thread");
	return NULL;
}

static void *say_ready(void *arg)
{
	pthread_barrier_wait(&ready);
	subject_ready();
	return NULL;
}

int main(void)
{
	pthread_t thread, sayer;

	if (!ask(32))
		subject_skip("this processor has nothing to be set");
	pthread_barrier_init(&ready, NULL, 3);
	pthread_create(&thread, NULL, run_thread, NULL);
	pthread_create(&sayer, NULL, say_ready, NULL);
	keep("first thread");
	pthread_join(sayer, NULL);
	pthread_join(thread, NULL);
	return subject_end();
}
