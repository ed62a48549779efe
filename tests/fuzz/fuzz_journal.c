/* Journals as a crash or a full disk leaves them: torn, with holes, one of them missing. Their
 * lines come oldest first, unchanged; what is written behind them is a line of its own and the
 * last, whether the journal is rotated for it or not. */
#include <stdint.h>

#include "iapeer/base/journal.h"

#include "root.h"

#include "iapeer/base/banned.h"

#define FOLDER  "logs"
#define LOG     FOLDER "/x.log"
#define FILES   4
#define LONGEST 65536

static void name_of(int n, char out[static 32])
{
	if (n == 0)
		snprintf(out, 32, "%s", LOG);
	else
		snprintf(out, 32, "%s.%d", LOG, n);
}

static bool add(const char *line, size_t len, void *arg)
{
	struct buf *all = arg;

	must(len > 0 && len <= LONGEST && !memchr(line, '\n', len));
	buf_add(all, line, len);
	buf_chr(all, '\n');
	return true;
}

static bool add_one(const char *line, size_t len, void *arg)
{
	return add(line, len, arg) && false;
}

/* What must be read of one file. */
static void expect(const struct part *p, struct buf *out)
{
	for (size_t from = 0, to; from < p->size; from = to + 1) {
		for (to = from; to < p->size && p->data[to] != '\n'; to++)
			;
		if (to > from && to - from <= LONGEST)
			add((const char *)p->data + from, to - from, out);
	}
}

static void read_all(const struct journal *j, struct buf *out)
{
	struct err e;

	must(journal_each(j, add, out, &e) == 0);
}

static void write_line(const struct journal *j, const char *value, struct buf *expected)
{
	AUTO(buf_done) struct buf found = BUF_INIT(CAP_OUTPUT);
	auto_logfmt struct logfmt line = {.b = BUF_INIT(CAP_LINE)};
	struct err e;

	logfmt_init(&line, 0);
	logfmt_raw(&line, "v", value);
	must(journal_write(j, &line, false, &e) == 0);
	add(buf_cstr(&line.b), line.b.len, expected);
	read_all(j, &found);
	must(same_bytes(&found, expected));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf_done) struct buf expected = BUF_INIT(CAP_OUTPUT);
	AUTO(buf_done) struct buf found = BUF_INIT(CAP_OUTPUT);
	AUTO(buf_done) struct buf first = BUF_INIT(CAP_OUTPUT);
	struct journal j = {.path = LOG, .keep = 2 * FILES};
	struct part parts[FILES];
	const uint8_t *at = data;
	char name[32];
	int n = 0;
	struct err e;

	enter(FOLDER);
	j.dirfd = l.root_fd;
	while (n < FILES && next_part(&at, data + size, &parts[n]))
		n++;
	for (int i = 0; i <= 2 * FILES; i++) {
		name_of(i, name);
		if (i < n && parts[i].size)
			put_file(name, parts[i].data, parts[i].size);
		else
			drop_file(name);
	}
	for (int i = n - 1; i >= 0; i--)
		expect(&parts[i], &expected);
	read_all(&j, &found);
	must(same_bytes(&found, &expected));
	must(journal_each(&j, add_one, &first, &e) == 0);
	must(first.len <= expected.len &&
	     memcmp(buf_cstr(&first), buf_cstr(&expected), first.len) == 0);
	write_line(&j, "behind what was torn", &expected);
	j.max_bytes = 1;
	write_line(&j, "rotated", &expected);
	return 0;
}
