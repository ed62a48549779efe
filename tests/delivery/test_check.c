#include "iapeer/delivery/check.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/mem.h"

#include "iapeer/base/banned.h"

static const struct manifest bare = {.envelope = ENVELOPE_BARE};
static const struct manifest iap = {.envelope = ENVELOPE_IAP};

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	char *dir = xasprintf("%s/iapeer-check.XXXXXX", tmp && *tmp ? tmp : "/tmp");

	*state = mkdtemp(dir);
	return *state && chdir(dir) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	struct err e;

	if (chdir("/") < 0 || fs_remove_tree(AT_FDCWD, *state, &e) < 0)
		return -1;
	free(*state);
	return 0;
}

static char *repeated(const char *character, size_t n)
{
	struct buf b = BUF_INIT(CAP_TEXT);
	char *s;

	for (size_t i = 0; i < n; i++)
		buf_str(&b, character);
	s = xstrdup(buf_cstr(&b));
	buf_done(&b);
	return s;
}

static int check_body(char *take_body, const char *said)
{
	AUTO(queue_item_done) struct queue_item m = {.kind = ITEM_MESSAGE, .body = take_body};
	struct err e = ERR_INIT;
	int rc = check_message(&m, &bare, &e);

	if (said && !strstr(e.msg, said))
		fail_msg("no \"%s\" in: %s", said, e.msg);
	assert_int_equal(e.code, rc < 0 ? ERR_USAGE : ERR_NONE);
	return rc;
}

static void a_message_has_at_most_16000_characters(void **state)
{
	(void)state;
	assert_int_equal(check_body(repeated("a", 16000), NULL), 0);
	assert_int_equal(check_body(repeated("a", 16001), "16001 characters, the limit is 16000"),
			 -1);
}

static void characters_are_counted_not_bytes(void **state)
{
	(void)state;
	assert_int_equal(check_body(repeated("ж", 16000), NULL), 0);
	assert_int_equal(check_body(repeated("ж", 16001), "16001"), -1);
	assert_int_equal(check_body(repeated("🙂", 16000), NULL), 0);
	assert_int_equal(check_body(repeated("🙂", 16001), "16001"), -1);
}

static void a_message_is_utf8(void **state)
{
	static const char *const bad[] = {"\xff", "a\xc3", "\xc0\xaf", "\xed\xa0\x80",
					  "\xf4\x90\x80\x80"};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(check_body(xstrdup(bad[i]), "not UTF-8"), -1);
}

static void an_empty_message_is_none(void **state)
{
	static const char *const bad[] = {"", " ", "\n", "\t\r\n "};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(check_body(xstrdup(bad[i]), "empty"), -1);
	assert_int_equal(check_body(NULL, "empty"), -1);
}

static void a_wake_needs_no_words(void **state)
{
	struct queue_item m = {.kind = ITEM_WAKE};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(check_message(&m, &bare, &e), 0);
}

static int check_topic(char *take_topic)
{
	AUTO(queue_item_done)
	struct queue_item m = {.kind = ITEM_MESSAGE, .body = xstrdup("x"), .topic = take_topic};
	struct err e = ERR_INIT;

	return check_message(&m, &bare, &e);
}

static void a_topic_is_one_line_of_at_most_200_characters(void **state)
{
	(void)state;
	assert_int_equal(check_topic(repeated("ж", 200)), 0);
	assert_int_equal(check_topic(repeated("ж", 201)), -1);
	assert_int_equal(check_topic(xstrdup("two\nlines")), -1);
	assert_int_equal(check_topic(xstrdup("\xff")), -1);
}

static int check_files(const struct manifest *mf, size_t n, const char *path, struct queue_item *m,
		       struct err *e)
{
	*m = (struct queue_item){.kind = ITEM_MESSAGE, .body = xstrdup("x")};
	for (size_t i = 0; i < n; i++)
		strv_add(&m->attachments, path);
	return check_message(m, mf, e);
}

static void put(const char *name)
{
	struct err e;

	if (fs_write_soft(AT_FDCWD, name, "x", 1, 0600, &e) < 0)
		fail_msg("%s", e.msg);
}

static void there_are_at_most_20_attachments(void **state)
{
	struct queue_item m;
	struct err e = ERR_INIT;

	(void)state;
	put("file");
	assert_int_equal(check_files(&bare, 20, "file", &m, &e), 0);
	queue_item_done(&m);
	assert_int_equal(check_files(&bare, 21, "file", &m, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
	assert_non_null(strstr(e.msg, "21 attachments, the limit is 20"));
	queue_item_done(&m);
}

static void an_attachment_is_a_readable_regular_file(void **state)
{
	static const char *const bad[] = {"missing", ".",        "/dev/null",
					  "fifo",    "dangling", "file/below"};

	(void)state;
	put("file");
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(symlink("nowhere", "dangling"), 0);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct err e = ERR_INIT;
		struct queue_item m;

		if (check_files(&bare, 1, bad[i], &m, &e) == 0)
			fail_msg("%s was taken", bad[i]);
		assert_int_equal(e.code, ERR_USAGE);
		assert_non_null(strstr(e.msg, bad[i]));
		queue_item_done(&m);
	}
}

static void an_attachment_becomes_absolute(void **state)
{
	struct err e = ERR_INIT;
	struct queue_item m;

	put("file");
	assert_int_equal(symlink("file", "link"), 0);
	assert_int_equal(check_files(&iap, 1, "link", &m, &e), 0);
	assert_int_equal(m.attachments.v[0][0], '/');
	assert_non_null(strstr(m.attachments.v[0], strrchr(*state, '/')));
	assert_int_equal(access(m.attachments.v[0], R_OK), 0);
	queue_item_done(&m);
}

static void a_line_break_in_a_name_would_break_the_envelopes_list(void **state)
{
	struct err e = ERR_INIT;
	struct queue_item m;

	(void)state;
	put("two\nlines");
	assert_int_equal(check_files(&iap, 1, "two\nlines", &m, &e), -1);
	queue_item_done(&m);
	assert_int_equal(check_files(&bare, 1, "two\nlines", &m, &e), 0);
	queue_item_done(&m);
}

/* ---- who may send ---- */

struct who {
	const char *runtime, *name;
	enum nature nature;
	unsigned accepts; /* the profile's; 0: the manifest's */
	enum envelope_kind envelope;
	enum err_code code;
};

static void a_peer_takes_messages_from_the_natures_that_it_accepts(void **state)
{
	static const struct who rows[] = {
	    {"claude", "alice", NATURE_ARTIFICIAL, 0, ENVELOPE_IAP, ERR_NONE},
	    {"claude", "alice", NATURE_ARTIFICIAL, 0, ENVELOPE_BARE, ERR_REFUSED},
	    {"cli", "me", NATURE_NATURAL, 0, ENVELOPE_BARE, ERR_NONE},
	    {"shell", "cron", NATURE_ABSENT, 0, ENVELOPE_BARE, ERR_NONE},
	    {"claude", "alice", NATURE_ARTIFICIAL, 1U << NATURE_ARTIFICIAL, ENVELOPE_BARE,
	     ERR_NONE},
	    {"cli", "me", NATURE_NATURAL, 1U << NATURE_ARTIFICIAL, ENVELOPE_IAP, ERR_REFUSED},
	    {"shell", "what", NATURE_NONE, 1U << NATURE_ABSENT, ENVELOPE_IAP, ERR_NONE},
	    {"shell", "bob", NATURE_ABSENT, 0, ENVELOPE_IAP, ERR_REFUSED},
	    {"claude", "bob", NATURE_ARTIFICIAL, 0, ENVELOPE_IAP, ERR_REFUSED},
	    {"cli", "bob", NATURE_NATURAL, 0, ENVELOPE_IAP, ERR_NONE},
	};
	const struct peer_id bob = {.name = "bob", .runtime = "shell"};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct manifest m = {.envelope = rows[i].envelope};
		struct profile p = {.accepts = rows[i].accepts};
		struct sender s = {.nature = rows[i].nature};
		struct err e = ERR_INIT;

		snprintf(s.id.name, sizeof s.id.name, "%s", rows[i].name);
		snprintf(s.id.runtime, sizeof s.id.runtime, "%s", rows[i].runtime);
		if ((check_sender(&s, &bob, &p, &m, &e) < 0) != (rows[i].code != ERR_NONE) ||
		    e.code != rows[i].code)
			fail_msg("row %zu: %s", i, e.msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_message_has_at_most_16000_characters),
	    cmocka_unit_test(characters_are_counted_not_bytes),
	    cmocka_unit_test(a_message_is_utf8),
	    cmocka_unit_test(an_empty_message_is_none),
	    cmocka_unit_test(a_wake_needs_no_words),
	    cmocka_unit_test(a_topic_is_one_line_of_at_most_200_characters),
	    cmocka_unit_test_setup_teardown(there_are_at_most_20_attachments, setup, teardown),
	    cmocka_unit_test_setup_teardown(an_attachment_is_a_readable_regular_file, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(an_attachment_becomes_absolute, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_line_break_in_a_name_would_break_the_envelopes_list,
					    setup, teardown),
	    cmocka_unit_test(a_peer_takes_messages_from_the_natures_that_it_accepts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
