/* create, init, list, show, set, remove: the built program on a private root, no keeper needed. */
#include "runbin.h"

#include <sys/stat.h>

#include "iapeer/base/banned.h"

static void an_empty_registry_says_so_and_stays_unmade(void **state)
{
	struct bin *b = *state;

	assert_int_equal(run(b, "list"), 0);
	assert_string_equal(out(b), "no peers registered\n");
	assert_int_equal(run(b, "list", "--json"), 0);
	assert_string_equal(out(b), "{\"peers\":[]}\n");
	assert_false(exists(b, "root"));
}

static void a_peer_is_made_whole(void **state)
{
	struct bin *b = *state;
	char link[4096];
	struct stat st;

	assert_int_equal(run(b, "create", "bob", "--runtime", "shell", "--description",
			     "does things", "--tag=a,b"),
			 0);
	must_have(out(b), "created bob (shell)");
	assert_true(exists(b, "root/peers/bob/.iapeer/peer-profile.json"));
	assert_true(exists(b, "root/environment"));
	must_have(file_text(b, "root/peers-profiles.json"), "\"does things\"");
	must_have(file_text(b, "root/peers/bob/.iapeer/peer-profile.json"), "\"tags\"");
	snprintf(link, sizeof link, "%s/bin/iapeer", b->root);
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(access(link, X_OK), 0);
}

static void a_second_create_merges_and_purges_nothing(void **state)
{
	AUTO(json_freep) struct json *j = NULL;
	struct bin *b = *state;

	run(b, "create", "bob", "--runtime", "shell", "--description", "first");
	assert_int_equal(run(b, "stop", "bob"), 0);
	assert_int_equal(run(b, "create", "bob", "--runtime", "notifier", "--json"), 0);
	j = reply(b);
	assert_string_equal(text_of(j, "action"), "updated");
	assert_string_equal(text_of(j, "default_runtime"), "shell");
	assert_string_equal(text_of(j, "description"), "first");
	assert_int_equal(json_len(json_get(j, "runtimes")), 2);
	assert_true(exists(b, "root/state/lifecycle/shell-bob.stopped"));
}

static void a_new_record_inherits_nothing_of_a_namesake(void **state)
{
	struct bin *b = *state;

	run(b, "create", "ann", "--runtime", "shell");
	put_file(b, "root/state/lifecycle/shell-bob.stopped", "2026-01-01T00:00:00Z");
	put_file(b, "root/state/lifecycle/shell-bob2.stopped", "2026-01-01T00:00:00Z");
	assert_int_equal(run(b, "create", "bob", "--runtime", "shell"), 0);
	assert_false(exists(b, "root/state/lifecycle/shell-bob.stopped"));
	assert_true(exists(b, "root/state/lifecycle/shell-bob2.stopped"));
}

static void a_name_comes_from_the_folder(void **state)
{
	struct bin *b = *state;
	char path[400];

	snprintf(path, sizeof path, "%s/Caf\xc3\xa9 No 2", b->dir);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(run(b, "create", "--path", path, "--runtime=shell"), 0);
	must_have(out(b), "created cafe-no-2 ");
	assert_int_equal(chdir(path), 0);
	assert_int_equal(run(b, "init", "--runtime=shell"), 0);
	must_have(out(b), "updated cafe-no-2 ");
	assert_int_equal(run(b, "init", "other"), 5);
	must_have(err_text_of(b), "one name a folder");
	assert_int_equal(chdir("/"), 0);
}

static void another_folder_is_refused(void **state)
{
	struct bin *b = *state;
	char path[400];

	run(b, "create", "bob", "--runtime", "shell");
	snprintf(path, sizeof path, "%s/elsewhere", b->dir);
	assert_int_equal(run(b, "create", "bob", "--path", path), 5);
	assert_false(exists(b, "elsewhere"));
	snprintf(path, sizeof path, "%s/peers/bob", b->root);
	assert_int_equal(run(b, "create", "ann", "--path", path), 5);
}

/* Words that are wrong, and a part of what is said about them. Nothing may have been written. */
static void what_is_wrong_is_said_before_anything_is_made(void **state)
{
	static const struct {
		const char *words[5];
		const char *said;
	} rows[] = {{{"create", "Bob"}, "did you mean bob?"},
		    {{"create", "bob_b"}, "did you mean bob-b?"},
		    {{"create", ""}, "no peer's name"},
		    {{"create", "bob", "--runtime", "nope"}, "there are: "},
		    {{"create", "bob", "--runtime", "No-Pe"}, "no runtime \"No-Pe\""},
		    {{"create", "bob", "--runtime="}, "--runtime is empty"},
		    {{"create", "bob", "--intelligence", "big"}, "none of artificial"},
		    {{"create", "bob", "--workdir", "/no/such/folder"}, "/no/such/folder"},
		    {{"create", "bob", "--tag", "a b"}, "is no tag"},
		    {{"create", "bob", "--runtime=telegram", "--intelligence=absent"}, "natural"},
		    {{"create", "bob", "--description", "\xff"}, "not UTF-8"}};
	struct bin *b = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (bin_run_env(b, NULL, rows[i].words) != 2)
			fail_msg("%s %s: exit %d", rows[i].words[1], rows[i].words[2], b->status);
		must_have(err_text_of(b), rows[i].said);
		assert_string_equal(out(b), "");
		assert_false(exists(b, "root/peers"));
		assert_false(exists(b, "root/peers-profiles.json"));
	}
}

static void a_runtime_without_its_program_is_a_warning(void **state)
{
	struct bin *b = *state;

	assert_int_equal(
	    run_env(b, "IAPEER_CLAUDE_BIN=/no/such/claude", "create", "bob", "--runtime", "claude"),
	    0);
	must_have(err_text_of(b), "iapeer: note: ");
	must_have(out(b), "created bob");
}

/* More goes with it than the folder: whoever decides is told, in the program's own words. */
static void what_trust_means_is_said_before_it_is_given(void **state)
{
	struct bin *b = *state;

	assert_int_equal(run(b, "create", "ann", "--runtime", "claude"), 0);
	must_have(err_text_of(b), "starts it with --dangerously-skip-permissions");
	assert_int_equal(run(b, "create", "rev", "--runtime", "codex"), 0);
	must_have(err_text_of(b), "starts it with --dangerously-bypass-approvals-and-sandbox ");
	assert_int_equal(run(b, "create", "ann", "--trust"), 0);
	must_lack(err_text_of(b), "--dangerously");
}

static void trust_is_shown_and_can_be_taken_back(void **state)
{
	struct bin *b = *state;

	run(b, "create", "ann", "--runtime", "claude", "--trust");
	run(b, "show", "ann");
	must_have(out(b), "trusted     yes");
	run(b, "show", "ann", "--json");
	must_have(out(b), "\"trust\":true");
	assert_int_equal(run(b, "set", "ann", "trust=perhaps"), 2);
	assert_int_equal(run(b, "set", "ann", "trust=no"), 0);
	run(b, "show", "ann", "--json");
	must_lack(out(b), "\"trust\"");
	assert_int_equal(run(b, "set", "ann", "trust=yes"), 0);
	run(b, "show", "ann", "--json");
	must_have(out(b), "\"trust\":true");
	assert_int_equal(run(b, "set", "ann", "trust="), 0);
	run(b, "show", "ann");
	must_lack(out(b), "trusted");
}

static void a_long_description_is_cut_at_450(void **state)
{
	AUTO(json_freep) struct json *j = NULL;
	struct bin *b = *state;
	char text[1000] = "";

	for (size_t i = 0; i < 451; i++)
		memcpy(text + 2 * i, "\xd0\xb6", 3);
	assert_int_equal(run(b, "create", "bob", "--runtime=shell", "--description", text), 0);
	must_have(err_text_of(b), "cut at 450");
	assert_int_equal(run(b, "show", "bob", "--json"), 0);
	j = reply(b);
	assert_int_equal(strlen(text_of(j, "description")), 900);
}

static void the_list_shows_each_runtimes_state_beside_the_name(void **state)
{
	AUTO(json_freep) struct json *j = NULL;
	struct bin *b = *state;
	const struct json *peer;

	run(b, "create", "bob", "--runtime", "shell", "--runtime", "notifier", "--description",
	    "does\x1b[31m things");
	run(b, "create", "al", "--runtime", "shell");
	assert_int_equal(run(b, "stop", "bob", "shell"), 0);
	assert_int_equal(run(b, "list"), 0);
	assert_string_equal(out(b),
			    "al   ○ shell\nbob  ✕ shell  ○ notifier  does\\x1b[31m things\n");
	assert_int_equal(run_env(b, "LC_ALL=C", "list"), 0);
	must_have(out(b), "x shell  o notifier");
	assert_int_equal(run(b, "list", "--json"), 0);
	j = reply(b);
	peer = json_at(json_get(j, "peers"), 1);
	assert_string_equal(text_of(peer, "personality"), "bob");
	assert_string_equal(text_of(json_at(json_get(peer, "runtimes"), 0), "state"), "stopped");
	assert_string_equal(text_of(json_at(json_get(peer, "runtimes"), 1), "state"), "asleep");
	assert_non_null(json_get(peer, "tags"));
	assert_non_null(json_get(peer, "queue"));
}

static void a_broken_state_file_hides_no_other_peer(void **state)
{
	struct bin *b = *state;

	run(b, "create", "al", "--runtime", "shell");
	run(b, "create", "bob", "--runtime", "shell");
	put_file(b, "root/state/lifecycle/shell-al.session", "{");
	assert_int_equal(run(b, "list"), 0);
	assert_string_equal(out(b), "al   ? shell\nbob  ○ shell\n");
	must_have(err_text_of(b), "shell-al");
	assert_int_equal(run(b, "show", "al"), 0);
	must_have(out(b), "? shell  unknown");
}

static void show_has_marks_topics_and_what_happened_last(void **state)
{
	AUTO(json_freep) struct json *j = NULL;
	struct bin *b = *state;

	run(b, "create", "bob", "--runtime", "shell");
	run(b, "stop", "bob");
	put_file(b, "root/state/lifecycle/shell-bob.topic", "release\n");
	put_file(b, "root/logs/iapeer/lifecycle.log",
		 "ts=2026-01-01T00:00:00.000+00:00 ev=wake identity=shell-bob mode=fresh "
		 "cause=first-wake\n"
		 "ts=2026-01-02T00:00:00.000+00:00 ev=wake identity=shell-bob2 mode=fresh "
		 "cause=other\n");
	assert_int_equal(run(b, "show", "bob", "--json"), 0);
	j = reply(b);
	assert_string_equal(json_text(json_at(json_get(j, "marks"), 0)), "stopped");
	assert_string_equal(json_text(json_at(json_get(j, "topics"), 0)), "release");
	assert_string_equal(text_of(json_get(json_get(j, "last"), "wake"), "cause"), "first-wake");
	assert_int_equal(run(b, "show", "bob"), 0);
	must_have(out(b), "✕ shell  stopped");
	must_have(out(b), "release");
	must_have(out(b), "first-wake");
}

static void set_changes_profile_and_registry(void **state)
{
	struct bin *b = *state;

	run(b, "create", "bob", "--runtime", "shell");
	assert_int_equal(run(b, "set", "bob", "default=notifier", "runtimes=shell,notifier",
			     "description=new", "tags=x,y", "wake-policy=ephemeral",
			     "accepts=natural,artificial"),
			 0);
	must_have(file_text(b, "root/peers-profiles.json"), "\"default_runtime\": \"notifier\"");
	must_have(file_text(b, "root/peers-profiles.json"), "\"new\"");
	must_have(file_text(b, "root/peers/bob/.iapeer/peer-profile.json"), "\"ephemeral\"");
	assert_int_equal(
	    run(b, "set", "bob", "runtimes=notifier", "description=", "wake_policy=on-demand"), 0);
	must_lack(file_text(b, "root/peers-profiles.json"), "shell");
	must_lack(file_text(b, "root/peers-profiles.json"), "\"new\"");
	must_lack(file_text(b, "root/peers/bob/.iapeer/peer-profile.json"), "ephemeral");
	/* An empty value takes the default back. */
	assert_int_equal(run(b, "set", "bob", "wake_policy=always", "resume_policy=never"), 0);
	must_have(file_text(b, "root/peers/bob/.iapeer/peer-profile.json"), "\"always\"");
	assert_int_equal(run(b, "set", "bob", "wake_policy=", "resume_policy="), 0);
	must_lack(file_text(b, "root/peers/bob/.iapeer/peer-profile.json"), "always");
	must_lack(file_text(b, "root/peers/bob/.iapeer/peer-profile.json"), "never");
}

static void set_refuses_what_it_does_not_know_and_changes_nothing(void **state)
{
	static const struct {
		const char *word, *said;
	} rows[] = {{"descriptoin=x", "did you mean description?"},
		    {"tags", "no key=value"},
		    {"default=claude", "it has: shell"},
		    {"runtimes=", "at least one"},
		    {"runtimes=nope", "nope"},
		    {"accepts=everyone", "none of"},
		    {"wake_policy=never", "none of"},
		    {"workdir=/no/such", "/no/such"}};
	struct bin *b = *state;

	run(b, "create", "bob", "--runtime", "shell", "--description", "old");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (run(b, "set", "bob", "description=new", rows[i].word) != 2)
			fail_msg("%s: exit %d", rows[i].word, b->status);
		must_have(err_text_of(b), rows[i].said);
		must_have(file_text(b, "root/peers-profiles.json"), "\"old\"");
	}
}

static void remove_purges_the_names_own_state_and_keeps_the_folder(void **state)
{
	AUTO(json_freep) struct json *j = NULL;
	struct bin *b = *state;

	run(b, "create", "bob", "--runtime", "shell");
	run(b, "create", "bob2", "--runtime", "shell");
	run(b, "stop", "--all");
	assert_int_equal(run(b, "remove", "bob", "--json"), 0);
	j = reply(b);
	assert_string_equal(text_of(j, "action"), "removed");
	assert_string_equal(
	    json_text(json_at(json_get(j, "purged"), json_len(json_get(j, "purged")) - 1)),
	    "shell-bob.stopped");
	assert_true(exists(b, "root/peers/bob/.iapeer/peer-profile.json"));
	assert_true(exists(b, "root/state/lifecycle/shell-bob2.stopped"));
	assert_int_equal(run(b, "list"), 0);
	must_lack(out(b), "bob ");
}

static void a_peer_that_is_not_there_is_absent_not_an_error(void **state)
{
	struct bin *b = *state;

	assert_int_equal(run(b, "remove", "bob", "--json"), 0);
	must_have(out(b), "\"action\":\"absent\"");
	run(b, "create", "ann", "--runtime", "shell");
	assert_int_equal(run(b, "remove", "bob"), 0);
	must_have(out(b), "absent");
	assert_int_equal(run(b, "remove", "Bob!"), 2);
}

static void a_corrupt_registry_is_an_error_and_stays(void **state)
{
	struct bin *b = *state;

	run(b, "create", "bob", "--runtime", "shell");
	put_file(b, "root/peers-profiles.json", "{");
	assert_int_equal(run(b, "list"), 7);
	assert_int_equal(run(b, "create", "ann", "--runtime", "shell"), 7);
	assert_string_equal(file_text(b, "root/peers-profiles.json"), "{");
	assert_int_equal(run(b, "list", "--json"), 7);
	must_have(out(b), "{\"error\":{\"code\":\"corrupt\"");
}

#define T(name) cmocka_unit_test_setup_teardown(name, bin_setup, bin_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(an_empty_registry_says_so_and_stays_unmade),
	    T(a_peer_is_made_whole),
	    T(a_second_create_merges_and_purges_nothing),
	    T(a_new_record_inherits_nothing_of_a_namesake),
	    T(a_name_comes_from_the_folder),
	    T(another_folder_is_refused),
	    T(what_is_wrong_is_said_before_anything_is_made),
	    T(a_runtime_without_its_program_is_a_warning),
	    T(what_trust_means_is_said_before_it_is_given),
	    T(trust_is_shown_and_can_be_taken_back),
	    T(a_long_description_is_cut_at_450),
	    T(the_list_shows_each_runtimes_state_beside_the_name),
	    T(a_broken_state_file_hides_no_other_peer),
	    T(show_has_marks_topics_and_what_happened_last),
	    T(set_changes_profile_and_registry),
	    T(set_refuses_what_it_does_not_know_and_changes_nothing),
	    T(remove_purges_the_names_own_state_and_keeps_the_folder),
	    T(a_peer_that_is_not_there_is_absent_not_an_error),
	    T(a_corrupt_registry_is_an_error_and_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
