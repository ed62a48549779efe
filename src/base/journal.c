#include "iapeer/base/journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fault.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/lock.h"
#include "iapeer/base/plat.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define LINE_MAX_BYTES 65536

static bool bare(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if ((unsigned char)*s <= 0x20 || *s == 0x7f || strchr("=\"\\", *s))
			return false;
	return true;
}

static void quoted(struct buf *b, const char *s)
{
	buf_chr(b, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_fmt(b, "\\%c", *s);
		else if (*s == '\n')
			buf_str(b, "\\n");
		else if (*s == '\t')
			buf_str(b, "\\t");
		else if (*s == '\r')
			buf_str(b, "\\r");
		else if ((unsigned char)*s < 0x20 || *s == 0x7f)
			buf_fmt(b, "\\x%02x", (unsigned)(unsigned char)*s);
		else
			buf_chr(b, *s);
	}
	buf_chr(b, '"');
}

void logfmt_init(struct logfmt *l, int64_t utc_ms)
{
	char iso[CLOCK_ISO_MAX];

	l->b = (struct buf)BUF_INIT(LINE_MAX_BYTES);
	clock_iso(utc_ms, iso);
	buf_fmt(&l->b, "ts=%s", iso);
}

void logfmt_done(struct logfmt *l)
{
	buf_done(&l->b);
}

void logfmt_raw(struct logfmt *l, const char *key, const char *value)
{
	buf_fmt(&l->b, " %s=", key);
	if (bare(value))
		buf_str(&l->b, value);
	else
		quoted(&l->b, value);
}

void logfmt_str(struct logfmt *l, const char *key, const char *value)
{
	if (!str_empty(value))
		logfmt_raw(l, key, value);
}

void logfmt_i64(struct logfmt *l, const char *key, int64_t value)
{
	buf_fmt(&l->b, " %s=%lld", key, (long long)value);
}

static void rotated(const struct journal *j, int n, char *out, size_t size)
{
	if (n == 0)
		snprintf(out, size, "%s", j->path);
	else
		snprintf(out, size, "%s.%d", j->path, n);
}

/* Under the lock beside the file; whoever comes second finds a short file and leaves it. */
static int rotate(const struct journal *j, size_t more, struct err *e)
{
	AUTO(lock_done) struct lock lock = LOCK_INIT;
	struct fs_info info;
	char from[600], to[600];

	snprintf(from, sizeof from, "%s.lock", j->path);
	if (lock_take(&lock, j->dirfd, from, "rotate", clock_mono_ms() + 1000, e) < 0)
		return -1;
	if (fs_stat(j->dirfd, j->path, &info, e) < 0)
		return -1;
	if (!info.exists || info.size + (int64_t)more <= j->max_bytes)
		return 0;
	if (j->keep < 1)
		return fs_unlink(j->dirfd, j->path, e);
	for (int n = j->keep - 1; n >= 0; n--) {
		rotated(j, n, from, sizeof from);
		rotated(j, n + 1, to, sizeof to);
		if (fs_exists(j->dirfd, from) && fs_rename(j->dirfd, from, to, e) < 0)
			return -1;
	}
	return 0;
}

static int open_log(const struct journal *j, int *out_fd, struct err *e)
{
	return fs_open_append(j->dirfd, j->path, out_fd, e);
}

static int make_folder(const struct journal *j, struct err *e)
{
	char dir[600];
	char *slash;

	snprintf(dir, sizeof dir, "%s", j->path);
	slash = strrchr(dir, '/');
	if (!slash)
		return 0;
	*slash = '\0';
	return fs_mkdirs(j->dirfd, dir, e);
}

/* A whole line or none: what a full disk took of it is given back, if nobody wrote behind it. */
static int append(int fd, const struct buf *line, struct err *e)
{
	ssize_t n = write(fd, line->p, line->len);
	struct stat st;

	if (n == (ssize_t)line->len)
		return 0;
	if (n < 0)
		return err_set(e, ERR_FAILED, errno, "write");
	if (fstat(fd, &st) == 0 && lseek(fd, 0, SEEK_CUR) == st.st_size &&
	    ftruncate(fd, st.st_size - n) < 0)
		return err_set(e, ERR_FAILED, errno, "take back half a line");
	return err_set(e, ERR_FAILED, ENOSPC, "write");
}

int journal_write(const struct journal *j, const struct logfmt *l, bool durable, struct err *e)
{
	AUTO(buf_done) struct buf line = BUF_INIT(LINE_MAX_BYTES + 3);
	size_t len = l->b.len + 1;
	auto_fd int fd = -1;
	struct stat st;
	int fault;

	if (buf_check(&l->b, j->path, e) < 0)
		return -1;
	if (open_log(j, &fd, e) < 0 && (make_folder(j, e) < 0 || open_log(j, &fd, e) < 0))
		return -1;
	if (j->max_bytes > 0 && fstat(fd, &st) == 0 && st.st_size > 0 &&
	    st.st_size + (int64_t)len > j->max_bytes) {
		if (rotate(j, len, e) < 0)
			return -1;
		close(take_fd(&fd));
		if (open_log(j, &fd, e) < 0)
			return -1;
	}
	if (fs_is_torn(fd))
		buf_chr(&line, '\n');
	buf_add(&line, l->b.p, l->b.len);
	buf_chr(&line, '\n');
	fault = fault_point("journal.write");
	if (fault)
		return err_set(e, ERR_FAILED, fault, "write %s", j->path);
	if (append(fd, &line, e) < 0)
		return err_wrap(e, "%s", j->path);
	fault = durable ? fault_point("journal.fsync") : 0;
	if (fault)
		return err_set(e, ERR_FAILED, fault, "write %s", j->path);
	if (durable && plat_fsync(fd) < 0)
		return err_set(e, ERR_FAILED, errno, "write %s", j->path);
	return 0;
}

/* s is behind the backslash and before end: a file may have been cut anywhere. Returns how much was
 * taken. */
static size_t unescape(const char *s, const char *end, char *out)
{
	static const char letters[] = "ntr", meant[] = "\n\t\r";
	const char *letter = strchr(letters, *s);
	char hex[3] = "";

	if (*s == 'x' && end - s >= 3) {
		memcpy(hex, s + 1, 2);
		*out = (char)strtol(hex, NULL, 16);
		return 3;
	}
	*out = *s;
	if (*s && letter)
		*out = meant[letter - letters];
	return 1;
}

/* Copy the value at s (up to end) to out (NULL: pass over it); returns where it ended, NULL when it
 * does not fit. */
static const char *take_value(const char *s, const char *end, char *out, size_t size)
{
	bool in_quotes = s < end && *s == '"';
	size_t n = 0;

	for (s += in_quotes; s < end && (in_quotes ? *s != '"' : *s != ' '); n++) {
		char c = *s;

		if (in_quotes && c == '\\' && s + 1 < end)
			s += unescape(s + 1, end, &c);
		s++;
		if (out && n + 1 >= size)
			return NULL;
		if (out)
			out[n] = c;
	}
	if (out)
		out[n] = '\0';
	return s + (in_quotes && s < end);
}

bool logfmt_get(const char *line, size_t len, const char *key, char *out, size_t size)
{
	const char *s = line, *end = line + len;
	size_t klen = strlen(key);

	if (size == 0)
		return false;
	while (s < end) {
		const char *eq = memchr(s, '=', (size_t)(end - s));
		bool found;

		if (!eq)
			return false;
		found = (size_t)(eq - s) == klen && memcmp(s, key, klen) == 0;
		s = take_value(eq + 1, end, found ? out : NULL, size);
		if (found)
			return s != NULL;
		while (s < end && *s == ' ')
			s++;
	}
	return false;
}

bool logfmt_next(const char **at, const char *end, char *key, size_t key_size, char *out,
		 size_t size)
{
	const char *s = *at, *eq, *behind;

	while (s < end && *s == ' ')
		s++;
	eq = memchr(s, '=', (size_t)(end - s));
	if (s == end || !eq || (size_t)(eq - s) >= key_size || size == 0)
		return false;
	memcpy(key, s, (size_t)(eq - s));
	key[eq - s] = '\0';
	behind = take_value(eq + 1, end, out, size);
	if (!behind) {
		out[size - 1] = '\0';
		behind = take_value(eq + 1, end, NULL, 0);
	}
	*at = behind;
	return true;
}

static bool each_line(const struct buf *b, bool (*fn)(const char *, size_t, void *), void *arg)
{
	const char *s = buf_cstr(b), *end = s + b->len;

	while (s < end) {
		const char *nl = memchr(s, '\n', (size_t)(end - s));
		size_t n = nl ? (size_t)(nl - s) : (size_t)(end - s);

		if (n > 0 && n <= LINE_MAX_BYTES && !fn(s, n, arg))
			return false;
		s += n + 1;
	}
	return true;
}

int journal_each(const struct journal *j, bool (*fn)(const char *line, size_t len, void *arg),
		 void *arg, struct err *e)
{
	char name[600];
	int oldest = j->keep;

	/* Whoever writes may keep more than who reads knows of. */
	for (;; oldest++) {
		rotated(j, oldest + 1, name, sizeof name);
		if (!fs_exists(j->dirfd, name))
			break;
	}
	for (int n = oldest; n >= 0; n--) {
		AUTO(buf_done) struct buf b = BUF_INIT(256U << 20);

		rotated(j, n, name, sizeof name);
		if (fs_read(j->dirfd, name, &b, e) < 0) {
			if (e->code == ERR_NOT_FOUND)
				continue;
			return -1;
		}
		if (!each_line(&b, fn, arg))
			return 0;
	}
	return 0;
}
