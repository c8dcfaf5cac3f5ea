// SPDX-License-Identifier: GPL-2.0-only
/* JSON: the writer's text, and the forms in which crit shows fields. */
#include <stdint.h>

#include "core.pb-c.h"
#include "ghost-file.pb-c.h"
#include "harness.h"
#include "image/json.h"
#include "lib/json.h"
#include "memfd.pb-c.h"
#include "regfile.pb-c.h"
#include "sk-inet.pb-c.h"
#include "sk-unix.pb-c.h"
#include "vma.pb-c.h"

/* The writer's output; freed by the next call. */
static char *text;
static size_t text_size;

static struct json begin(void)
{
	free(text);
	text = NULL;
	return (struct json){.out = open_memstream(&text, &text_size)};
}

static const char *end(struct json *json)
{
	fclose(json->out);
	return text;
}

/* Is the line `"key": value` in the message's JSON? */
static void expect_field(const ProtobufCMessage *msg, const char *line)
{
	struct json json = begin();

	json_message(&json, NULL, msg);
	if (!strstr(end(&json), line))
		FAIL("no '%s' in %s", line, text);
}

TEST(objects_and_arrays_are_indented)
{
	struct json json = begin();

	json_open(&json, NULL, '{');
	json_number(&json, "a", -1);
	json_open(&json, "b", '[');
	json_close(&json, ']');
	json_open(&json, "c", '[');
	json_bool(&json, NULL, true);
	json_null(&json, NULL);
	json_close(&json, ']');
	json_close(&json, '}');
	EXPECT_STREQ(end(&json), "{\n    \"a\": -1,\n    \"b\": [],\n    \"c\": [\n"
				 "        true,\n        null\n    ]\n}\n");
}

TEST(strings_are_escaped)
{
	static const char *const pairs[][2] = {
		{"a\"\\\n\t\r\b\f\x01", "\"a\\\"\\\\\\n\\t\\r\\b\\f\\u0001\""},
		{"\xc3\xa9", "\"\\u00e9\""},
		{"\xf0\x9f\x98\x80", "\"\\ud83d\\ude00\""},
		{"\xff\xc3", "\"\\udcff\\udcc3\""},            /* no UTF-8 */
		{"\xc0\x80", "\"\\udcc0\\udc80\""},            /* longer than needed */
		{"\xed\xa0\x80", "\"\\udced\\udca0\\udc80\""}, /* half of a pair */
		{"", "\"\""},
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct json json = begin();

		json_string(&json, NULL, pairs[i][0]);
		EXPECT_STREQ(end(&json), pairs[i][1]);
	}
}

TEST(base64_comes_in_lines)
{
	static const char *const pairs[][2] = {
		{"", "\"\""},           {"f", "\"Zg==\\n\""},        {"fo", "\"Zm8=\\n\""},
		{"foo", "\"Zm9v\\n\""}, {"foob", "\"Zm9vYg==\\n\""},
	};
	unsigned char zeros[58] = {0};
	struct json json;

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		json = begin();
		json_base64(&json, NULL, pairs[i][0], strlen(pairs[i][0]));
		EXPECT_STREQ(end(&json), pairs[i][1]);
	}
	json = begin();
	json_base64(&json, NULL, zeros, sizeof(zeros));
	EXPECT_EQ(strlen(end(&json)), 2 + 76 + 2 + 4 + 2);
}

TEST(numbers_take_the_forms_of_crit)
{
	GhostFileEntry ghost = GHOST_FILE_ENTRY__INIT;
	RegFileEntry reg = REG_FILE_ENTRY__INIT;
	VmaEntry vma = VMA_ENTRY__INIT;
	FownEntry fown = FOWN_ENTRY__INIT;

	vma.start = 0x7f0000001000;
	vma.prot = 5;
	vma.flags = 0x22 | 0x4000;
	vma.fd = -1;
	expect_field(&vma.base, "\"start\": \"0x7f0000001000\"");
	expect_field(&vma.base, "\"prot\": \"PROT_READ | PROT_EXEC\"");
	expect_field(&vma.base, "\"flags\": \"MAP_PRIVATE | MAP_ANON | 0x4000\"");
	expect_field(&vma.base, "\"status\": \"\"");
	expect_field(&vma.base, "\"fd\": -1");
	reg.name = "";
	reg.fown = &fown;
	reg.flags = 0x80000000;
	expect_field(&reg.base, "\"flags\": \"0x80000000\"");
	ghost.has_dev = ghost.has_rdev = 1;
	ghost.dev = 254 << 20 | 3;
	ghost.rdev = 0x8801;
	expect_field(&ghost.base, "\"dev\": \"254:3\"");
	expect_field(&ghost.base, "\"rdev\": \"136:1\"");
}

TEST(hex_covers_what_is_below)
{
	ThreadInfoAarch64 info = THREAD_INFO_AARCH64__INIT;
	UserAarch64RegsEntry regs = USER_AARCH64_REGS_ENTRY__INIT;
	UserAarch64FpsimdContextEntry fp = USER_AARCH64_FPSIMD_CONTEXT_ENTRY__INIT;
	uint64_t x[] = {255};

	regs.regs = x;
	regs.n_regs = 1;
	regs.sp = 16;
	fp.fpsr = 16;
	info.gpregs = &regs;
	info.fpsimd = &fp;
	expect_field(&info.base, "\"0xff\"");
	expect_field(&info.base, "\"sp\": \"0x10\"");
	expect_field(&info.base, "\"fpsr\": 16");
}

TEST(sockets_have_names_and_addresses)
{
	SkOptsEntry opts = SK_OPTS_ENTRY__INIT;
	FownEntry fown = FOWN_ENTRY__INIT;
	InetSkEntry inet = INET_SK_ENTRY__INIT;
	UnixSkEntry usk = UNIX_SK_ENTRY__INIT;
	unsigned char v4[4] = {127, 0, 0, 1}, v6[16] = {[15] = 1};
	char name[] = "\0a=b \x7f";
	uint32_t words[4];

	inet.fown = usk.fown = &fown;
	inet.opts = usk.opts = &opts;
	inet.proto = 6;
	inet.state = 99;
	memcpy(words, v4, 4);
	inet.src_addr = words;
	inet.n_src_addr = 1;
	expect_field(&inet.base, "\"127.0.0.1\"");
	expect_field(&inet.base, "\"proto\": \"TCP\"");
	expect_field(&inet.base, "\"state\": 99");
	memcpy(words, v6, 16);
	inet.n_src_addr = 4;
	expect_field(&inet.base, "\"::1\"");
	usk.name = (ProtobufCBinaryData){sizeof(name) - 1, (uint8_t *)name};
	expect_field(&usk.base, "\"name\": \"=00a=3Db =7F\"");
}
