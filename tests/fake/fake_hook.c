/* Stands in for the binary where tmux calls it: _hook and _panelog, with the arguments of
 * src/launch/tmux.c. Tests link <root>/bin/iapeer to it while $IAPEER_BIN names nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/str.h"
#include "iapeer/launch/panelog.h"
#include "iapeer/lifecycle/hook.h"

#include "iapeer/base/banned.h"

/* The value of --name=value; "" when it is not there. */
static const char *option(char **argv, const char *name)
{
	size_t n = strlen(name);

	for (; *argv; argv++)
		if (strncmp(*argv, name, n) == 0 && (*argv)[n] == '=')
			return *argv + n + 1;
	return "";
}

static int64_t number(char **argv, const char *name, int64_t otherwise)
{
	int64_t n = otherwise;

	return str_i64(option(argv, name), 0, INT64_MAX, &n) ? n : otherwise;
}

static int run(char **argv, struct err *e)
{
	struct layout l = LAYOUT_INIT;
	struct peer_id id;

	if (layout_open(&l, false, e) < 0 || peer_parse(argv[2], &id, e) < 0)
		return -1;
	if (strcmp(argv[1], "_panelog") == 0)
		return panelog_run(&l, &id, number(argv, "--max-bytes", 0),
				   (int)number(argv, "--keep", 1), e);
	if (strcmp(argv[3] ? argv[3] : "", "pane-died") != 0)
		return 0; /* a witness's */
	struct hook_facts h = {.pane = option(argv, "--pane"),
			       .pane_pid = (pid_t)number(argv, "--pid", 0),
			       .server_pid = (pid_t)number(argv, "--server", 0),
			       .status = (int)number(argv, "--status", -1),
			       .signal = (int)number(argv, "--signal", -1)};
	return hook_pane_died(&l, &id, &h, e);
}

int main(int argc, char **argv)
{
	struct err e = ERR_INIT;

	if (argc < 3 || run(argv, &e) < 0) {
		fprintf(stderr, "fake_hook: %s\n", e.msg);
		return 1;
	}
	return 0;
}
