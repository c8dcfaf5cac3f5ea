// SPDX-License-Identifier: GPL-2.0-only
/*
 * What shells complete, made from the tables of commands and options: it cannot tell
 * anything else than what is understood.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "check/check.h"
#include "cmd/cmd.h"
#include "lib/err.h"
#include "options-table.h"

/* What a value or an operand is made of. */
enum completes { COMPLETES_NOTHING, COMPLETES_FILE, COMPLETES_DIR, COMPLETES_PID, COMPLETES_FEATURE };

static enum completes completes(const struct option_row *row)
{
	const char *argument = row->value == VALUE_OPERANDS ? row->name : row->argument;

	if (!argument || (row->value != VALUE_OPERANDS && !option_takes_value(row)))
		return COMPLETES_NOTHING;
	if (strstr(argument, "FILE"))
		return COMPLETES_FILE;
	if (!strcmp(argument, "DIR"))
		return COMPLETES_DIR;
	if (!strcmp(argument, "PID"))
		return COMPLETES_PID;
	return !strcmp(argument, "FEATURE") ? COMPLETES_FEATURE : COMPLETES_NOTHING;
}

/* The next one that is an option, not an operand nor one that does nothing. */
static const struct option_row *next_option(const struct command *c, const struct option_row *row)
{
	while ((row = option_next(c->options, row)))
		if (row->value != VALUE_OPERANDS && row->value != VALUE_IGNORED &&
		    (row->value != VALUE_IGNORED_FLAG || row->help))
			break;
	return row;
}

static const struct option_row *find_operands(const struct command *c)
{
	const struct option_row *row = NULL;

	while ((row = option_next(c->options, row)))
		if (row->value == VALUE_OPERANDS)
			break;
	return row;
}

/* @text with a backslash before each of @special; in single quotes, '\'' is one. */
static void put_escaped(const char *text, const char *special)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs(strchr(special, '\'') ? "\\'" : "'\\''", stdout);
		else
			printf("%s%c", strchr(special, *text) ? "\\" : "", *text);
	}
}

static void put_features(void)
{
	fputs("list", stdout);
	for (size_t i = 0; probe_groups[i]; i++)
		for (size_t k = 0; k < probe_groups[i]->n; k++)
			printf(" %s", probe_groups[i]->probes[k].name);
}

/* --- bash ------------------------------------------------------------------ */

static void put_bash_action(enum completes what)
{
	static const char *const actions[] = {
		[COMPLETES_NOTHING] = "-W ''",
		[COMPLETES_FILE] = "-f",
		[COMPLETES_DIR] = "-d",
		[COMPLETES_PID] = "-W \"$(cd /proc && echo [1-9]*)\"",
	};

	if (what == COMPLETES_FILE || what == COMPLETES_DIR)
		fputs("compopt -o filenames 2>/dev/null; ", stdout);
	fputs("mapfile -t COMPREPLY < <(compgen ", stdout);
	if (what == COMPLETES_FEATURE) {
		fputs("-W '", stdout);
		put_features();
		fputs("'", stdout);
	} else {
		fputs(actions[what], stdout);
	}
	fputs(" -- \"$cur\")", stdout);
}

static void put_bash_values(const struct command *c)
{
	const struct option_row *row = NULL;

	while ((row = next_option(c, row))) {
		if (!option_takes_value(row))
			continue;
		printf("\t%s:--%s", c->name, row->name);
		if (row->letter)
			printf("|%s:-%c", c->name, row->letter);
		fputs(") ", stdout);
		put_bash_action(completes(row));
		fputs("; return ;;\n", stdout);
	}
}

static void put_bash_options(const struct command *c)
{
	const struct option_row *row = NULL, *operands = find_operands(c);

	printf("\t%s:-*) mapfile -t COMPREPLY < <(compgen -W '", c->name);
	while ((row = next_option(c, row))) {
		printf("--%s ", row->name);
		if (row->letter)
			printf("-%c ", row->letter);
	}
	fputs("' -- \"$cur\") ;;\n", stdout);
	if (operands) {
		printf("\t%s:*) ", c->name);
		put_bash_action(completes(operands));
		fputs(" ;;\n", stdout);
	}
}

static void print_bash(void)
{
	fputs("# bash completion of crbpf, made by `crbpf completion bash`\n"
	      "_crbpf()\n"
	      "{\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	      "\tlocal command=${COMP_WORDS[1]}\n\n"
	      "\tCOMPREPLY=()\n"
	      "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n"
	      "\t\tmapfile -t COMPREPLY < <(compgen -W '--help --version",
	      stdout);
	for (const struct command *c = commands; c->name; c++)
		printf(" %s", c->name);
	fputs("' -- \"$cur\")\n"
	      "\t\treturn\n"
	      "\tfi\n"
	      "\t# --option=value is three words\n"
	      "\tif [ \"$cur\" = = ]; then cur=; elif [ \"$prev\" = = ]; then "
	      "prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
	      "\tcase $command:$prev in\n",
	      stdout);
	for (const struct command *c = commands; c->name; c++)
		put_bash_values(c);
	fputs("\tesac\n\tcase $command:$cur in\n", stdout);
	for (const struct command *c = commands; c->name; c++)
		if (c->options)
			put_bash_options(c);
	fputs("\tcompletion:*) mapfile -t COMPREPLY < <(compgen -W 'bash zsh fish' -- \"$cur\") ;;\n"
	      "\tesac\n"
	      "}\n"
	      "complete -F _crbpf crbpf\n",
	      stdout);
}

/* --- zsh ------------------------------------------------------------------- */

static void put_zsh_action(enum completes what)
{
	static const char *const actions[] = {
		[COMPLETES_NOTHING] = " ",
		[COMPLETES_FILE] = "_files",
		[COMPLETES_DIR] = "_files -/",
		[COMPLETES_PID] = "_pids",
	};

	if (what == COMPLETES_FEATURE) {
		fputs("(", stdout);
		put_features();
		fputs(")", stdout);
	} else {
		fputs(actions[what], stdout);
	}
}

static void put_zsh_option(const struct option_row *row)
{
	bool has_value = option_takes_value(row);

	printf(" \\\n\t\t\t'*'");
	if (row->letter)
		printf("{-%c%s,--%s%s}", row->letter, has_value ? "+" : "", row->name,
		       has_value ? "=" : "");
	else
		printf("--%s%s", row->name, has_value ? "=" : "");
	fputs("'[", stdout);
	put_escaped(row->help ?: "the same", "[]:");
	fputs("]", stdout);
	if (has_value) {
		printf(":%s:", row->argument ?: "value");
		put_zsh_action(completes(row));
	}
	fputs("'", stdout);
}

static void put_zsh_command(const struct command *c)
{
	const struct option_row *row = NULL, *operands = find_operands(c);

	printf("\t%s)\n\t\t_arguments -s", c->name);
	while ((row = next_option(c, row)))
		put_zsh_option(row);
	if (operands) {
		printf(" \\\n\t\t\t'*:%s:", operands->name);
		put_zsh_action(completes(operands));
		fputs("'", stdout);
	}
	fputs(" ;;\n", stdout);
}

static void print_zsh(void)
{
	fputs("#compdef crbpf\n"
	      "# made by `crbpf completion zsh`\n"
	      "_crbpf() {\n"
	      "\tlocal -a names\n"
	      "\tnames=(",
	      stdout);
	for (const struct command *c = commands; c->name; c++) {
		printf("'%s:", c->name);
		put_escaped(c->help ?: "for shells", "");
		fputs("' ", stdout);
	}
	fputs(")\n"
	      "\tif (( CURRENT == 2 )); then\n"
	      "\t\t_describe command names\n"
	      "\t\treturn\n"
	      "\tfi\n"
	      "\tlocal command=$words[2]\n"
	      "\tshift words\n"
	      "\t(( CURRENT-- ))\n"
	      "\tcase $command in\n",
	      stdout);
	for (const struct command *c = commands; c->name; c++)
		if (c->options)
			put_zsh_command(c);
	fputs("\tcompletion) _values shell bash zsh fish ;;\n"
	      "\tesac\n"
	      "}\n"
	      "_crbpf \"$@\"\n",
	      stdout);
}

/* --- fish ------------------------------------------------------------------ */

static void put_fish_action(enum completes what)
{
	static const char *const actions[] = {
		[COMPLETES_NOTHING] = " -x",
		[COMPLETES_FILE] = " -r -F",
		[COMPLETES_DIR] = " -x -a '(__fish_complete_directories)'",
		[COMPLETES_PID] = " -x -a '(__fish_complete_pids)'",
	};

	if (what == COMPLETES_FEATURE) {
		fputs(" -x -a '", stdout);
		put_features();
		fputs("'", stdout);
	} else {
		fputs(actions[what], stdout);
	}
}

static void put_fish_command(const struct command *c)
{
	const struct option_row *row = NULL, *operands = find_operands(c);

	while ((row = next_option(c, row))) {
		printf("complete -c crbpf -n '__fish_seen_subcommand_from %s' -l %s", c->name,
		       row->name);
		if (row->letter)
			printf(" -s %c", row->letter);
		if (option_takes_value(row))
			put_fish_action(completes(row));
		fputs(" -d '", stdout);
		put_escaped(row->help ?: "the same", "'\\");
		fputs("'\n", stdout);
	}
	if (operands)
		printf("complete -c crbpf -n '__fish_seen_subcommand_from %s' -F\n", c->name);
}

static void print_fish(void)
{
	fputs("# fish completion of crbpf, made by `crbpf completion fish`\n"
	      "complete -c crbpf -f\n",
	      stdout);
	for (const struct command *c = commands; c->name; c++) {
		printf("complete -c crbpf -n __fish_use_subcommand -a %s -d '", c->name);
		put_escaped(c->help ?: "for shells", "'\\");
		fputs("'\n", stdout);
	}
	for (const struct command *c = commands; c->name; c++)
		put_fish_command(c);
	fputs("complete -c crbpf -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'\n",
	      stdout);
}

int cmd_completion(int argc, char **argv, struct log *log, struct error *err)
{
	const char *shell = argc == 2 ? argv[1] : "";

	if (!strcmp(shell, "bash")) {
		print_bash();
	} else if (!strcmp(shell, "zsh")) {
		print_zsh();
	} else if (!strcmp(shell, "fish")) {
		print_fish();
	} else {
		fail(err, 0, "no shell is named");
		return fail_hint(err, "crbpf completion bash|zsh|fish");
	}
	return fflush(stdout) || ferror(stdout) ? fail(err, errno, "cannot write the output") : 0;
}
