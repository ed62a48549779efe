/* The half of proc.h that starts nothing: finding programs, splitting words, naming ends. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "iapeer/base/proc.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

const char *proc_signal_name(int sig)
{
	static const struct {
		int sig;
		const char *name;
	} names[] = {{SIGHUP, "SIGHUP"},   {SIGINT, "SIGINT"},   {SIGQUIT, "SIGQUIT"},
		     {SIGILL, "SIGILL"},   {SIGTRAP, "SIGTRAP"}, {SIGABRT, "SIGABRT"},
		     {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},   {SIGKILL, "SIGKILL"},
		     {SIGUSR1, "SIGUSR1"}, {SIGSEGV, "SIGSEGV"}, {SIGUSR2, "SIGUSR2"},
		     {SIGPIPE, "SIGPIPE"}, {SIGALRM, "SIGALRM"}, {SIGTERM, "SIGTERM"},
		     {SIGXCPU, "SIGXCPU"}, {SIGXFSZ, "SIGXFSZ"}, {SIGSYS, "SIGSYS"}};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (names[i].sig == sig)
			return names[i].name;
	return NULL;
}

void proc_status_text(int status, char *out, size_t size)
{
	if (WIFEXITED(status)) {
		snprintf(out, size, "exit %d", WEXITSTATUS(status));
	} else if (WIFSIGNALED(status)) {
		const char *name = proc_signal_name(WTERMSIG(status));

		snprintf(out, size, "killed by signal %d%s%s%s", WTERMSIG(status), name ? " (" : "",
			 name ? name : "", name ? ")" : "");
	} else {
		snprintf(out, size, "wait status %d", status);
	}
}

static bool runnable(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

int proc_find(const char *name, const char *path, char *out, size_t size, struct err *e)
{
	if (strchr(name, '/')) {
		if (name[0] != '/' || !runnable(name))
			return err_set(e, ERR_NOT_FOUND, 0, "program %s not found", name);
		return str_put(out, size, name)
			   ? 0
			   : err_set(e, ERR_FAILED, ENAMETOOLONG, "program %s", name);
	}
	for (const char *s = path ? path : ""; *s;) {
		size_t n = strcspn(s, ":");
		char full[PATH_MAX];
		int len = snprintf(full, sizeof full, "%.*s/%s", (int)n, s, name);

		/* An empty or relative entry means "where I happen to stand": never for a daemon.
		 */
		if (s[0] == '/' && len > 0 && (size_t)len < sizeof full && runnable(full) &&
		    str_put(out, size, full))
			return 0;
		s += n + (s[n] == ':');
	}
	return err_set(e, ERR_NOT_FOUND, 0, "program %s not found (PATH %s)", name,
		       path ? path : "");
}

int proc_split(const char *text, struct strv *out, struct err *e)
{
	AUTO(buf_done) struct buf word = BUF_INIT(CAP_STATE);
	bool in_word = false;
	char quote = '\0';

	for (const char *s = text; *s; s++) {
		if (!quote && strchr(" \t\n\r", *s)) {
			if (in_word)
				strv_add(out, buf_cstr(&word));
			buf_cut(&word, 0);
			in_word = false;
			continue;
		}
		in_word = true;
		if (quote && *s == quote)
			quote = '\0';
		else if (!quote && (*s == '"' || *s == '\''))
			quote = *s;
		else if (*s == '\\' && quote != '\'' && s[1] && (!quote || strchr("\"\\$`", s[1])))
			buf_chr(&word, *++s);
		else
			buf_chr(&word, *s);
	}
	if (quote)
		return err_set(e, ERR_CORRUPT, 0, "open %c quote", quote);
	if (in_word)
		strv_add(out, buf_cstr(&word));
	return buf_check(&word, "word", e);
}
