#include "iapeer/registry/environment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <pwd.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tmproot.h"

#include "iapeer/base/banned.h"

static void has(const struct strv *env, const char *key, const char *value)
{
	const char *found = environment_get(env, key);

	if (!found || strcmp(found, value) != 0)
		fail_msg("%s is %s, not %s", key, found ? found : "(unset)", value);
}

/* ---- the text ---- */

static void a_line_is_a_name_and_a_value(void **state)
{
	static const struct {
		const char *line, *value;
	} rows[] = {
	    {"K=v", "v"},
	    {"K=", ""},
	    {"  K = v w \t\r", "v w"},
	    {"export K=v", "v"},
	    {"K=a=b=c", "a=b=c"},
	    {"K=a \"b\" c", "a \"b\" c"},
	    {"K={\"a\":\"b\"}", "{\"a\":\"b\"}"},
	    {"K=a#b # c", "a#b # c"},
	    {"K=\"a b\"", "a b"},
	    {"K='a \"b\" $c \\n'", "a \"b\" $c \\n"},
	    {"K=\" a \"", " a "},
	    {"K=\"\"", ""},
	    {"K=\"a\\\"b\\\\c\\$d\\e\"", "a\"b\\c$d\\e"},
	    {"K=\"a\" # why", "a"},
	    {"K='a' # it's", "a"},
	    {"\xef\xbb\xbfK=v", "v"},
	    {"K=old\nK=new", "new"},
	    {"# c\n\n  # d\nK=v", "v"},
	    {"K=\xc3\xa9\xff", "\xc3\xa9\xff"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		AUTO(strv_done) struct strv env = STRV_INIT;
		AUTO(strv_done) struct strv args = STRV_INIT;
		struct err e = ERR_INIT;

		if (environment_parse(rows[i].line, strlen(rows[i].line), "f", &env, &args, &e) < 0)
			fail_msg("%s: %s", rows[i].line, e.msg);
		assert_int_equal(env.n, 1);
		has(&env, "K", rows[i].value);
		assert_int_equal(args.n, 0);
	}
}

static void a_wrong_line_is_named_by_its_number(void **state)
{
	static const char *const bad[] = {"K",     "=v",   "2K=v",     "K K=v", "K-K=v",
					  "K=\"a", "K='a", "K=\"a\"b", "é=v",   "K=\"a\\\""};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		AUTO(strv_done) struct strv env = STRV_INIT;
		char text[100];
		struct err e = ERR_INIT;

		snprintf(text, sizeof text, "# one\nA=1\n%s\n", bad[i]);
		if (environment_parse(text, strlen(text), "/x/launch.env", &env, NULL, &e) == 0)
			fail_msg("%s", bad[i]);
		assert_int_equal(e.code, ERR_CORRUPT);
		assert_non_null(strstr(e.msg, "/x/launch.env: line 3: "));
	}
}

static void a_nul_byte_is_refused(void **state)
{
	AUTO(strv_done) struct strv env = STRV_INIT;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(environment_parse("A=1\0B=2", 7, "f", &env, NULL, &e), -1);
	assert_int_equal(e.code, ERR_CORRUPT);
}

static void start_args_are_split_as_a_shell_splits_words(void **state)
{
	static const struct {
		const char *line;
		const char *words[5];
	} rows[] = {
	    {"PEER_START_ARGS=--model opus", {"--model", "opus"}},
	    {"PEER_START_ARGS=\"--model opus\"", {"--model", "opus"}},
	    {"PEER_START_ARGS='--say \"a b\" c'", {"--say", "a b", "c"}},
	    {"PEER_START_ARGS=--say 'a b' \"c d\"", {"--say", "a b", "c d"}},
	    {"PEER_START_ARGS=\"a b\" \"c d\"", {"a b", "c d"}},
	    {"PEER_START_ARGS=\"--say \\\"a b\\\"\"", {"--say", "a b"}},
	    {"PEER_START_ARGS=$HOME `id` *", {"$HOME", "`id`", "*"}},
	    {"PEER_START_ARGS=", {NULL}},
	    {"PEER_START_ARGS=''", {NULL}},
	    {"PEER_START_ARGS=a\nPEER_START_ARGS=b", {"b"}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		AUTO(strv_done) struct strv env = STRV_INIT;
		AUTO(strv_done) struct strv args = STRV_INIT;
		struct err e = ERR_INIT;
		size_t n = 0;

		if (environment_parse(rows[i].line, strlen(rows[i].line), "f", &env, &args, &e) < 0)
			fail_msg("%s: %s", rows[i].line, e.msg);
		assert_int_equal(env.n, 0);
		while (rows[i].words[n])
			n++;
		if (args.n != n)
			fail_msg("%s: %zu words", rows[i].line, args.n);
		for (size_t j = 0; j < n; j++)
			assert_string_equal(args.v[j], rows[i].words[j]);
	}
}

static void an_open_quote_in_start_args_is_named(void **state)
{
	AUTO(strv_done) struct strv env = STRV_INIT;
	AUTO(strv_done) struct strv args = STRV_INIT;
	struct err e = ERR_INIT;
	const char *text = "\nPEER_START_ARGS=--say 'a b";

	(void)state;
	assert_int_equal(environment_parse(text, strlen(text), "f", &env, &args, &e), -1);
	assert_int_equal(e.code, ERR_CORRUPT);
	assert_non_null(strstr(e.msg, "f: line 2: PEER_START_ARGS"));
}

static void setting_a_variable_replaces_it_and_no_namesake(void **state)
{
	AUTO(strv_done) struct strv env = STRV_INIT;

	(void)state;
	environment_set(&env, "PATHS", "1");
	environment_set(&env, "PATH", "2");
	environment_set(&env, "PATHS", "3");
	assert_int_equal(env.n, 2);
	assert_string_equal(env.v[0], "PATHS=3");
	assert_string_equal(env.v[1], "PATH=2");
	assert_null(environment_get(&env, "PAT"));
}

/* ---- the file ---- */

static void the_file_is_written_from_the_caller_and_read_again_the_same(void **state)
{
	static const char *const values[][2] = {
	    {"HOME", "/home/bob = \"x\""}, {"LANG", "de_DE.UTF-8"},
	    {"TZ", " Europe/Berlin "},     {"LC_TIME", "'C'"},
	    {"SHELL", "\"/bin/$h\\`"},     {"SSH_AUTH_SOCK", "/t#a"},
	    {"PATH", "/a:/b c"},
	};
	AUTO(strv_done) struct strv env = STRV_INIT;
	struct tmproot *t = *state;
	struct err e = ERR_INIT;
	struct stat st;

	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
		setenv(values[i][0], values[i][1], 1);
	setenv("SECRET_TOKEN", "x", 1);
	setenv("XDG_RUNTIME_DIR", "/run\nEVIL=1", 1);
	assert_int_equal(environment_ensure(&t->l, &e), 0);
	assert_int_equal(stat(tmproot_path(t, "root/environment"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(environment_load(&t->l, &env, &e), 0);
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
		has(&env, values[i][0], values[i][1]);
	assert_null(environment_get(&env, "SECRET_TOKEN"));
	assert_null(environment_get(&env, "EVIL"));
	assert_null(environment_get(&env, "XDG_RUNTIME_DIR"));
	assert_non_null(strstr(tmproot_logged(t), "XDG_RUNTIME_DIR holds a line break"));
}

static void a_file_that_is_there_is_never_written_over(void **state)
{
	struct tmproot *t = *state;
	struct err e = ERR_INIT;

	assert_int_equal(tmproot_write(t, "root/environment", "MINE=1\n"), 0);
	assert_int_equal(environment_ensure(&t->l, &e), 0);
	assert_string_equal(tmproot_read(t, "root/environment"), "MINE=1\n");
	assert_int_equal(tmproot_write(t, "root/environment", ""), 0);
	assert_int_equal(environment_ensure(&t->l, &e), 0);
	assert_string_equal(tmproot_read(t, "root/environment"), "");
}

static void without_a_file_the_account_says_who_we_are(void **state)
{
	const struct passwd *pw = getpwuid(geteuid());
	AUTO(strv_done) struct strv env = STRV_INIT;
	struct tmproot *t = *state;
	struct err e = ERR_INIT;

	if (!pw) {
		skip();
		return;
	}
	strv_add(&env, "OLD=1");
	assert_int_equal(environment_load(&t->l, &env, &e), 0);
	has(&env, "HOME", pw->pw_dir);
	has(&env, "SHELL", *pw->pw_shell ? pw->pw_shell : "/bin/sh");
	has(&env, "USER", pw->pw_name);
	has(&env, "LOGNAME", pw->pw_name);
	assert_non_null(strstr(environment_get(&env, "PATH"), "/usr/bin:/bin"));
	assert_null(environment_get(&env, "OLD"));
	assert_false(fs_exists(AT_FDCWD, tmproot_path(t, "root/environment")));
}

static void a_wrong_file_is_corrupt_and_names_itself(void **state)
{
	AUTO(strv_done) struct strv env = STRV_INIT;
	struct tmproot *t = *state;
	struct err e = ERR_INIT;

	assert_int_equal(tmproot_write(t, "root/environment", "A=1\nnonsense\n"), 0);
	assert_int_equal(environment_load(&t->l, &env, &e), -1);
	assert_int_equal(e.code, ERR_CORRUPT);
	assert_non_null(strstr(e.msg, tmproot_path(t, "root/environment: line 2")));
}

static void one_variable_is_changed_in_its_place(void **state)
{
	AUTO(strv_done) struct strv env = STRV_INIT;
	struct tmproot *t = *state;
	struct err e = ERR_INIT;

	assert_int_equal(environment_put(&t->l, "PATH", "x", &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(
	    tmproot_write(t, "root/environment", "# c\nA=1\nexport PATH = x\nPATH=y\nB=2"), 0);
	assert_int_equal(environment_put(&t->l, "PATH", " /bin", &e), 0);
	assert_int_equal(environment_load(&t->l, &env, &e), 0);
	assert_int_equal(env.n, 3);
	assert_string_equal(env.v[0], "A=1");
	assert_string_equal(env.v[1], "PATH= /bin");
	assert_string_equal(env.v[2], "B=2");
	assert_int_equal(environment_put(&t->l, "PATH", "a\nb", &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
}

static void what_cannot_be_read_is_not_written_over(void **state)
{
	static const char *const wrong[] = {"nonsense\n", "A='1\n", "A=1\n\0B=2\n"};
	static const size_t len[] = {9, 5, 9};
	struct tmproot *t = *state;

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		AUTO(buf_done) struct buf kept = BUF_INIT(CAP_STATE);
		struct err e = ERR_INIT;

		assert_int_equal(
		    fs_write_soft(t->l.root_fd, "environment", wrong[i], len[i], 0600, &e), 0);
		assert_int_equal(environment_put(&t->l, "PATH", "/bin", &e), -1);
		assert_int_equal(e.code, ERR_CORRUPT);
		assert_int_equal(fs_read(t->l.root_fd, "environment", &kept, &e), 0);
		assert_int_equal(kept.len, len[i]);
		assert_memory_equal(kept.p, wrong[i], len[i]);
	}
}

int main(void)
{
#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, tmproot_setup, tmproot_teardown)
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_line_is_a_name_and_a_value),
	    cmocka_unit_test(a_wrong_line_is_named_by_its_number),
	    cmocka_unit_test(a_nul_byte_is_refused),
	    cmocka_unit_test(start_args_are_split_as_a_shell_splits_words),
	    cmocka_unit_test(an_open_quote_in_start_args_is_named),
	    cmocka_unit_test(setting_a_variable_replaces_it_and_no_namesake),
	    WITH_ROOT(without_a_file_the_account_says_who_we_are),
	    WITH_ROOT(the_file_is_written_from_the_caller_and_read_again_the_same),
	    WITH_ROOT(a_file_that_is_there_is_never_written_over),
	    WITH_ROOT(a_wrong_file_is_corrupt_and_names_itself),
	    WITH_ROOT(one_variable_is_changed_in_its_place),
	    WITH_ROOT(what_cannot_be_read_is_not_written_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
