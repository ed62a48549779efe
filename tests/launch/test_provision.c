/* What is generated for a start, where, and what is left alone. */
#include "iapeer/launch/provision.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "world.h"

#include "iapeer/base/json.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/launch/launch.h"
#include "iapeer/registry/environment.h"

#include "iapeer/base/banned.h"

#define FOLDER "a b'\"$(touch x)"

struct fixture {
	struct world *w;
	struct peer_record me;
	char cwd[LAYOUT_PATH];
	struct profile profile;
	struct manifest manifest;
	struct launch_in in;
};

static void fixture_free(struct fixture **f)
{
	profile_done(&(*f)->profile);
	manifest_done(&(*f)->manifest);
	free(*f);
}

static struct fixture *begin(struct world *w, const char *runtime)
{
	struct fixture *f = xcalloc(1, sizeof *f);

	f->w = w;
	f->me = (struct peer_record){.name = "bob", .description = ""};
	str_cut(f->cwd, sizeof f->cwd, world_path(w, FOLDER));
	f->me.cwd = f->cwd;
	OK(fs_mkdirs(AT_FDCWD, f->me.cwd, e));
	profile_init(&f->profile);
	OK(manifest_load(&w->l, runtime, &f->manifest, e));
	f->in = (struct launch_in){.layout = &w->l,
				   .settings = &w->s,
				   .registry = &w->r,
				   .record = &f->me,
				   .profile = &f->profile,
				   .manifest = &f->manifest};
	OK(peer_make(runtime, "bob", &f->in.id, e));
	return f;
}

static void claudes_settings_are_generated_below_its_folder(void **state)
{
	AUTO(fixture_free) struct fixture *f = begin(*state, "claude");
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE), again = BUF_INIT(CAP_STATE);
	auto_json struct json *tree = NULL;
	struct provision p;
	struct stat st;
	char path[LAYOUT_PATH * 2];

	OK(provision_make(&f->in, &p, e));
	assert_string_equal(p.files, world_path(*state, FOLDER "/.iapeer/runtimes/claude"));
	snprintf(path, sizeof path, "%s/settings.json", p.files);
	OK(fs_read(AT_FDCWD, path, &b, e));
	OK(json_parse(buf_cstr(&b), b.len, "settings.json", &tree, e));
	assert_false(json_true(json_get(tree, "skipDangerousModePermissionPrompt")));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(str_ends(p.prompt, "/state/lifecycle/claude-bob.system-prompt.md"));
	assert_true(fs_exists(AT_FDCWD, p.prompt));

	json_free(tree);
	tree = NULL;
	f->profile.trust = true;
	OK(provision_make(&f->in, &p, e));
	OK(fs_read(AT_FDCWD, path, &again, e));
	OK(json_parse(buf_cstr(&again), again.len, "settings.json", &tree, e));
	assert_true(json_true(json_get(tree, "skipDangerousModePermissionPrompt")));
}

static void claude_is_told_of_our_server_beside_its_owners_own(void **state)
{
	AUTO(fixture_free) struct fixture *f = begin(*state, "claude");
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);
	AUTO(strv_done) struct strv args = STRV_INIT;
	auto_json struct json *tree = NULL;
	struct manifest_vars vars;
	const struct json *server;
	struct provision p;
	char path[LAYOUT_PATH * 2];

	OK(provision_make(&f->in, &p, e));
	snprintf(path, sizeof path, "%s/mcp.json", p.files);
	OK(fs_read(AT_FDCWD, path, &b, e));
	OK(json_parse(buf_cstr(&b), b.len, "mcp.json", &tree, e));
	server = json_get(json_get(tree, "mcpServers"), "iapeer");
	assert_string_equal(json_text(json_get(server, "command")),
			    world_path(*state, "r/" LAYOUT_BINARY));
	assert_string_equal(json_text(json_get(json_get(server, "env"), "PEER_IDENTITY")),
			    "claude-bob");
	/* Else claude only names the tool, and the model has to look for it. */
	assert_true(json_true(json_get(server, "alwaysLoad")));
	vars = provision_vars(&f->in, &p, "claude-bob", "id");
	manifest_args(&f->manifest, &vars, &args);
	assert_true(strv_has(&args, "--mcp-config"));
	assert_true(strv_has(&args, path));
	assert_false(strv_has(&args, "--strict-mcp-config"));
}

static void what_says_the_same_is_not_written_again(void **state)
{
	AUTO(fixture_free) struct fixture *f = begin(*state, "claude");
	struct provision p;
	struct fs_info first, second;
	char path[LAYOUT_PATH * 2];

	OK(provision_make(&f->in, &p, e));
	snprintf(path, sizeof path, "%s/settings.json", p.files);
	OK(fs_stat(AT_FDCWD, path, &first, e));
	OK(provision_make(&f->in, &p, e));
	OK(fs_stat(AT_FDCWD, path, &second, e));
	assert_true(first.inode == second.inode);
}

static void a_runtime_that_asks_for_nothing_gets_nothing(void **state)
{
	AUTO(fixture_free) struct fixture *f = begin(*state, "shell");
	struct provision p;

	OK(provision_make(&f->in, &p, e));
	assert_string_equal(p.prompt, "");
	assert_false(fs_exists(AT_FDCWD, world_path(*state, FOLDER "/.iapeer")));
	assert_false(fs_exists(AT_FDCWD,
			       world_path(*state, "r/state/lifecycle/shell-bob.system-prompt.md")));
}

static void a_link_in_the_way_is_not_followed(void **state)
{
	AUTO(fixture_free) struct fixture *f = begin(*state, "claude");
	struct provision p;

	OK(fs_mkdirs(AT_FDCWD, world_path(*state, "elsewhere"), e));
	assert_int_equal(
	    symlink(world_path(*state, "elsewhere"), world_path(*state, FOLDER "/.iapeer")), 0);
	FAILS(ERR_REFUSED, provision_make(&f->in, &p, e));
	assert_false(fs_exists(AT_FDCWD, world_path(*state, "elsewhere/runtimes")));
}

static bool sets(const struct strv *env, const char *name)
{
	return environment_get(env, name) != NULL;
}

static void what_takes_a_question_away_is_set_with_trust_only(void **state)
{
	AUTO(fixture_free) struct fixture *f = begin(*state, "claude");
	AUTO(strv_done) struct strv env = STRV_INIT;
	AUTO(strv_done) struct strv trusting = STRV_INIT;
	AUTO(strv_done) struct strv args = STRV_INIT;

	OK(launch_environment(&f->in, &env, &args, e));
	assert_true(sets(&env, "DISABLE_AUTOUPDATER"));
	assert_false(sets(&env, "CLAUDE_CODE_SANDBOXED"));
	assert_false(sets(&env, "IS_SANDBOX"));
	f->profile.trust = true;
	OK(launch_environment(&f->in, &trusting, &args, e));
	assert_true(sets(&trusting, "CLAUDE_CODE_SANDBOXED"));
	assert_int_equal(sets(&trusting, "IS_SANDBOX"), getuid() == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(claudes_settings_are_generated_below_its_folder,
					    world_setup, world_teardown),
	    cmocka_unit_test_setup_teardown(claude_is_told_of_our_server_beside_its_owners_own,
					    world_setup, world_teardown),
	    cmocka_unit_test_setup_teardown(what_says_the_same_is_not_written_again, world_setup,
					    world_teardown),
	    cmocka_unit_test_setup_teardown(a_runtime_that_asks_for_nothing_gets_nothing,
					    world_setup, world_teardown),
	    cmocka_unit_test_setup_teardown(a_link_in_the_way_is_not_followed, world_setup,
					    world_teardown),
	    cmocka_unit_test_setup_teardown(what_takes_a_question_away_is_set_with_trust_only,
					    world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
