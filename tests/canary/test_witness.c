/* Who asked for a kill: a hint on one server's end, and on no other's. */
#include "iapeer/canary/witness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scratch.h"

#include "iapeer/base/journal.h"
#include "iapeer/base/str.h"
#include "iapeer/canary/ledger.h"

#include "iapeer/base/banned.h"

#define EXITS   ROOT_REL(LAYOUT_EXITS_LOG)
#define WITNESS ROOT_REL(LAYOUT_LIFECYCLE) "/shell-bob.witness"

/* Every process is looked at: the names are of this run's own. */
static char socket_name[80], socket_here[100], socket_there[100], socket_else[100],
    tmux_variable[120];

static void name_sockets(void)
{
	snprintf(socket_name, sizeof socket_name, "tmux-iap-shell-bob-%ld.sock", (long)getpid());
	snprintf(socket_here, sizeof socket_here, "/nowhere/%s", socket_name);
	snprintf(socket_there, sizeof socket_there, "/other/way/%s", socket_name);
	snprintf(socket_else, sizeof socket_else, "/nowhere/x%s", socket_name);
	snprintf(tmux_variable, sizeof tmux_variable, "%s,123,0", socket_here);
}

/* A watched server, as the ledger has it. */
static struct canary armed(const struct world *w, const char *identity)
{
	struct canary c = {.server = {0}};
	enum canary_state s;

	str_cut(c.identity, sizeof c.identity, identity);
	str_cut(c.socket, sizeof c.socket, socket_here);
	c.server = scratch_process();
	OK(canary_arm(&w->l, &c, e));
	OK(canary_load(&w->l, identity, &s, &c, e));
	return c;
}

/* A tmux client, to look at: it waits on its standard input. */
struct client {
	pid_t pid;
	int fd;
};

static struct client client(const struct world *w, const char *const *words)
{
	AUTO(strv_done) struct strv argv = STRV_INIT;
	const char *script =
	    world_script(w, "tmux", "#!/bin/sh\necho >\"$0.up\"\nread never\nexit 0\n");
	struct client c;
	int fds[2];
	struct err e;

	for (; *words; words++)
		strv_add(&argv, *words);
	assert_int_equal(plat_pipe(fds, &e), 0);
	c.fd = fds[1];
	c.pid = fork();
	if (c.pid == 0) {
		dup2(fds[0], 0);
		execv(script, strv_argv(&argv));
		_exit(127);
	}
	close(fds[0]);
	EVENTUALLY(world_exists(w, "tmux.up"));
	unlink(world_path(w, "tmux.up"));
	return c;
}

static void client_done(struct client *c)
{
	close(c->fd);
	waitpid(c->pid, NULL, 0);
}
#define CLIENT(name, ...)                                                                          \
	AUTO(client_done)                                                                          \
	__attribute__((unused)) struct client name =                                               \
	    client(w, (const char *const[]){"tmux", __VA_ARGS__, NULL})

static struct witness noted(const struct world *w, const struct canary *c)
{
	struct witness n = {.command = ""};

	OK(witness_note(&w->l, c->identity, c->server, "kill-server", e));
	assert_true(witness_load(&w->l, c->identity, c->server, &n));
	return n;
}

/* Record its orderly end; the value of a key in the last line. */
static const char *ended(const struct world *w, struct canary *c, const char *key)
{
	static char value[256];
	struct death d = {.canary = *c, .observed = true, .status = 0};
	auto_free char *text = NULL;

	scratch_end(c->server, SIGKILL);
	OK(canary_record(&w->l, &d, 1, e));
	text = world_read(w, EXITS);
	if (!logfmt_get(text, strcspn(text, "\n"), key, value, sizeof value))
		value[0] = '\0';
	return value;
}

/* ---- who ---- */

static void a_client_with_such_words_is_the_one_that_asked(void **state)
{
	struct world *w = *state;
	struct canary c = armed(w, "shell-bob");
	char self[32];

	CLIENT(one, "-S", socket_there, "kill-server");
	struct witness n = noted(w, &c);
	assert_true(str_starts(n.asker, "tmux < test_witness"));
	snprintf(self, sizeof self, " %ld", (long)getpid());
	HAS(n.pids, self);
	assert_string_equal(ended(w, &c, "asker"), n.asker);
}

static void a_client_of_another_server_did_not_ask(void **state)
{
	struct world *w = *state;
	struct canary c = armed(w, "shell-bob");

	CLIENT(one, "-S", socket_else, "kill-server");
	assert_string_equal(noted(w, &c).asker, "");
	scratch_end(c.server, SIGKILL);
}

static void a_client_of_who_knows_which_server_did_not_ask(void **state)
{
	struct world *w = *state;
	struct canary c = armed(w, "shell-bob");

	unsetenv("TMUX");
	CLIENT(one, "kill-server");
	assert_string_equal(noted(w, &c).asker, "");
	scratch_end(c.server, SIGKILL);
}

static void a_client_inside_means_the_server_of_its_environment(void **state)
{
	struct world *w = *state;
	struct canary c = armed(w, "shell-bob");

	setenv("TMUX", tmux_variable, 1);
	CLIENT(one, "kill-session");
	unsetenv("TMUX");
	assert_true(str_starts(noted(w, &c).asker, "tmux < "));
	scratch_end(c.server, SIGKILL);
}

static void the_only_attached_client_asked_by_a_key(void **state)
{
	struct world *w = *state;
	struct canary c = armed(w, "shell-bob");

	CLIENT(one, "-S", socket_here, "attach-session");
	assert_true(str_starts(noted(w, &c).asker, "tmux < "));
	{
		CLIENT(two, "-S", socket_here, "attach-session", "-r");
		assert_string_equal(noted(w, &c).asker, ""); /* one of two: which, nobody knows */
	}
	scratch_end(c.server, SIGKILL);
}

/* ---- of which end ---- */

static void an_orderly_end_with_a_witness_is_a_kill(void **state)
{
	struct world *w = *state;
	struct canary c = armed(w, "shell-bob");

	OK(witness_note(&w->l, "shell-bob", c.server, "kill-session", e));
	assert_string_equal(ended(w, &c, "cause"), "kill-server");
	auto_free char *text = world_read(w, EXITS);
	HAS(text, " cause=kill-server evidence=observed exit=0 command=kill-session death_id=");
	assert_false(world_exists(w, WITNESS));
}

static void an_orderly_end_without_one_is_an_exit(void **state)
{
	struct world *w = *state;
	struct canary c = armed(w, "shell-bob");

	assert_string_equal(ended(w, &c, "cause"), "exited");
}

static void a_witness_that_was_taken_back_explains_nothing(void **state)
{
	struct world *w = *state;
	struct canary c = armed(w, "shell-bob");

	OK(witness_note(&w->l, "shell-bob", c.server, "kill-session", e));
	OK(witness_over(&w->l, "shell-bob", c.server, e));
	assert_string_equal(ended(w, &c, "cause"), "exited");
}

static void a_signal_is_nobodys_request(void **state)
{
	struct world *w = *state;
	struct canary c = armed(w, "shell-bob");
	struct death d = {.canary = c, .observed = true};

	OK(witness_note(&w->l, "shell-bob", c.server, "kill-server", e));
	d.status = scratch_end(c.server, SIGKILL);
	OK(canary_record(&w->l, &d, 1, e));
	auto_free char *text = world_read(w, EXITS);
	HAS(text, " cause=sigkill evidence=observed signal=SIGKILL death_id=");
}

static void found_late_the_asker_is_a_hint_and_no_cause(void **state)
{
	struct world *w = *state;
	struct canary c = armed(w, "shell-bob");
	struct death d = {.canary = c, .late = true};

	OK(witness_note(&w->l, "shell-bob", c.server, "kill-server", e));
	scratch_end(c.server, SIGTERM);
	OK(canary_record(&w->l, &d, 1, e));
	auto_free char *text = world_read(w, EXITS);
	HAS(text, " cause=unknown evidence=inferred command=kill-server late=true ");
}

static void another_servers_witness_is_not_this_ones(void **state)
{
	struct world *w = *state;
	struct canary old = armed(w, "shell-bob"), new;

	OK(witness_note(&w->l, "shell-bob", old.server, "kill-server", e));
	scratch_end(old.server, SIGKILL);
	new = armed(w, "shell-bob");
	assert_string_equal(ended(w, &new, "cause"), "exited");
}

static void what_is_not_watched_or_ends_on_purpose_needs_no_witness(void **state)
{
	struct world *w = *state;
	struct proc_ref stranger = scratch_process();
	struct canary c;

	OK(witness_note(&w->l, "shell-bob", stranger, "kill-server", e));
	assert_false(world_exists(w, WITNESS));
	c = armed(w, "shell-bob");
	OK(witness_note(&w->l, "shell-bob", stranger, "kill-server", e));
	assert_false(world_exists(w, WITNESS));
	OK(canary_begin_ending(&w->l, "shell-bob", "stop", "end", 1, e));
	OK(witness_note(&w->l, "shell-bob", c.server, "kill-server", e));
	assert_false(world_exists(w, WITNESS));
	FAILS(ERR_USAGE, witness_note(&w->l, "../bob", c.server, "kill-server", e));
	scratch_end(stranger, SIGKILL);
	scratch_end(c.server, SIGKILL);
}

static void a_file_that_is_no_witness_is_none(void **state)
{
	static const char *const texts[] = {"", "{", "[]", "{\"format\":1}",
					    "{\"server_pid\":\"x\",\"server_birth\":1}"};
	struct world *w = *state;
	struct canary c = armed(w, "shell-bob");
	struct witness n;

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		world_write(w, WITNESS, texts[i]);
		assert_false(witness_load(&w->l, "shell-bob", c.server, &n));
	}
	assert_string_equal(ended(w, &c, "cause"), "exited");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_client_with_such_words_is_the_one_that_asked),
	    TEST(a_client_of_another_server_did_not_ask),
	    TEST(a_client_of_who_knows_which_server_did_not_ask),
	    TEST(a_client_inside_means_the_server_of_its_environment),
	    TEST(the_only_attached_client_asked_by_a_key),
	    TEST(an_orderly_end_with_a_witness_is_a_kill),
	    TEST(an_orderly_end_without_one_is_an_exit),
	    TEST(a_witness_that_was_taken_back_explains_nothing),
	    TEST(a_signal_is_nobodys_request),
	    TEST(found_late_the_asker_is_a_hint_and_no_cause),
	    TEST(another_servers_witness_is_not_this_ones),
	    TEST(what_is_not_watched_or_ends_on_purpose_needs_no_witness),
	    TEST(a_file_that_is_no_witness_is_none),
	};

	name_sockets();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
