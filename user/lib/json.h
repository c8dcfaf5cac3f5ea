/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_LIB_JSON_H
#define CRBPF_LIB_JSON_H

/*
 * Writes JSON piece by piece, one value a line, indented by 4. Values inside an
 * object have a key; those inside an array, and the outermost one, have NULL.
 * Output is ASCII: bytes that are no UTF-8 appear as \udcXX. The stream keeps
 * errors (ferror); nothing is reported here.
 *
 *	struct json json = { .out = stdout };
 *
 *	json_open(&json, NULL, '{');
 *	json_number(&json, "pid", 12);
 *	json_close(&json, '}');
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct json {
	FILE *out;
	unsigned int depth;
	bool has_value; /* a value stands before in this object or array */
};

/* @bracket is '{' or '['. */
void json_open(struct json *json, const char *key, char bracket);
/* @bracket is '}' or ']', the pair of the open one. */
void json_close(struct json *json, char bracket);

void json_string(struct json *json, const char *key, const char *value);
void json_number(struct json *json, const char *key, long long value);
void json_unsigned(struct json *json, const char *key, unsigned long long value);
void json_bool(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);
/* A string made by printf. */
void json_printf(struct json *json, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* A string of base64 in lines of 76 characters, as MIME has it. */
void json_base64(struct json *json, const char *key, const void *data, size_t n);

/* The same in pieces, each but the last a multiple of this many bytes. */
#define JSON_BASE64_LINE 57
void json_base64_open(struct json *json, const char *key);
void json_base64_add(struct json *json, const void *data, size_t n);
void json_base64_close(struct json *json);

#endif
