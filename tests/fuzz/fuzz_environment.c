/* <root>/environment, whatever is in it: read as its text is parsed; one variable changed in it has
 * the value that was given, and the others have theirs. The first line of the input is that value,
 * and one of the variables of whoever creates the first peer. */
#include <stdint.h>

#include "iapeer/base/mem.h"
#include "iapeer/registry/environment.h"

#include "root.h"

#include "iapeer/base/banned.h"

#define VARIABLES_MAX 1000
#define KEY           "PATH"
#define TOLD          "LANG" /* what `create` takes over, where it is set */

static void same_but_one(const struct strv *a, const struct strv *b)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++) {
		if (strncmp(a->v[i], KEY "=", strlen(KEY "=")) == 0)
			continue;
		while (n < b->n && strncmp(b->v[n], KEY "=", strlen(KEY "=")) == 0)
			n++;
		must(n < b->n && strcmp(a->v[i], b->v[n++]) == 0);
	}
	while (n < b->n && strncmp(b->v[n], KEY "=", strlen(KEY "=")) == 0)
		n++;
	must(n == b->n);
}

/* False: it cannot be read. */
static bool load(const uint8_t *data, size_t size, struct strv *out)
{
	AUTO(strv_done) struct strv parsed = STRV_INIT;
	char path[LAYOUT_PATH];
	struct err e, why;
	int rc;

	must(layout_abs(&l, LAYOUT_ENVIRONMENT, path, &e) == 0);
	rc = environment_parse((const char *)data, size, path, &parsed, NULL, &why);
	must(environment_load(&l, out, &e) == rc);
	if (rc < 0) {
		must(e.code == ERR_CORRUPT && strcmp(e.msg, why.msg) == 0 && out->n == 0);
		return false;
	}
	must(out->n == parsed.n);
	for (size_t i = 0; i < out->n; i++)
		must(strcmp(out->v[i], parsed.v[i]) == 0);
	return true;
}

/* before: NULL, it cannot be read. Changing one line may mend it. */
static void change(const char *value, const struct strv *before)
{
	AUTO(strv_done) struct strv after = STRV_INIT;
	AUTO(buf_done) struct buf old = BUF_INIT(CAP_OUTPUT);
	AUTO(buf_done) struct buf new = BUF_INIT(CAP_OUTPUT);
	struct err e;

	get_file(LAYOUT_ENVIRONMENT, &old);
	if (environment_put(&l, KEY, value, &e) < 0) {
		must(strpbrk(value, "\r\n") ? e.code == ERR_USAGE
					    : !before || before->n == VARIABLES_MAX);
		get_file(LAYOUT_ENVIRONMENT, &new);
		must(same_bytes(&old, &new));
		return;
	}
	must(environment_load(&l, &after, &e) == 0);
	must(strcmp(environment_get(&after, KEY), value) == 0);
	if (before)
		same_but_one(before, &after);
}

/* What is not there is made of the creator's. */
static void make(const char *value)
{
	AUTO(strv_done) struct strv made = STRV_INIT;
	const char *found;
	struct err e;

	drop_file(LAYOUT_ENVIRONMENT);
	must(setenv(TOLD, value, 1) == 0 && environment_ensure(&l, &e) == 0);
	must(environment_load(&l, &made, &e) == 0);
	found = environment_get(&made, TOLD);
	if (!value[0] || strpbrk(value, "\r\n"))
		must(!found);
	else
		must(found && strcmp(found, value) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nl = size ? memchr(data, '\n', size) : NULL;
	const uint8_t *text = nl ? nl + 1 : data + size;
	auto_free char *value =
	    xstrndup(size ? (const char *)data : "", (size_t)(text - data) - (nl != NULL));
	AUTO(strv_done) struct strv env = STRV_INIT;
	size_t n = (size_t)(data + size - text);

	enter("x");
	if (n == 0) {
		make(value);
		return 0;
	}
	put_file(LAYOUT_ENVIRONMENT, text, n);
	change(value, load(text, n, &env) ? &env : NULL);
	return 0;
}
