#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/proc.h"
#include "iapeer/base/str.h"
#include "iapeer/registry/environment.h"
#include "iapeer/runtime/builtin.h"
#include "iapeer/runtime/manifest.h"

#include "iapeer/base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct fixture {
	struct layout l;
	struct manifest m;
	struct err e;
};

static int set_up(void **state)
{
	static struct fixture f;
	const char *tmp = getenv("TMPDIR");

	f = (struct fixture){.l = LAYOUT_INIT, .e = ERR_INIT};
	snprintf(f.l.root, sizeof(f.l.root), "%s/manifest.XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(f.l.root));
	assert_int_equal(fs_open_dir(AT_FDCWD, f.l.root, &f.l.root_fd, &f.e), 0);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	manifest_done(&f->m);
	close(f->l.root_fd);
	return fs_remove_tree(AT_FDCWD, f->l.root, &f->e);
}

static void write_file(const struct fixture *f, const char *path, const char *text, mode_t mode)
{
	struct err e = ERR_INIT;
	char folder[LAYOUT_PATH];

	snprintf(folder, sizeof(folder), "%s", path);
	if (strrchr(folder, '/'))
		*strrchr(folder, '/') = '\0';
	if (fs_mkdirs(f->l.root_fd, folder, &e) < 0 ||
	    fs_write_atomic(f->l.root_fd, path, text, strlen(text), mode, &e) < 0)
		fail_msg("%s", e.msg);
}

static void write_manifest(const struct fixture *f, const char *runtime, const char *text)
{
	char path[LAYOUT_PATH];

	layout_runtime_manifest(runtime, path);
	write_file(f, path, text, 0600);
}

static void load(struct fixture *f, const char *runtime)
{
	manifest_done(&f->m);
	if (manifest_load(&f->l, runtime, &f->m, &f->e) < 0)
		fail_msg("%s: %s", runtime, f->e.msg);
}

static void refuse(struct fixture *f, const char *runtime, enum err_code code, const char *why)
{
	f->e = (struct err)ERR_INIT;
	assert_int_equal(manifest_load(&f->l, runtime, &f->m, &f->e), -1);
	if (f->e.code != code || !strstr(f->e.msg, why))
		fail_msg("expected \"%s\", got %d \"%s\"", why, (int)f->e.code, f->e.msg);
}

/* ---- the built-in ones ---- */

static void the_built_in_runtimes_say_what_they_are(void **state)
{
	static const struct {
		const char *runtime;
		enum runtime_kind kind;
		enum envelope_kind envelope;
		enum busy_policy busy;
		enum nature by_default, required;
		const char *marker, *interrupt;
	} rows[] = {
	    {"claude", KIND_TUI, ENVELOPE_IAP, BUSY_PASTE, NATURE_ARTIFICIAL, NATURE_NONE, "❯",
	     "Escape"},
	    {"codex", KIND_TUI, ENVELOPE_IAP, BUSY_QUEUE, NATURE_ARTIFICIAL, NATURE_NONE, "›",
	     "Escape"},
	    {"notifier", KIND_SERVICE, ENVELOPE_IAP, BUSY_PASTE, NATURE_ABSENT, NATURE_NONE, "",
	     ""},
	    {"shell", KIND_SHELL, ENVELOPE_BARE, BUSY_PASTE, NATURE_ABSENT, NATURE_NONE, "", "C-c"},
	    {"telegram", KIND_SERVICE, ENVELOPE_IAP, BUSY_PASTE, NATURE_NATURAL, NATURE_NATURAL, "",
	     ""},
	};
	struct fixture *f = *state;
	size_t built_in = 0;

	while (builtin_manifests[built_in].runtime)
		built_in++;
	assert_int_equal(built_in, COUNT(rows));
	for (size_t i = 0; i < COUNT(rows); i++) {
		load(f, rows[i].runtime);
		assert_string_equal(f->m.runtime, rows[i].runtime);
		assert_string_equal(f->m.source, "built-in");
		assert_int_equal(f->m.kind, rows[i].kind);
		assert_int_equal(f->m.envelope, rows[i].envelope);
		assert_int_equal(f->m.busy_policy, rows[i].busy);
		assert_int_equal(f->m.proof,
				 f->m.kind == KIND_TUI ? PROOF_RECORDED : PROOF_SUBMITTED);
		assert_int_equal(f->m.default_intelligence, rows[i].by_default);
		assert_int_equal(f->m.requires_intelligence, rows[i].required);
		assert_string_equal(f->m.marker, rows[i].marker);
		assert_string_equal(f->m.interrupt.n ? f->m.interrupt.v[0] : "", rows[i].interrupt);
	}
}

/* How many of its dialogs give trust; each must be the owner's to answer. */
static size_t trusting(const struct manifest *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n_dialogs; i++) {
		const struct dialog *d = &m->dialogs[i];

		if (strcmp(d->name, "trust") != 0 && strcmp(d->name, "bypass") != 0)
			continue;
		assert_true(d->trust);
		n++;
	}
	return n;
}

static void nothing_that_only_the_owner_may_say_is_done_without_being_asked(void **state)
{
	static const char *const runtimes[] = {"claude", "codex"};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(runtimes); i++) {
		struct strv AUTO(strv_done) without = STRV_INIT;
		struct strv AUTO(strv_done) with = STRV_INIT;
		struct manifest_vars vars = {.conversation = "id", .workdir = "/w", .peer = "p"};

		load(f, runtimes[i]);
		manifest_args(&f->m, &vars, &without);
		vars.trust = true;
		manifest_args(&f->m, &vars, &with);
		for (size_t k = 0; k < without.n; k++)
			assert_null(strstr(without.v[k], "dangerous"));
		assert_true(with.n > without.n);
		assert_true(trusting(&f->m) > 0);
	}
}

static void arguments_name_the_conversation_the_folder_and_the_peer(void **state)
{
	struct fixture *f = *state;
	struct strv AUTO(strv_done) fresh = STRV_INIT, resumed = STRV_INIT;
	struct manifest_vars vars = {
	    .conversation = "u-1", .workdir = "/a {peer} b", .peer = "fake-bob"};

	write_manifest(
	    f, "fake",
	    "{\"format\":1,\"kind\":\"tui\",\"program\":[\"x\"],\"args_fresh\":[\"--id={"
	    "conversation}\"],"
	    "\"args_resume\":[\"resume\",\"{conversation}\"],\"args_always\":[\"-C\",\"{workdir}\","
	    "\"-n\",\"{peer}\",\"{\\\"a\\\":{other}}\"],\"has_conversations\":true}");
	load(f, "fake");
	assert_true(manifest_chooses_id(&f->m));
	manifest_args(&f->m, &vars, &fresh);
	vars.resume = true;
	manifest_args(&f->m, &vars, &resumed);
	assert_int_equal(fresh.n, 6);
	assert_string_equal(fresh.v[0], "--id=u-1");
	assert_string_equal(fresh.v[2], "/a {peer} b");
	assert_string_equal(fresh.v[4], "fake-bob");
	assert_string_equal(fresh.v[5], "{\"a\":{other}}");
	assert_string_equal(resumed.v[0], "resume");
	assert_string_equal(resumed.v[1], "u-1");
	load(f, "codex");
	assert_false(manifest_chooses_id(&f->m));
}

static void filled(const struct manifest_vars *vars, const char *text, const char *want)
{
	struct buf AUTO(buf_done) out = BUF_INIT(CAP_STATE);

	manifest_text(text, vars, &out);
	assert_string_equal(buf_cstr(&out), want);
}

static void a_value_stays_one_value_however_it_is_quoted(void **state)
{
	struct manifest_vars vars = {.exe = "/a b'\"$(touch x)/iapeer", .peer = "claude-bob"};

	(void)state;
	filled(&vars, "{peer:sh}", "claude-bob");
	filled(&vars, "{workdir:sh}", "''");
	filled(&vars, "{exe:sh}", "'/a b'\\''\"$(touch x)/iapeer'");
	filled(&vars, "c=\"{exe:quoted}\"", "c=\"/a b'\\\"$(touch x)/iapeer\"");
	filled(&vars, "c=\"{exe:sh:quoted} x\"", "c=\"'/a b'\\\\''\\\"$(touch x)/iapeer' x\"");
	filled(&vars, "{exe:html} {exe {no} {}", "{exe:html} {exe {no} {}");
}

static void a_generated_file_is_json_whatever_the_paths_are(void **state)
{
	struct fixture *f = *state;
	struct buf AUTO(buf_done) out = BUF_INIT(CAP_STATE), trusting = BUF_INIT(CAP_STATE);
	struct json *auto_json tree = NULL;
	struct manifest_vars vars = {.exe = "/a b'\"$(touch x)\\/iapeer", .peer = "own-bob"};
	const char *name = NULL;

	write_manifest(f, "own",
		       "{\"format\":1,\"kind\":\"tui\",\"program\":[\"x\"],\"files\":{\"s.json\":"
		       "{\"a\":[{\"command\":\"{exe:sh} event {peer}\"}],\"raw\":\"{exe}\"}},"
		       "\"files_trust\":{\"s.json\":{\"yes\":true}}}");
	load(f, "own");
	assert_int_equal(json_len(f->m.files), 1);
	manifest_file(&f->m, 0, &vars, &name, &out);
	assert_string_equal(name, "s.json");
	if (json_parse(buf_cstr(&out), out.len, name, &tree, &f->e) < 0)
		fail_msg("%s: %s", f->e.msg, buf_cstr(&out));
	assert_string_equal(json_text(json_get(tree, "raw")), vars.exe);
	assert_string_equal(json_text(json_get(json_at(json_get(tree, "a"), 0), "command")),
			    "'/a b'\\''\"$(touch x)\\/iapeer' event own-bob");
	assert_null(json_get(tree, "yes"));
	vars.trust = true;
	manifest_file(&f->m, 0, &vars, &name, &trusting);
	assert_non_null(strstr(buf_cstr(&trusting), "\"yes\": true"));
}

/* The text in quotes behind `key`, as the program will read it: TOML and JSON agree on it. Owned.
 */
static char *quoted_after(const char *text, const char *key)
{
	struct json *auto_json tree = NULL;
	struct buf AUTO(buf_done) array = BUF_INIT(CAP_STATE);
	struct err e = ERR_INIT;
	const char *from = strstr(text, key), *end;

	if (!from)
		return NULL;
	from += strlen(key);
	for (end = from + 1; *end && *end != '"'; end++)
		end += *end == '\\' && end[1];
	buf_fmt(&array, "[%.*s]", (int)(end + 1 - from), from);
	if (json_parse(buf_cstr(&array), array.len, key, &tree, &e) < 0)
		fail_msg("%s: %s", e.msg, buf_cstr(&array));
	return xstrdup(json_text(json_at(tree, 0)));
}

/* The command, run by a shell: what our program is called with. */
static void calls_us(struct fixture *f, const char *command, const char *want)
{
	struct proc_result AUTO(proc_result_done) r = PROC_RESULT_INIT;
	struct strv AUTO(strv_done) argv = STRV_INIT;

	strv_add(&argv, "sh");
	strv_add(&argv, "-c");
	strv_add(&argv, command);
	struct proc_opts opts = {
	    .file = "/bin/sh", .argv = strv_argv(&argv), .deadline_ms = clock_mono_ms() + 10000};
	if (proc_run(&opts, &r, &f->e) < 0)
		fail_msg("%s", f->e.msg);
	assert_int_equal(r.status, 0);
	assert_string_equal(buf_cstr(&r.out), want);
}

static void the_hooks_of_the_built_in_agents_reach_us_from_any_folder(void **state)
{
	struct fixture *f = *state;
	struct strv AUTO(strv_done) args = STRV_INIT;
	struct buf AUTO(buf_done) file = BUF_INIT(CAP_STATE);
	char folder[LAYOUT_PATH + 32], exe[LAYOUT_PATH + 64];
	struct manifest_vars vars = {.exe = exe, .trust = true, .workdir = "/a\"b\\"};
	const char *name = NULL;
	int codex = 0;

	snprintf(folder, sizeof folder, "%s/a b'\"$(touch x)", f->l.root);
	snprintf(exe, sizeof exe, "%s/iapeer", folder);
	write_file(f, "a b'\"$(touch x)/iapeer", "#!/bin/sh\necho \"$@\"\nexit 2\n", 0700);
	load(f, "claude");
	vars.peer = "claude-bob";
	manifest_file(&f->m, 0, &vars, &name, &file);
	for (const char *s = strstr(buf_cstr(&file), "\"command\": \""); s;
	     s = strstr(s + 1, "\"command\": \"")) {
		char *auto_free command = quoted_after(s, "\"command\": ");

		calls_us(f, command, "event claude --identity claude-bob\n");
	}
	load(f, "codex");
	vars.peer = "codex-bob";
	manifest_args(&f->m, &vars, &args);
	for (size_t i = 0; i < args.n; i++) {
		char *auto_free command =
		    quoted_after(args.v[i], "hooks=[{type=\"command\",command=");

		if (!command)
			continue;
		calls_us(f, command, "event codex --identity codex-bob\n");
		codex++;
	}
	assert_int_equal(codex, 6);
	assert_true(strv_has(&args, "projects={\"/a\\\"b\\\\\"={trust_level=\"trusted\"}}"));
	assert_false(fs_exists(f->l.root_fd, "x"));
}

static void bare_text_takes_nothing_from_an_agent_unless_asked(void **state)
{
	struct fixture *f = *state;

	load(f, "shell");
	assert_int_equal(manifest_accepts(&f->m), 1U << NATURE_NATURAL | 1U << NATURE_ABSENT);
	load(f, "claude");
	assert_true(manifest_accepts(&f->m) & 1U << NATURE_ARTIFICIAL);
}

/* ---- the user's ---- */

static void a_users_file_replaces_member_by_member(void **state)
{
	struct fixture *f = *state;

	write_manifest(
	    f, "claude",
	    "{\"format\":1,\"program\":[\"/opt/claude\"],\"busy\":\"queue\",\"busy_any\":[],"
	    "\"dialogs\":[{\"name\":\"only\",\"when\":[\"x\"],\"advice\":\"answer it\"}]}");
	load(f, "claude");
	assert_string_equal(f->m.source, "runtimes/claude/runtime.json");
	assert_int_equal(f->m.program.n, 1);
	assert_string_equal(f->m.program.v[0], "/opt/claude");
	assert_int_equal(f->m.busy_policy, BUSY_QUEUE);
	assert_int_equal(f->m.busy_any.n, 0);
	assert_int_equal(f->m.n_dialogs, 1);
	assert_string_equal(f->m.dialogs[0].name, "only");
	assert_string_equal(f->m.marker, "❯"); /* what it does not name stays */
	assert_string_equal(f->m.compact, "/compact");
}

static void a_runtime_of_the_users_own_needs_little(void **state)
{
	struct fixture *f = *state;
	struct strv AUTO(strv_done) names = STRV_INIT;

	write_manifest(f, "goose", "{\"format\":1,\"kind\":\"tui\",\"program\":[\"goose\"]}");
	write_file(f, "runtimes/No-Runtime/runtime.json", "{}", 0600);
	write_file(f, "runtimes/empty/notes", "", 0600);
	load(f, "goose");
	assert_int_equal(f->m.envelope, ENVELOPE_IAP);
	assert_int_equal(f->m.default_intelligence, NATURE_ARTIFICIAL);
	assert_string_equal(f->m.submit.v[0], "Enter");
	assert_string_equal(f->m.interrupt.v[0], "Escape");
	assert_int_equal(manifest_list(&f->l, &names, &f->e), 0);
	assert_int_equal(names.n, 6);
	assert_string_equal(names.v[0], "claude");
	assert_string_equal(names.v[2], "goose");
}

static void a_missing_runtime_is_told_with_those_there_are(void **state)
{
	struct fixture *f = *state;

	refuse(f, "cluade", ERR_NOT_FOUND,
	       "no runtime cluade (known: claude, codex, notifier, shell, telegram)");
	assert_non_null(strstr(f->e.hint, "claude"));
	refuse(f, "../x", ERR_USAGE, "no name of a runtime");
	refuse(f, "", ERR_USAGE, "no name of a runtime");
}

#define OWN          "{\"format\":1,\"kind\":\"tui\",\"program\":[\"x\"],"
#define FILE_IN_ROOT "runtimes/own/runtime.json"

static void a_wrong_manifest_names_file_field_and_reason(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
	    {"{", FILE_IN_ROOT},
	    {"[]", FILE_IN_ROOT ": "},
	    {"{\"kind\":\"tui\",\"program\":[\"x\"]}", FILE_IN_ROOT ": format: missing"},
	    {"{\"format\":\"1\",\"kind\":\"tui\"}", FILE_IN_ROOT ": format: expected the number 1"},
	    {"{\"format\":2,\"kind\":\"tui\"}", FILE_IN_ROOT ": format: 2 is newer"},
	    {"{\"format\":1,\"program\":[\"x\"]}", FILE_IN_ROOT ": kind: missing"},
	    {"{\"format\":1,\"kind\":\"tui\"}", FILE_IN_ROOT ": program: at least one"},
	    {"{\"format\":1,\"kind\":\"gui\"}",
	     FILE_IN_ROOT ": kind: unknown word \"gui\" (known: shell, tui, service)"},
	    {OWN "\"runtime\":\"other\"}", FILE_IN_ROOT ": runtime: must be \"own\""},
	    {OWN "\"maker\":\"x\"}",
	     FILE_IN_ROOT ": maker: unknown field; did you mean \"marker\"?"},
	    {OWN "\"zzzzzzzz\":1}", FILE_IN_ROOT ": zzzzzzzz: unknown field"},
	    {OWN "\"ruled\":1}", FILE_IN_ROOT ": ruled: expected true or false"},
	    {OWN "\"ruled\":true}", FILE_IN_ROOT ": ruled: a composer without a marker"},
	    {OWN "\"marker\":\"12345678901234567\"}",
	     FILE_IN_ROOT ": marker: longer than 15 bytes"},
	    {OWN "\"marker\":\"\\u001b\"}", FILE_IN_ROOT ": marker: control characters"},
	    {OWN "\"marker\":null}", FILE_IN_ROOT ": marker: expected a string"},
	    {OWN "\"search\":\"/x\"}", FILE_IN_ROOT ": search: expected a list"},
	    {OWN "\"search\":[1]}", FILE_IN_ROOT ": search: item 0: expected a string"},
	    {OWN "\"search\":[\"/a\",\"\"]}", FILE_IN_ROOT ": search: item 1: empty"},
	    {OWN "\"submit\":[]}", FILE_IN_ROOT ": submit: at least one key"},
	    {OWN "\"submit\":[\"-X\"]}", FILE_IN_ROOT ": submit: item 0: not the name of a key"},
	    {OWN "\"submit\":[\"Enter; kill-server\"]}",
	     FILE_IN_ROOT ": submit: item 0: not the name of a key"},
	    {OWN "\"env\":[\"A B=1\"]}", FILE_IN_ROOT ": env: item 0: expected NAME=VALUE"},
	    {OWN "\"env\":[\"A=1\",\"PEER_IDENTITY=x\"]}",
	     FILE_IN_ROOT ": env: item 1: expected NAME=VALUE"},
	    {OWN "\"default_intelligence\":\"clever\"}",
	     FILE_IN_ROOT ": default_intelligence: unknown word"},
	    {OWN "\"has_conversations\":true}", FILE_IN_ROOT ": args_resume: missing"},
	    {OWN "\"files\":{\"../x\":{}}}",
	     FILE_IN_ROOT ": files: \"../x\" is no name for a file"},
	    {OWN "\"files\":{\"launch.env\":{}}}",
	     FILE_IN_ROOT ": files: \"launch.env\" is no name"},
	    {OWN "\"files\":{\"x\":\"y\"}}", FILE_IN_ROOT ": files: x: expected an object"},
	    {OWN "\"files_trust\":{\"x\":{}}}", FILE_IN_ROOT ": files_trust: x is not in files"},
	    {OWN "\"lock_file\":\"a/../../b\"}", FILE_IN_ROOT ": lock_file: not a path below"},
	    {OWN "\"process_file\":\"/a\"}", FILE_IN_ROOT ": process_file: not a path below"},
	    {OWN "\"env_trust\":[\"IAPEER_ROOT=x\"]}", FILE_IN_ROOT ": env_trust: item 0"},
	    {OWN "\"dialogs\":{}}", FILE_IN_ROOT ": dialogs: expected a list"},
	    {OWN "\"dialogs\":[3]}", FILE_IN_ROOT ": dialogs[0]: expected an object"},
	    {OWN "\"dialogs\":[{\"nam\":\"x\"}]}",
	     FILE_IN_ROOT ": dialogs[0].nam: unknown field; did you mean \"name\"?"},
	    {OWN "\"dialogs\":[{\"name\":\"x\"}]}", FILE_IN_ROOT ": dialogs[0].when: at least one"},
	    {OWN "\"dialogs\":[{\"name\":\"x\",\"when\":[\"a\"]}]}",
	     FILE_IN_ROOT ": dialogs[0].advice: missing"},
	    {OWN "\"dialogs\":[{\"name\":\"x\",\"when\":[\"a\"],\"cursor\":\">\",\"accept\":"
		 "\"Enter\"}]}",
	     FILE_IN_ROOT ": dialogs[0].row: missing"},
	    {OWN
	     "\"dialogs\":[{\"name\":\"x\",\"when\":[\"a\"],\"row\":\"r\",\"accept\":\"Enter\"}]}",
	     FILE_IN_ROOT ": dialogs[0].cursor: missing"},
	    {OWN "\"dialogs\":[{\"name\":\"x\",\"when\":[\"a\"],\"accept\":\"En ter\"}]}",
	     FILE_IN_ROOT ": dialogs[0].accept: not the name of a key"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		write_manifest(f, "own", rows[i].text);
		refuse(f, "own", ERR_CORRUPT, rows[i].why);
	}
}

static void a_link_in_place_of_a_manifest_is_not_followed(void **state)
{
	struct fixture *f = *state;

	write_file(f, "elsewhere/runtime.json", OWN "\"busy\":\"queue\"}", 0600);
	write_file(f, "runtimes/x/y", "", 0600);
	assert_int_equal(fs_symlink("../elsewhere", f->l.root_fd, "runtimes/own", &f->e), 0);
	refuse(f, "own", ERR_REFUSED, "");
}

/* ---- the program ---- */

static void find_program(struct fixture *f, const struct strv *env, const char *expected)
{
	char out[LAYOUT_PATH] = "", wanted[LAYOUT_PATH * 2];

	if (manifest_program(&f->m, &f->l, env, out, &f->e) < 0)
		fail_msg("%s", f->e.msg);
	snprintf(wanted, sizeof(wanted), "%s/%s", f->l.root, expected);
	assert_string_equal(out, wanted);
}

static void the_program_is_looked_for_in_order(void **state)
{
	struct fixture *f = *state;
	struct strv AUTO(strv_done) env = STRV_INIT;
	char out[LAYOUT_PATH];

	write_manifest(f, "own",
		       "{\"format\":1,\"kind\":\"tui\",\"program\":[\"tool\",\"other\"],\"search\":"
		       "[\"~/late\"]}");
	load(f, "own");
	strv_fmt(&env, "PATH=relative:%s/a:%s/b", f->l.root, f->l.root);
	strv_fmt(&env, "HOME=%s/home", f->l.root);
	unsetenv("IAPEER_OWN_BIN");
	assert_int_equal(manifest_program(&f->m, &f->l, &env, out, &f->e), -1);
	assert_int_equal(f->e.code, ERR_FAILED);
	assert_non_null(strstr(f->e.msg, "program tool not found (looked in PATH="));
	write_file(f, "home/late/tool", "", 0700);
	find_program(f, &env, "home/late/tool");
	write_file(f, "b/other", "", 0700);
	find_program(f, &env, "b/other");
	write_file(f, "a/tool", "", 0600); /* cannot be run */
	write_file(f, "b/tool", "", 0700);
	find_program(f, &env, "b/tool");
	write_file(f, "a/tool", "", 0700);
	find_program(f, &env, "a/tool");
}

static void the_setting_of_a_program_wins_and_must_be_right(void **state)
{
	struct fixture *f = *state;
	struct strv AUTO(strv_done) env = STRV_INIT;
	char path[LAYOUT_PATH * 2], out[LAYOUT_PATH];

	write_file(f, "a/mine", "", 0700);
	load(f, "claude");
	snprintf(path, sizeof(path), "%s/a/mine", f->l.root);
	setenv("IAPEER_CLAUDE_BIN", path, 1);
	find_program(f, &env, "a/mine");
	setenv("IAPEER_CLAUDE_BIN", "/does/not/exist", 1);
	assert_int_equal(manifest_program(&f->m, &f->l, &env, out, &f->e), -1);
	assert_non_null(strstr(f->e.msg, "/does/not/exist"));
	unsetenv("IAPEER_CLAUDE_BIN");
}

static void a_shell_peer_gets_the_owners_shell(void **state)
{
	struct fixture *f = *state;
	struct strv AUTO(strv_done) env = STRV_INIT;

	write_file(f, "a/bash", "", 0700);
	write_file(f, "a/fish", "", 0700);
	load(f, "shell");
	strv_fmt(&env, "PATH=%s/a", f->l.root);
	find_program(f, &env, "a/bash");
	strv_fmt(&env, "SHELL=%s/a/fish", f->l.root);
	find_program(f, &env, "a/fish");
}

/* ---- the page ---- */

static void the_page_describes_every_field(void **state)
{
	const char *source = getenv("IAPEER_SOURCE_DIR");
	struct strv AUTO(strv_done) names = STRV_INIT;
	struct buf AUTO(buf_done) page = BUF_INIT(CAP_TEXT);
	struct err e = ERR_INIT;
	char path[1024], cell[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/docs/RUNTIMES.md", source ? source : ".");
	if (fs_read(AT_FDCWD, path, &page, &e) < 0)
		fail_msg("%s", e.msg);
	manifest_field_names(&names);
	for (size_t i = 0; i < names.n; i++) {
		snprintf(cell, sizeof(cell), "| `%s` |", names.v[i]);
		if (!strstr(buf_cstr(&page), cell))
			fail_msg("docs/RUNTIMES.md: no row for %s", names.v[i]);
	}
}

#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_ROOT(the_built_in_runtimes_say_what_they_are),
	    WITH_ROOT(nothing_that_only_the_owner_may_say_is_done_without_being_asked),
	    WITH_ROOT(arguments_name_the_conversation_the_folder_and_the_peer),
	    cmocka_unit_test(a_value_stays_one_value_however_it_is_quoted),
	    WITH_ROOT(a_generated_file_is_json_whatever_the_paths_are),
	    WITH_ROOT(the_hooks_of_the_built_in_agents_reach_us_from_any_folder),
	    WITH_ROOT(bare_text_takes_nothing_from_an_agent_unless_asked),
	    WITH_ROOT(a_users_file_replaces_member_by_member),
	    WITH_ROOT(a_runtime_of_the_users_own_needs_little),
	    WITH_ROOT(a_missing_runtime_is_told_with_those_there_are),
	    WITH_ROOT(a_wrong_manifest_names_file_field_and_reason),
	    WITH_ROOT(a_link_in_place_of_a_manifest_is_not_followed),
	    WITH_ROOT(the_program_is_looked_for_in_order),
	    WITH_ROOT(the_setting_of_a_program_wins_and_must_be_right),
	    WITH_ROOT(a_shell_peer_gets_the_owners_shell),
	    cmocka_unit_test(the_page_describes_every_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
