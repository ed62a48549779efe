#include "iapeer/delivery/check.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

static bool blank(const char *s)
{
	return !s || !s[strspn(s, " \t\r\n")];
}

static int check_text(const char *what, const char *s, size_t max, struct err *e)
{
	size_t len = strlen(s), n;

	if (!utf8_valid(s, len))
		return err_set(e, ERR_USAGE, 0, "the %s is not UTF-8", what);
	n = utf8_chars(s, len);
	if (n > max)
		return err_set(e, ERR_USAGE, 0, "the %s has %zu characters, the limit is %zu", what,
			       n, max);
	return 0;
}

/* Replaces what was typed, where that is relative. */
static int make_absolute(char **path, struct err *e)
{
	auto_free char *cwd = NULL;
	char *typed = *path;

	if (typed[0] == '/')
		return 0;
	cwd = getcwd(NULL, 0);
	if (!cwd)
		return err_set(e, ERR_FAILED, errno, "the current folder");
	*path = xasprintf("%s/%s", cwd, typed);
	free(typed);
	return 0;
}

/* Opened, not only looked at: that is what its reader will do. */
static int check_readable(const char *path, struct err *e)
{
	auto_fd int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return err_set(e, ERR_USAGE, errno, "attachment %.200s", path);
	if (fstat(fd, &st) < 0)
		return err_set(e, ERR_USAGE, errno, "attachment %.200s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_USAGE, 0, "attachment %.200s: not a regular file", path);
	return 0;
}

static int check_attachments(struct queue_item *m, const struct manifest *mf, struct err *e)
{
	if (m->attachments.n > ATTACHMENTS_MAX)
		return err_set(e, ERR_USAGE, 0, "%zu attachments, the limit is %d",
			       m->attachments.n, ATTACHMENTS_MAX);
	for (size_t i = 0; i < m->attachments.n; i++) {
		char **path = &m->attachments.v[i];

		if (check_readable(*path, e) < 0 || make_absolute(path, e) < 0)
			return -1;
		if (!utf8_valid(*path, strlen(*path)))
			return err_set(e, ERR_USAGE, 0, "the path of attachment %zu is not UTF-8",
				       i + 1);
		/* The envelope lists them one a line. */
		if (mf->envelope == ENVELOPE_IAP && strpbrk(*path, "\r\n"))
			return err_set(e, ERR_USAGE, 0,
				       "attachment %.200s: a line break in its name", *path);
	}
	return 0;
}

int check_message(struct queue_item *m, const struct manifest *mf, struct err *e)
{
	if (m->kind == ITEM_MESSAGE && blank(m->body))
		return err_set(e, ERR_USAGE, 0, "the message is empty");
	if (m->body && check_text("message", m->body, MESSAGE_MAX_CHARS, e) < 0)
		return -1;
	if (m->topic && check_text("topic", m->topic, TOPIC_MAX_CHARS, e) < 0)
		return -1;
	if (m->topic && strpbrk(m->topic, "\r\n"))
		return err_set(e, ERR_USAGE, 0, "the topic is more than one line");
	return check_attachments(m, mf, e);
}

/* The command that adds a nature to what is accepted now. */
static int hint_accepts(const struct peer_id *to, unsigned accepts, struct err *e)
{
	AUTO(buf_done) struct buf words = BUF_INIT(CAP_LINE);

	for (int n = NATURE_NONE + 1; n < NATURE_COUNT; n++)
		if (accepts & 1U << n)
			buf_fmt(&words, "%s%s", words.len ? "," : "", nature_word((enum nature)n));
	return err_hint(e, "iapeer set %s accepts=%s", to->name, buf_cstr(&words));
}

int check_sender(const struct sender *s, const struct peer_id *to, const struct profile *p,
		 const struct manifest *mf, struct err *e)
{
	unsigned accepts = p->accepts ? p->accepts : manifest_accepts(mf);
	enum nature nature = s->nature == NATURE_NONE ? NATURE_ABSENT : s->nature;

	if (strcmp(s->id.name, to->name) == 0 && strcmp(s->id.runtime, "cli") != 0)
		return err_set(e, ERR_REFUSED, 0, "a peer does not send to itself");
	if (accepts & 1U << nature)
		return 0;
	err_set(e, ERR_REFUSED, 0,
		"%s does not take messages from %s senders (%s-%s); its owner may allow them",
		to->name, nature_word(nature), s->id.runtime, s->id.name);
	return hint_accepts(to, accepts | 1U << nature, e);
}
