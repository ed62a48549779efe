/* A tmux that only remembers and answers. What it is called with is appended to <socket>.log: each
 * argument with a NUL behind it, each call with a newline behind that; its standard input goes to
 * <socket>.stdin. The n-th call is answered by the n-th block of <socket>.script (blocks are parted
 * by a line "--"): "<exit status> <out|err>", and below it the text. Past the last block: status 0,
 * no text. A status of "hang" waits to be killed. (tmux.c gives its clients no environment to speak
 * of, so that the socket's name is the only way in.) */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iapeer/base/fs.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

static const char *socket_of(int argc, char **argv)
{
	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], "-S") == 0)
			return argv[i + 1];
	fprintf(stderr, "fake_tmux: no -S\n");
	exit(1);
}

static void append(const char *socket, const char *suffix, const struct buf *b)
{
	char path[1024];
	struct err e;
	auto_fd int fd = -1;

	snprintf(path, sizeof path, "%s%s", socket, suffix);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0 || fs_write_all(fd, buf_cstr(b), b->len, &e) < 0)
		exit(1);
}

static void slurp(const char *socket, const char *suffix, struct buf *out)
{
	char path[1024];
	struct err e;

	snprintf(path, sizeof path, "%s%s", socket, suffix);
	if (fs_read(AT_FDCWD, path, out, &e) < 0)
		buf_cut(out, 0);
}

/* Calls so far: newlines that follow a NUL. */
static size_t calls(const struct buf *log)
{
	size_t n = 0;

	for (size_t i = 1; i < log->len; i++)
		n += log->p[i] == '\n' && log->p[i - 1] == '\0';
	return n;
}

static void remember(int argc, char **argv, const char *socket)
{
	AUTO(buf_done) struct buf line = BUF_INIT(CAP_TEXT);
	AUTO(buf_done) struct buf input = BUF_INIT(CAP_TEXT);
	char chunk[4096];
	ssize_t n;

	for (int i = 0; i < argc; i++)
		buf_add(&line, argv[i], strlen(argv[i]) + 1);
	buf_chr(&line, '\n');
	append(socket, ".log", &line);
	while ((n = read(STDIN_FILENO, chunk, sizeof chunk)) > 0)
		buf_add(&input, chunk, (size_t)n);
	if (input.len)
		append(socket, ".stdin", &input);
}

/* The n-th block of the script, NULL past the last. */
static const char *block(const struct buf *script, size_t n)
{
	const char *s = buf_cstr(script);

	while (n-- > 0) {
		s = strstr(s, "\n--\n");
		if (!s)
			return NULL;
		s += 4;
	}
	return *s ? s : NULL;
}

static int answer(const char *s)
{
	const char *text = s + strcspn(s, "\n"), *end;
	FILE *to = strncmp(s + strcspn(s, " "), " err", 4) == 0 ? stderr : stdout;

	if (str_starts(s, "hang"))
		for (;;)
			pause();
	text += *text == '\n';
	end = strstr(text, "\n--\n");
	fwrite(text, 1, end ? (size_t)(end - text) + 1 : strlen(text), to);
	return (int)strtol(s, NULL, 10);
}

int main(int argc, char **argv)
{
	AUTO(buf_done) struct buf log = BUF_INIT(CAP_OUTPUT);
	AUTO(buf_done) struct buf script = BUF_INIT(CAP_TEXT);
	const char *socket = socket_of(argc, argv), *mine;

	slurp(socket, ".log", &log);
	slurp(socket, ".script", &script);
	remember(argc, argv, socket);
	mine = block(&script, calls(&log));
	return mine ? answer(mine) : 0;
}
