#include "iapeer/supervise/await.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define LONGEST_POLL_MS 3600000

void await_done(struct await *a)
{
	keeper_close(&a->link);
	json_free(a->request);
	buf_done(&a->in);
	a->request = NULL;
}

int await_fd(const struct await *a)
{
	return a->link.fd;
}

int await_left_ms(const struct await *a)
{
	int64_t left = a->deadline_ms + KEEPER_GRACE_MS - clock_mono_ms();

	return left < 0 ? 0 : left > LONGEST_POLL_MS ? LONGEST_POLL_MS : (int)left;
}

/* Ask until somebody takes the question: the message stands on disk, so a keeper that dies is only
 * a reason to ask the next one. */
static int ask(struct await *a, struct err *e)
{
	for (bool asked = false;; asked = true) {
		int64_t left = a->deadline_ms - clock_mono_ms();

		buf_cut(&a->in, 0);
		if (left <= 0)
			return asked ? keeper_silent(a->layout, e)
				     : err_set(e, ERR_TIMEOUT, 0, "it was not waited for");
		json_set_i64(a->request, "timeout_ms", left);
		if ((a->link.fd >= 0 ||
		     keeper_connect(a->layout, true, a->deadline_ms + KEEPER_GRACE_MS, &a->link,
				    e) == 0) &&
		    keeper_request(&a->link, a->request, e) == 0)
			return 0;
		keeper_close(&a->link);
		if (e->code != ERR_NOT_FOUND)
			return -1;
		poll(NULL, 0, 10);
	}
}

int await_begin(struct await *a, const struct layout *l, const struct peer_id *id,
		const char *message_id, bool turn, struct err *e)
{
	char identity[PEER_IDENTITY_MAX + 1];

	peer_identity(id, identity);
	a->layout = l;
	a->request = json_object();
	json_set_str(a->request, "op", "deliver");
	json_set_str(a->request, "identity", identity);
	json_set_str(a->request, "id", message_id);
	json_set_bool(a->request, "turn", turn);
	json_set_bool(a->request, "once", a->once);
	return ask(a, e);
}

/* 1: no whole line yet. 0: there is one. ERR_NOT_FOUND: the keeper went away. */
static int take(struct await *a, struct err *e)
{
	struct pollfd p = {.fd = a->link.fd, .events = POLLIN};
	char chunk[4096];
	ssize_t n;

	if (poll(&p, 1, 0) <= 0)
		return 1;
	n = read(a->link.fd, chunk, sizeof chunk);
	if (n < 0 && errno == EINTR)
		return 1;
	if (n <= 0)
		return err_set(e, ERR_NOT_FOUND, 0, "the keeper went away");
	buf_add(&a->in, chunk, (size_t)n);
	if (buf_check(&a->in, "answer", e) < 0)
		return -1;
	return memchr(chunk, '\n', (size_t)n) ? 0 : 1;
}

static int understand(const struct await *a, char *reason, size_t size, struct err *e)
{
	auto_json struct json *reply = NULL;
	bool done = false;
	const char *why;

	if (keeper_reply(buf_cstr(&a->in), &reply, e) < 0) {
		str_cut(reason, size, e->msg);
		return -1;
	}
	why = json_text(json_get(reply, "reason"));
	if (json_opt_bool(reply, "answer", "done", &done, e) < 0)
		return -1;
	if (done)
		return 0;
	str_cut(reason, size, why ? why : "");
	return err_set(e, ERR_TIMEOUT, 0, "%s", why ? why : "not delivered in time");
}

int await_step(struct await *a, char *reason, size_t size, struct err *e)
{
	int rc = take(a, e);

	if (rc < 0 && e->code == ERR_NOT_FOUND) {
		keeper_close(&a->link);
		rc = ask(a, e) < 0 ? -1 : 1;
	}
	if (rc > 0 && await_left_ms(a) > 0)
		return 1;
	if (rc > 0)
		rc = keeper_silent(a->layout, e);
	if (rc == 0)
		return understand(a, reason, size, e);
	str_cut(reason, size, e->msg);
	return -1;
}

int await_finish(struct await *a, char *reason, size_t size, struct err *e)
{
	int rc;

	do {
		struct pollfd p = {.fd = await_fd(a), .events = POLLIN};

		poll(&p, 1, await_left_ms(a));
		rc = await_step(a, reason, size, e);
	} while (rc > 0);
	return rc;
}

/* NOLINTNEXTLINE(readability-function-size): who, what, how long, and why not */
int keeper_deliver(const struct layout *l, const struct peer_id *id, const char *message_id,
		   int64_t deadline_ms, char *out_reason, size_t size, struct err *e)
{
	AUTO(await_done) struct await a = AWAIT_INIT;

	a.deadline_ms = deadline_ms;
	a.once = true;
	out_reason[0] = '\0';
	if (await_begin(&a, l, id, message_id, false, e) < 0) {
		str_cut(out_reason, size, e->msg);
		return -1;
	}
	return await_finish(&a, out_reason, size, e);
}
