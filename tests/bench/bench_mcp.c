/* bench_mcp COUNT PEER PROGRAM [ARGUMENT...] - a client of an MCP server, COUNT times; two numbers
 * a line, in microseconds: from before the program is started until it has answered `initialize`,
 * and from before it is told to send PEER a message until it has answered that it is delivered. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/plat.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

#define HELLO                                                                                      \
	"{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":" \
	"\"2025-11-25\",\"capabilities\":{},\"clientInfo\":{\"name\":\"bench\",\"version\":"       \
	"\"1\"}}}\n"
#define THANKS "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n"
#define CALL                                                                                       \
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":"            \
	"\"send_to_peer\",\"arguments\":{\"personality\":\"%s\",\"message\":\"echo three\"}}}\n"

struct server {
	pid_t pid;
	int in, out;
};

static void server_end(struct server *s)
{
	close(s->in);
	close(s->out);
	waitpid(s->pid, NULL, 0);
}

static int server_start(char **argv, struct server *s, struct err *e)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1};

	if (plat_pipe(in, e) < 0 || plat_pipe(out, e) < 0)
		return -1;
	s->pid = fork();
	if (s->pid == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	s->in = in[1];
	s->out = out[0];
	return s->pid < 0 ? err_set(e, ERR_FAILED, errno, "fork") : 0;
}

/* One line that holds `want`. */
static int answer(const struct server *s, const char *want, struct err *e)
{
	AUTO(buf_done) struct buf line = BUF_INIT(CAP_STATE);
	char c;

	do {
		if (read(s->out, &c, 1) != 1)
			return err_set(e, ERR_FAILED, 0, "the server has ended");
		buf_chr(&line, c);
	} while (c != '\n');
	return strstr(buf_cstr(&line), want)
		   ? 0
		   : err_set(e, ERR_FAILED, 0, "no %s in %s", want, buf_cstr(&line));
}

static int ask(const struct server *s, const char *text, const char *want, struct err *e)
{
	return fs_write_all(s->in, text, strlen(text), e) < 0 ? -1 : answer(s, want, e);
}

static int round_of(const char *peer, char **argv, struct err *e)
{
	int64_t from = clock_mono_us(), up, done;
	struct server s;
	char call[512];
	int rc;

	snprintf(call, sizeof call, CALL, peer);
	if (server_start(argv, &s, e) < 0)
		return -1;
	rc = ask(&s, HELLO, "serverInfo", e);
	up = clock_mono_us();
	if (rc == 0)
		rc = fs_write_all(s.in, THANKS, strlen(THANKS), e);
	if (rc == 0)
		rc = ask(&s, call, "\"status\":\"delivered\"", e);
	done = clock_mono_us();
	server_end(&s);
	if (rc == 0)
		printf("%lld %lld\n", (long long)(up - from), (long long)(done - up));
	return rc;
}

int main(int argc, char **argv)
{
	struct err e = ERR_INIT;
	int64_t n;

	if (argc < 4 || !str_i64(argv[1], 1, 100000, &n)) {
		fprintf(stderr, "usage: bench_mcp COUNT PEER PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	while (n-- > 0)
		if (round_of(argv[2], argv + 3, &e) < 0) {
			fprintf(stderr, "bench_mcp: %s\n", e.msg);
			return 1;
		}
	return 0;
}
