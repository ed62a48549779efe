/* What the documents say that can be compared with the code: exit statuses, verbs, paths, settings,
 * file names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/str.h"
#include "iapeer/cli/verbs.h"
#include "iapeer/registry/layout.h"

#include "iapeer/base/banned.h"

#define DOC_MAX (1U << 20)

static const char *const documents[] = {
    "README.md",        "docs/ARCHITECTURE.md", "docs/CONVENTIONS.md", "docs/FILES.md",
    "docs/PROTOCOL.md", "docs/TESTING.md",      "docs/PERFORMANCE.md", "docs/RUNTIMES.md",
    "docs/SECURITY.md", "docs/GUIDE.md",        "docs/RECOVERY.md",    "docs/FAQ.md",
    "docs/CI.md",
};
#define N_DOCUMENTS (sizeof documents / sizeof documents[0])

static void path_of(const char *rel, char *out, size_t size)
{
	const char *source = getenv("IAPEER_SOURCE_DIR");

	assert_non_null(source);
	snprintf(out, size, "%s/%s", source, rel);
	if (str_ends(out, "/"))
		out[strlen(out) - 1] = '\0';
}

static void read_doc(const char *rel, struct buf *out)
{
	char path[1024];
	struct err e;

	path_of(rel, path, sizeof path);
	if (fs_read(AT_FDCWD, path, out, &e) < 0)
		fail_msg("%s", e.msg);
}

static bool has(const char *rel, const char *text)
{
	AUTO(buf_done) struct buf b = BUF_INIT(DOC_MAX);

	read_doc(rel, &b);
	return strstr(buf_cstr(&b), text) != NULL;
}

static void must_have(const char *rel, const char *text)
{
	if (!has(rel, text))
		fail_msg("%s does not say: %s", rel, text);
}

static void exit_statuses_are_those_of_the_code(void **state)
{
	char row[256];

	(void)state;
	for (int code = 0; code < ERR_CODE_COUNT; code++) {
		snprintf(row, sizeof row, "| %d | %s | %s |", code, err_word((enum err_code)code),
			 err_text((enum err_code)code));
		must_have("docs/PROTOCOL.md", row);
		snprintf(row, sizeof row, "| %d | `%s` | %s |", code, err_word((enum err_code)code),
			 err_text((enum err_code)code));
		must_have("README.md", row);
	}
}

static void every_file_of_the_root_is_described(void **state)
{
	static const char *const paths[] = {
	    LAYOUT_REGISTRY,    LAYOUT_REGISTRY_LOCK, LAYOUT_REGISTRY_BAK,
	    LAYOUT_ENVIRONMENT, LAYOUT_TMUX_CONF,     LAYOUT_CONFIG,
	    LAYOUT_BINARY,      LAYOUT_LIFECYCLE,     LAYOUT_TRASH,
	    LAYOUT_SOCKS,       LAYOUT_PROFILE,       "locks/",
	    "removing/",        "supervise.sock",     "supervise.lock",
	    "supervise.log",    "lifecycle.log",      "delivery.log",
	    "exits.log",        "server-deaths/",     "lifecycle/<identity>.log",
	};

	(void)state;
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
		must_have("docs/FILES.md", paths[i]);
}

/* The names in the table of src/registry/settings.c; `..._KEEP` stands behind its MAX_BYTES. */
static void every_setting_is_described(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(DOC_MAX);
	const char *s;
	size_t n = 0;

	(void)state;
	read_doc("src/registry/settings.c", &b);
	for (s = buf_cstr(&b); (s = strstr(s, "{\"IAPEER_")) != NULL; n++) {
		char name[64];

		s += 2;
		snprintf(name, sizeof name, "%.*s", (int)strcspn(s, "\""), s);
		if (!str_ends(name, "_KEEP"))
			must_have("docs/FILES.md", name);
	}
	assert_true(n > 10);
}

/* A word in backticks that begins like a path of the source tree must be one; the rest of it may be
 * a pattern. */
static void check_path(const char *rel, const char *word, size_t len)
{
	char name[256], path[1024];
	struct fs_info info;
	struct err e;

	len = strcspn(word, "` :") < len ? strcspn(word, "` :") : len;
	snprintf(name, sizeof name, "%.*s", (int)len, word);
	if (!(str_starts(name, "src/") || str_starts(name, "tests/") || str_starts(name, "docs/") ||
	      str_starts(name, "include/")) ||
	    strpbrk(name, "*<{"))
		return;
	path_of(name, path, sizeof path);
	if (fs_stat(AT_FDCWD, path, &info, &e) < 0 || !info.exists)
		fail_msg("%s names %s, which is not there", rel, name);
}

static void files_that_are_named_are_there(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_DOCUMENTS; i++) {
		AUTO(buf_done) struct buf b = BUF_INIT(DOC_MAX);

		read_doc(documents[i], &b);
		for (const char *s = buf_cstr(&b); (s = strchr(s, '`')) != NULL;) {
			size_t len = strcspn(++s, "`\n");

			check_path(documents[i], s, len);
			s += len + (s[len] == '`');
		}
	}
}

/* "[text](target)" with a target in this repository. */
static void links_lead_somewhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_DOCUMENTS; i++) {
		AUTO(buf_done) struct buf b = BUF_INIT(DOC_MAX);
		const char *folder = str_starts(documents[i], "docs/") ? "docs/" : "";

		read_doc(documents[i], &b);
		for (const char *s = buf_cstr(&b); (s = strstr(s, "](")) != NULL;) {
			char rel[300], path[1024];
			struct fs_info info;
			struct err e;

			s += 2;
			if (str_starts(s, "http"))
				continue;
			snprintf(rel, sizeof rel, "%s%.*s", folder, (int)strcspn(s, ")#"), s);
			path_of(rel, path, sizeof path);
			if (fs_stat(AT_FDCWD, path, &info, &e) < 0 || !info.exists)
				fail_msg("%s: a link to %s", documents[i], rel);
		}
	}
}

static void verbs_that_are_named_exist(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_DOCUMENTS; i++) {
		AUTO(buf_done) struct buf b = BUF_INIT(DOC_MAX);

		read_doc(documents[i], &b);
		for (const char *s = buf_cstr(&b); (s = strstr(s, "`iapeer ")) != NULL;) {
			char verb[64];

			s += strlen("`iapeer ");
			snprintf(verb, sizeof verb, "%.*s", (int)strcspn(s, " `"), s);
			if ((islower((unsigned char)verb[0]) || verb[0] == '_') && !verb_find(verb))
				fail_msg("%s: no verb %s", documents[i], verb);
		}
	}
}

static size_t lines_of(const char *rel)
{
	AUTO(buf_done) struct buf b = BUF_INIT(DOC_MAX);
	size_t n = 0;

	read_doc(rel, &b);
	for (size_t i = 0; i < b.len; i++)
		n += b.p[i] == '\n';
	return n;
}

static void what_people_read_is_short(void **state)
{
	static const char *const pages[] = {"README.md",        "docs/GUIDE.md", "docs/RECOVERY.md",
					    "docs/SECURITY.md", "docs/FAQ.md",   "docs/CI.md"};

	(void)state;
	for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++)
		if (lines_of(pages[i]) > 200)
			fail_msg("%s has %zu lines", pages[i], lines_of(pages[i]));
}

static void the_readme_names_the_two_commands_and_the_pages(void **state)
{
	static const char *const named[] = {
	    "\ntests/quickstart ", "\ntests/run ",  "(docs/GUIDE.md)", "(docs/RECOVERY.md)",
	    "(docs/SECURITY.md)",  "(docs/FAQ.md)", "(docs/CI.md)",    "(docs/PERFORMANCE.md)",
	};

	(void)state;
	for (size_t i = 0; i < sizeof named / sizeof named[0]; i++)
		must_have("README.md", named[i]);
}

/* A figure with its unit, as the README has it, stands in the page that says how it was made. */
static void figures_are_those_that_were_measured(void **state)
{
	static const char *const units[] = {" ms", " MiB", " KiB"};
	AUTO(buf_done) struct buf b = BUF_INIT(DOC_MAX);
	size_t found = 0;

	(void)state;
	read_doc("README.md", &b);
	for (size_t u = 0; u < sizeof units / sizeof units[0]; u++) {
		const char *s = buf_cstr(&b);

		for (const char *at = s; (at = strstr(at, units[u])) != NULL; at++) {
			const char *from = at;
			char figure[64];

			while (from > s && (isdigit((unsigned char)from[-1]) || from[-1] == '.'))
				from--;
			if (from == at)
				continue;
			snprintf(figure, sizeof figure, " %.*s%s", (int)(at - from), from,
				 units[u]);
			must_have("docs/PERFORMANCE.md", figure);
			found++;
		}
	}
	assert_true(found >= 5);
}

static void the_architecture_fits_on_a_few_screens(void **state)
{
	(void)state;
	assert_true(lines_of("docs/ARCHITECTURE.md") <= 150);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(exit_statuses_are_those_of_the_code),
	    cmocka_unit_test(every_file_of_the_root_is_described),
	    cmocka_unit_test(every_setting_is_described),
	    cmocka_unit_test(files_that_are_named_are_there),
	    cmocka_unit_test(links_lead_somewhere),
	    cmocka_unit_test(verbs_that_are_named_exist),
	    cmocka_unit_test(what_people_read_is_short),
	    cmocka_unit_test(the_readme_names_the_two_commands_and_the_pages),
	    cmocka_unit_test(figures_are_those_that_were_measured),
	    cmocka_unit_test(the_architecture_fits_on_a_few_screens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
