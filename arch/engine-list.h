/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_ARCH_ENGINE_LIST_H
#define CRBPF_ARCH_ENGINE_LIST_H

/*
 * struct engine_list and struct engine_call (user/inject/batch.h) as the assembler
 * needs them: batch.c asserts that they agree.
 */

#define LIST_N      0
#define LIST_DONE   8
#define LIST_FAILED 16
#define LIST_CALLS  24

#define CALL_NR     0
#define CALL_ARG(n) (8 + 8 * (n))
#define CALL_RESULT 56
#define CALL_DEMAND 64
#define CALL_CHECK  72
#define CALL_SIZE   80

#define CHECK_ANY     0
#define CHECK_SUCCESS 1
#define CHECK_DEMAND  2

#define ENGINE_MAX_ERRNO 4095
#define ENGINE_NR_CLONE3 435 /* the same on every processor */

#endif
