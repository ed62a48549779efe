/* What environment_parse accepts is a vector of KEY=VALUE, each key once and fit for an
 * environment. */
#include "iapeer/registry/environment.h"

#include <assert.h>
#include <ctype.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "iapeer/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_entry(const struct strv *env, size_t i)
{
	const char *entry = env->v[i], *equals = strchr(entry, '=');
	char key[4096];
	size_t n;

	assert(equals && equals > entry && !strchr(entry, '\n'));
	n = (size_t)(equals - entry);
	if (n >= sizeof key)
		return;
	memcpy(key, entry, n);
	key[n] = '\0';
	assert(!isdigit((unsigned char)key[0]));
	for (size_t j = 0; j < n; j++)
		assert(isalnum((unsigned char)key[j]) || key[j] == '_');
	assert(environment_get(env, key) ==
	       equals + 1); /* the first of that name is the only one */
	assert(strcmp(key, "PEER_START_ARGS") != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(strv_done) struct strv env = STRV_INIT;
	AUTO(strv_done) struct strv args = STRV_INIT;
	struct err e = ERR_INIT;

	if (environment_parse((const char *)data, size, "fuzz", &env, &args, &e) < 0) {
		assert(e.code == ERR_CORRUPT && e.msg[0]);
		return 0;
	}
	for (size_t i = 0; i < env.n; i++)
		check_entry(&env, i);
	for (size_t i = 0; i < args.n; i++)
		assert(args.v[i] && strlen(args.v[i]) < size);
	return 0;
}
