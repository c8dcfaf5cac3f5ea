// SPDX-License-Identifier: GPL-2.0-only
#include "lib/json.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"

static void new_line(struct json *json)
{
	fprintf(json->out, "\n%*s", (int)json->depth * 4, "");
}

/* The length of the UTF-8 sequence at @s, and its code point; 0 if it is none. */
static size_t utf8_sequence(const unsigned char *s, uint32_t *ret)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf8 ? 4 : 0;
	uint32_t c;

	if (!n)
		return 0;
	c = s[0] & (0x7f >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < smallest[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*ret = c;
	return n;
}

static size_t put_wide(struct json *json, const unsigned char *s)
{
	uint32_t c = 0;
	size_t n = utf8_sequence(s, &c);

	if (!n)
		fprintf(json->out, "\\udc%02x", *s);
	else if (c < 0x10000)
		fprintf(json->out, "\\u%04x", c);
	else
		fprintf(json->out, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
			0xdc00 + (c & 0x3ff));
	return n ?: 1;
}

static void put_string(struct json *json, const char *value)
{
	static const char escapes[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	const unsigned char *s = (const unsigned char *)value;
	const char *escape;

	putc('"', json->out);
	while (*s) {
		if (*s >= 0x80) {
			s += put_wide(json, s);
			continue;
		}
		escape = strchr(escapes, *s);
		if (escape)
			fprintf(json->out, "\\%c", letters[escape - escapes]);
		else if (*s < 0x20)
			fprintf(json->out, "\\u%04x", *s);
		else
			putc(*s, json->out);
		s++;
	}
	putc('"', json->out);
}

/* All that stands before a value. */
static void begin_value(struct json *json, const char *key)
{
	if (json->has_value)
		putc(',', json->out);
	if (json->depth)
		new_line(json);
	json->has_value = true;
	if (key) {
		put_string(json, key);
		fputs(": ", json->out);
	}
}

void json_open(struct json *json, const char *key, char bracket)
{
	begin_value(json, key);
	putc(bracket, json->out);
	json->depth++;
	json->has_value = false;
}

void json_close(struct json *json, char bracket)
{
	json->depth--;
	if (json->has_value)
		new_line(json);
	putc(bracket, json->out);
	json->has_value = true;
	if (!json->depth)
		putc('\n', json->out);
}

void json_string(struct json *json, const char *key, const char *value)
{
	begin_value(json, key);
	put_string(json, value);
}

void json_number(struct json *json, const char *key, long long value)
{
	begin_value(json, key);
	fprintf(json->out, "%lld", value);
}

void json_unsigned(struct json *json, const char *key, unsigned long long value)
{
	begin_value(json, key);
	fprintf(json->out, "%llu", value);
}

void json_bool(struct json *json, const char *key, bool value)
{
	begin_value(json, key);
	fputs(value ? "true" : "false", json->out);
}

void json_null(struct json *json, const char *key)
{
	begin_value(json, key);
	fputs("null", json->out);
}

void json_printf(struct json *json, const char *key, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	begin_value(json, key);
	put_string(json, text ?: "");
}

void json_base64_open(struct json *json, const char *key)
{
	begin_value(json, key);
	putc('"', json->out);
}

static void put_base64_line(struct json *json, const unsigned char *p, size_t n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (; n; p += 3) {
		uint32_t word = (uint32_t)p[0] << 16 | (n > 1 ? p[1] << 8 : 0) | (n > 2 ? p[2] : 0);

		putc(digits[word >> 18], json->out);
		putc(digits[word >> 12 & 63], json->out);
		putc(n > 1 ? digits[word >> 6 & 63] : '=', json->out);
		putc(n > 2 ? digits[word & 63] : '=', json->out);
		n -= n < 3 ? n : 3;
	}
	fputs("\\n", json->out);
}

void json_base64_add(struct json *json, const void *data, size_t n)
{
	const unsigned char *p = data;

	for (size_t at = 0; at < n; at += JSON_BASE64_LINE)
		put_base64_line(json, p + at,
				n - at < JSON_BASE64_LINE ? n - at : JSON_BASE64_LINE);
}

void json_base64_close(struct json *json)
{
	putc('"', json->out);
}

void json_base64(struct json *json, const char *key, const void *data, size_t n)
{
	json_base64_open(json, key);
	json_base64_add(json, data, n);
	json_base64_close(json);
}
