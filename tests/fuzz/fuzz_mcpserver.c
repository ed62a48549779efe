/* The MCP server on two descriptors, in a root without peers, whatever its client writes: it ends
 * when its input ends, and answers with lines of JSON-RPC, as many as mcp_read() gives of the same
 * lines and with the same ids. */
#include <stdint.h>

#include "iapeer/agent/mcp.h"
#include "iapeer/agent/mcp_proto.h"

#include "root.h"

#include "iapeer/base/banned.h"

#define IN  "in"
#define OUT "out"

/* The ids of all answers, one a line; null where there is none. */
static void expect_line(struct mcp *m, const char *line, size_t len, struct buf *ids)
{
	AUTO(mcp_in_done) struct mcp_in in = {.act = MCP_NOTHING};

	if (len && line[len - 1] == '\r')
		len--;
	if (len == 0)
		return;
	mcp_read(m, line, len, &in);
	if (in.act != MCP_REPLY && in.act != MCP_CALL)
		return;
	json_print(in.act == MCP_CALL ? in.id : json_get(in.reply, "id"), false, ids);
	buf_chr(ids, '\n');
}

static void found_line(const char *line, size_t len, struct buf *ids)
{
	auto_json struct json *j = NULL;
	struct err e = ERR_INIT;

	must(json_parse(line, len, "answer", &j, &e) == 0);
	must(strcmp(json_text(json_get(j, "jsonrpc")), "2.0") == 0);
	must(!json_get(j, "result") != !json_get(j, "error"));
	json_print(json_get(j, "id"), false, ids);
	buf_chr(ids, '\n');
}

static void open_both(int *in, int *out)
{
	*in = openat(l.root_fd, IN, O_RDONLY | O_CLOEXEC);
	*out = openat(l.root_fd, OUT, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	must(*in >= 0 && *out >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf_done) struct buf answers = BUF_INIT(CAP_OUTPUT);
	AUTO(buf_done) struct buf expected = BUF_INIT(CAP_OUTPUT);
	AUTO(buf_done) struct buf found = BUF_INIT(CAP_OUTPUT);
	struct mcp m = {.revision = 0};
	auto_fd int in = -1, out = -1;
	char chunk[4096];
	ssize_t n;
	struct err e = ERR_INIT;

	if (l.root_fd < 0) {
		enter("x");
		must(setenv("IAPEER_ROOT", l.root, 1) == 0 &&
		     setenv("IAPEER_TEST_SANDBOX", "1", 1) == 0);
	}
	put_file(IN, data, size);
	open_both(&in, &out);
	must(mcp_serve(in, out, &e) == 0 && lseek(out, 0, SEEK_SET) == 0);
	while ((n = read(out, chunk, sizeof chunk)) > 0)
		buf_add(&answers, chunk, (size_t)n);
	for (const char *s = (const char *)data, *end = s + size; s < end;) {
		const char *nl = memchr(s, '\n', (size_t)(end - s));

		expect_line(&m, s, (size_t)((nl ? nl : end) - s), &expected);
		s = nl ? nl + 1 : end;
	}
	for (const char *s = buf_cstr(&answers), *nl; *s; s = nl + 1) {
		nl = strchr(s, '\n');
		must(nl != NULL);
		found_line(s, (size_t)(nl - s), &found);
	}
	must(same_bytes(&found, &expected));
	return 0;
}
