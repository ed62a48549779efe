/* Run the built program ($IAPEER_BIN) on a private root, without a terminal. */
#pragma once
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/json.h"
#include "iapeer/base/proc.h"

struct bin {
	char dir[300]; /* a folder of the test's own; the root is <dir>/root */
	char root[320];
	int status; /* of the last run */
	struct proc_result r;
	const char *input;
};

static inline int bin_setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	struct bin *b = calloc(1, sizeof *b);
	char template[256];

	if (!b || !getenv("IAPEER_BIN"))
		return -1;
	signal(SIGPIPE, SIG_IGN); /* a program that does not read its input is no reason to die */
	snprintf(template, sizeof template, "%s/iapeer-cli.XXXXXX", tmp && *tmp ? tmp : "/tmp");
	char *real = mkdtemp(template) ? realpath(template, NULL) : NULL;
	if (!real)
		return -1;
	snprintf(b->dir, sizeof b->dir, "%s", real);
	snprintf(b->root, sizeof b->root, "%s/root", real);
	free(real);
	*state = b;
	return 0;
}

static inline void bin_env(const struct bin *b, struct strv *env)
{
	strv_fmt(env, "IAPEER_ROOT=%s", b->root);
	strv_fmt(env, "HOME=%s", b->dir);
	strv_add(env, "IAPEER_TEST_SANDBOX=1");
	strv_add(env, "LC_ALL=C.UTF-8");
	strv_add(env, "SHELL=/bin/sh");
	strv_fmt(env, "PATH=%s", getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin");
	if (getenv("ASAN_OPTIONS"))
		strv_fmt(env, "ASAN_OPTIONS=%s", getenv("ASAN_OPTIONS"));
}

/* Words behind the program's name, NULL at the end; one more environment entry, or NULL. Returns
 * the exit status. */
static inline int bin_run_env(struct bin *b, const char *more, const char *const *words)
{
	AUTO(strv_done) struct strv argv = STRV_INIT, env = STRV_INIT;
	struct err e = ERR_INIT;
	struct proc_opts o = {.file = getenv("IAPEER_BIN"), .out_max_bytes = 1 << 20};

	strv_add(&argv, "iapeer");
	for (; *words; words++)
		strv_add(&argv, *words);
	if (more)
		strv_add(&env, more); /* of two, the first counts */
	bin_env(b, &env);
	o.argv = strv_argv(&argv);
	o.envp = strv_argv(&env);
	o.input = b->input;
	o.input_len = b->input ? strlen(b->input) : 0;
	o.deadline_ms = clock_mono_ms() + 30000;
	proc_result_done(&b->r);
	b->r = (struct proc_result)PROC_RESULT_INIT;
	if (proc_run(&o, &b->r, &e) < 0)
		fail_msg("%s", e.msg);
	assert_true(WIFEXITED(b->r.status));
	return b->status = WEXITSTATUS(b->r.status);
}

#define run(b, ...)          bin_run_env(b, NULL, (const char *const[]){__VA_ARGS__, NULL})
#define run_env(b, env, ...) bin_run_env(b, env, (const char *const[]){__VA_ARGS__, NULL})

static inline int bin_teardown(void **state)
{
	struct bin *b = *state;
	struct err e;

	run(b, "supervise", "--stop");
	proc_result_done(&b->r);
	if (fs_remove_tree(AT_FDCWD, b->dir, &e) < 0)
		fprintf(stderr, "%s\n", e.msg);
	free(b);
	return 0;
}

static inline const char *out(const struct bin *b)
{
	return buf_cstr(&b->r.out);
}

static inline const char *err_text_of(const struct bin *b)
{
	return buf_cstr(&b->r.err);
}

static inline void must_have(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no \"%s\" in: %s", part, text);
}

static inline void must_lack(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("\"%s\" in: %s", part, text);
}

/* The one object that the last run printed. Owned. */
static inline struct json *reply(const struct bin *b)
{
	struct json *j = NULL;
	struct err e = ERR_INIT;

	if (json_parse(out(b), b->r.out.len, "reply", &j, &e) < 0)
		fail_msg("%s: %s", e.msg, out(b));
	return j;
}

static inline const char *text_of(const struct json *o, const char *key)
{
	const char *text = json_text(json_get(o, key));

	if (!text)
		fail_msg("no text \"%s\"", key);
	return text;
}

static inline bool exists(const struct bin *b, const char *rel)
{
	char path[700];

	snprintf(path, sizeof path, "%s/%s", b->dir, rel);
	return access(path, F_OK) == 0;
}

/* A file below the test's folder, good until the next call. */
static inline const char *file_text(const struct bin *b, const char *rel)
{
	static char text[1 << 16];
	struct buf t = BUF_INIT(sizeof text - 1);
	struct err e;
	char path[700];

	snprintf(path, sizeof path, "%s/%s", b->dir, rel);
	text[0] = '\0';
	if (fs_read(AT_FDCWD, path, &t, &e) == 0)
		memcpy(text, buf_cstr(&t), t.len + 1);
	buf_done(&t);
	return text;
}

static inline void put_file(const struct bin *b, const char *rel, const char *text)
{
	struct err e;
	char path[700], *slash;

	snprintf(path, sizeof path, "%s/%s", b->dir, rel);
	slash = strrchr(path, '/');
	*slash = '\0';
	if (fs_mkdirs(AT_FDCWD, path, &e) < 0)
		fail_msg("%s", e.msg);
	*slash = '/';
	if (fs_write_soft(AT_FDCWD, path, text, strlen(text), 0600, &e) < 0)
		fail_msg("%s", e.msg);
}
