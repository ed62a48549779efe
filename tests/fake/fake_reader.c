/* A program that edits a line itself: raw terminal, bracketed paste, and every byte that it was
 * given is kept in "raw" in its folder. What was submitted with Enter goes to "got.1", "got.2" ...
 * After "hold 2500" it reads nothing for so many milliseconds, as one that is not scheduled.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "iapeer/base/buf.h"
#include "iapeer/base/fs.h"

#include "iapeer/base/banned.h"

static const char paste_on[] = "\033[200~", paste_off[] = "\033[201~";

struct reader {
	struct buf text;   /* since the last Enter */
	struct buf escape; /* a sequence that is not whole yet */
	bool pasting;
	int submitted;
};

static void say(const char *s, size_t n)
{
	struct err e;

	if (fs_write_all(STDOUT_FILENO, s, n, &e) < 0)
		_exit(1);
}

static void prompt(void)
{
	say("\033[?2004h> ", 10);
}

static void submit(struct reader *r)
{
	char name[32];
	struct err e;
	int ms;

	snprintf(name, sizeof name, "got.%d", ++r->submitted);
	say("\r\n\033[?2004l", 10);
	if (fs_write_soft(AT_FDCWD, name, buf_cstr(&r->text), r->text.len, 0600, &e) < 0)
		_exit(1);
	prompt();
	if (sscanf(buf_cstr(&r->text), "hold %d", &ms) == 1)
		poll(NULL, 0, ms);
	buf_cut(&r->text, 0);
}

static void plain(struct reader *r, char c)
{
	if (c == '\r' && !r->pasting) {
		submit(r);
	} else if (c == 0x15 && !r->pasting) { /* C-u */
		buf_cut(&r->text, 0);
		say("\r\033[K> ", 6);
	} else {
		buf_chr(&r->text, c);
		say(c == '\n' ? "\r\n" : &c, c == '\n' ? 2 : 1);
	}
}

static void take(struct reader *r, char c)
{
	if (c != '\033' && r->escape.len == 0) {
		plain(r, c);
		return;
	}
	buf_chr(&r->escape, c);
	if (r->escape.len < sizeof paste_on - 1)
		return;
	if (strcmp(buf_cstr(&r->escape), paste_on) == 0)
		r->pasting = true;
	else if (strcmp(buf_cstr(&r->escape), paste_off) == 0)
		r->pasting = false;
	else
		buf_add(&r->text, buf_cstr(&r->escape), r->escape.len);
	buf_cut(&r->escape, 0);
}

int main(void)
{
	struct reader r = {.text = BUF_INIT(CAP_TEXT), .escape = BUF_INIT(64)};
	int raw = open("raw", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	struct termios t;
	struct err e;
	char c[4096];
	ssize_t n;

	if (raw < 0 || tcgetattr(STDIN_FILENO, &t) < 0)
		return 1;
	cfmakeraw(&t);
	if (tcsetattr(STDIN_FILENO, TCSANOW, &t) < 0)
		return 1;
	prompt();
	while ((n = read(STDIN_FILENO, c, sizeof c)) > 0) {
		if (fs_write_all(raw, c, (size_t)n, &e) < 0)
			return 1;
		for (ssize_t i = 0; i < n; i++)
			take(&r, c[i]);
	}
	return 0;
}
