#include "iapeer/launch/tmux.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/mem.h"
#include "iapeer/base/str.h"
#include "iapeer/launch/tmux_watch.h"
#include "iapeer/launch/tmux_words.h"

#include "iapeer/base/banned.h"

#define PASTE_BUFFER "iapeer"
#define PANE_DEAD    "dead"
/* Where package managers put it that a PATH need not name: ssh to a Mac gives none of these. */
#define ELSEWHERE "/opt/homebrew/bin:/usr/local/bin:/opt/local/bin"

int tmux_find(const char *configured, const char *path_env, char out[static LAYOUT_PATH],
	      struct err *e)
{
	const char *name = str_empty(configured) ? "tmux" : configured;
	struct err ignored;

	if (proc_find(name, path_env, out, LAYOUT_PATH, e) == 0 ||
	    proc_find(name, ELSEWHERE, out, LAYOUT_PATH, &ignored) == 0)
		return 0;
	err_wrap(e, "tmux");
	return err_hint(e, "install tmux 3.2 or later, or set IAPEER_TMUX_BIN");
}

/* Run tmux with these arguments after "-S socket". Not ours to judge: the caller looks at the
 * status. */
static int call(const struct tmux *t, struct strv *args, const struct proc_opts *more,
		struct proc_result *r, struct err *e)
{
	AUTO(strv_done) struct strv argv = STRV_INIT;
	AUTO(strv_done) struct strv no_env = STRV_INIT;
	struct proc_opts o = *more;

	strv_add(&argv, "tmux");
	strv_add(&argv, "-S");
	strv_add(&argv, t->socket);
	for (size_t i = 0; i < args->n; i++)
		strv_add(&argv, args->v[i]);
	/* A client needs nothing of our environment but a locale, or it shows other letters as
	 * underscores. */
	strv_add(&no_env, "LC_ALL=C.UTF-8");
	o.file = t->bin;
	o.argv = strv_argv(&argv);
	if (!o.envp)
		o.envp = strv_argv(&no_env);
	return proc_run(&o, r, e);
}

static int run(const struct tmux *t, struct strv *args, const struct proc_opts *o,
	       struct proc_result *r, const char *what, struct err *e)
{
	if (call(t, args, o, r, e) < 0)
		return err_wrap(e, "tmux %s", what);
	if (r->status != 0)
		return tmux_failed(r, what, e);
	return 0;
}

int tmux_version(const char *bin, int64_t deadline_ms, char *out, size_t size, struct err *e)
{
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;
	char arg0[] = "tmux", arg1[] = "-V";
	char *argv[] = {arg0, arg1, NULL};
	struct proc_opts o = {.file = bin, .argv = argv, .deadline_ms = deadline_ms};
	long major, minor;
	char *number;

	if (proc_run(&o, &r, e) < 0)
		return -1;
	str_cut(out, size, buf_cstr(&r.out));
	out[strcspn(out, "\n")] = '\0';
	major = strtol(out + strcspn(out, "0123456789"), &number, 10);
	minor = *number == '.' ? strtol(number + 1, NULL, 10) : 0;
	if (major > 0 && (major < 3 || (major == 3 && minor < 2)))
		return err_set(e, ERR_REFUSED, 0, "%s is %s; 3.2 or later is needed", bin, out);
	return 0;
}

/* tmux expands formats in some arguments: what is a person's is doubled there. */
static char *format_escaped(const char *s)
{
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_STATE);

	while (*s) {
		size_t n = strspn(s, "#");

		/* Before a [ tmux leaves any number of them as they are: a style. */
		for (size_t i = 0; i < n; i++)
			buf_str(&b, s[n] == '[' ? "#" : "##");
		s += n;
		if (*s)
			buf_chr(&b, *s++);
	}
	return xstrdup(buf_cstr(&b));
}

/* In a command line made of arguments, one that ends in ; separates commands. */
static void add_arg(struct strv *out, const char *arg)
{
	size_t n = strlen(arg);

	if (n > 0 && arg[n - 1] == ';')
		strv_fmt(out, "%.*s\\;", (int)(n - 1), arg);
	else
		strv_add(out, arg);
}

static void add_all(struct strv *out, const char *const *args)
{
	for (; *args; args++)
		strv_add(out, *args);
}

static void start_args(const struct tmux_start *s, struct strv *a)
{
	auto_free char *dir = format_escaped(s->workdir);

	add_all(a, (const char *const[]){"-f", s->conf ? s->conf : "/dev/null", "new-session", "-d",
					 "-s", s->session, "-x", "220", "-y", "50", "-c", NULL});
	add_arg(a, dir);
	add_all(a, (const char *const[]){"--", "env", "-u", "TMUX", "-u", "TMUX_PANE", NULL});
	for (size_t i = 0; i < s->argv->n; i++)
		add_arg(a, s->argv->v[i]);
	tmux_watch_words(NULL, a);
	add_all(a, (const char *const[]){";", "pipe-pane", NULL});
	tmux_watch_pipe(s->panelog_max_bytes, s->panelog_keep, false, a);
}

#define FACTS "#{pid} #{pane_pid} #{pane_id} #{pane_tty}"

/* The words of the first line of an answer; numbers among them by word_i64(). */
static int first_line(const struct proc_result *r, struct strv *out, struct err *e)
{
	auto_free char *line = xstrndup(buf_cstr(&r->out), strcspn(buf_cstr(&r->out), "\n"));

	return proc_split(line, out, e);
}

static int64_t word_i64(const struct strv *words, size_t i)
{
	int64_t n;

	return i < words->n && str_i64(words->v[i], 0, INT64_MAX / 1000, &n) ? n : -1;
}

static int parse_facts(const struct proc_result *r, struct tmux_started *out, struct err *e)
{
	AUTO(strv_done) struct strv words = STRV_INIT;
	int64_t server, pane;

	if (first_line(r, &words, e) < 0)
		return -1;
	server = word_i64(&words, 0);
	pane = word_i64(&words, 1);
	if (words.n != 4 || server <= 0 || pane <= 0 ||
	    !str_put(out->pane_id, sizeof out->pane_id, words.v[2]) ||
	    !str_put(out->pane_tty, sizeof out->pane_tty, words.v[3]))
		return err_set(e, ERR_FAILED, 0, "tmux answered %.60s", buf_cstr(&r->out));
	if (plat_proc_ref((pid_t)server, &out->server, e) < 0)
		return err_wrap(e, "the new tmux server");
	/* The program may have ended already: then its pid alone is what we have, and the hook
	 * tells the rest. */
	if (plat_proc_ref((pid_t)pane, &out->pane, e) < 0)
		out->pane = (struct proc_ref){.pid = (pid_t)pane, .birth = 1};
	return 0;
}

int tmux_new_session(const struct tmux *t, const struct tmux_start *s, int64_t deadline_ms,
		     struct tmux_started *out, struct err *e)
{
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;
	AUTO(strv_done) struct strv a = STRV_INIT;
	struct proc_opts o = {.envp = strv_argv(s->envp), .deadline_ms = deadline_ms};

	start_args(s, &a);
	add_all(&a, (const char *const[]){";", "display-message", "-p", FACTS, NULL});
	if (run(t, &a, &o, &r, "new-session", e) < 0)
		return -1;
	return parse_facts(&r, out, e);
}

/* The session by its exact name; a bare name would match a prefix. */
static void target(struct strv *a, const char *session)
{
	strv_add(a, "-t");
	strv_fmt(a, "=%s:", session);
}

int tmux_session_facts(const struct tmux *t, const char *session, int64_t deadline_ms,
		       struct tmux_started *out, struct err *e)
{
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;
	AUTO(strv_done) struct strv a = STRV_INIT;
	struct proc_opts o = {.deadline_ms = deadline_ms};

	add_all(&a, (const char *const[]){"display-message", "-p", NULL});
	target(&a, session);
	strv_add(&a, FACTS);
	if (run(t, &a, &o, &r, "display-message", e) < 0)
		return -1;
	return parse_facts(&r, out, e);
}

void tmux_look_done(struct tmux_look *k)
{
	buf_done(&k->screen);
}

int tmux_look(const struct tmux *t, bool history, int64_t deadline_ms, struct tmux_look *out,
	      struct err *e)
{
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;
	AUTO(strv_done) struct strv a = STRV_INIT;
	struct proc_opts o = {.deadline_ms = deadline_ms, .out_max_bytes = CAP_SCREEN};
	AUTO(strv_done) struct strv words = STRV_INIT;
	static const char facts[] =
	    "#{cursor_x} #{cursor_y} #{pane_height} #{pane_in_mode} #{session_attached} "
	    "0#{session_last_attached} 0#{session_activity}";
	size_t used;

	add_all(&a, (const char *const[]){"display-message", "-p", "-t", t->pane, facts, ";",
					  "capture-pane", "-p", "-e", "-t", t->pane, NULL});
	if (history)
		add_all(&a, (const char *const[]){"-S", "-", NULL});
	if (run(t, &a, &o, &r, "capture-pane", e) < 0)
		return -1;
	if (first_line(&r, &words, e) < 0)
		return -1;
	if (words.n != 7)
		return err_set(e, ERR_FAILED, 0, "tmux answered %.60s", buf_cstr(&r.out));
	out->cursor_x = (int)word_i64(&words, 0);
	out->cursor_y = (int)word_i64(&words, 1);
	out->height = (int)word_i64(&words, 2);
	out->in_mode = word_i64(&words, 3) > 0;
	out->attached = word_i64(&words, 4) > 0;
	/* A new session counts as active; where nobody ever attached, nobody has typed. */
	out->last_input_ms = word_i64(&words, 5) > 0 ? word_i64(&words, 6) * 1000 : 0;
	used = strcspn(buf_cstr(&r.out), "\n") + 1;
	buf_done(&out->screen);
	out->screen = (struct buf)BUF_INIT(CAP_SCREEN);
	if (used < r.out.len)
		buf_add(&out->screen, r.out.p + used, r.out.len - used);
	return 0;
}

/* tmux before 3.4 crashes when it pastes into a pane whose program has ended, so it is asked in the
 * same breath; the strings are tmux commands of their own, and fixed but for the pane's id. */
int tmux_paste(const struct tmux *t, const char *text, size_t len, int64_t deadline_ms,
	       struct err *e)
{
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;
	AUTO(strv_done) struct strv a = STRV_INIT;
	struct proc_opts o = {.deadline_ms = deadline_ms, .input = text, .input_len = len};
	char paste[96];

	snprintf(paste, sizeof paste, "paste-buffer -p -r -d -b " PASTE_BUFFER " -t %s", t->pane);
	add_all(&a, (const char *const[]){"load-buffer", "-b", PASTE_BUFFER, "-", ";", "copy-mode",
					  "-q", "-t", t->pane, ";", "if-shell", "-F", "-t", t->pane,
					  "#{pane_dead}", NULL});
	strv_add(&a, "delete-buffer -b " PASTE_BUFFER " ; display-message -p " PANE_DEAD);
	strv_add(&a, paste);
	if (run(t, &a, &o, &r, "paste-buffer", e) < 0) {
		e->code = r.started ? e->code : ERR_NOT_FOUND; /* nobody heard it */
		return -1;
	}
	if (str_starts(buf_cstr(&r.out), PANE_DEAD))
		return err_set(e, ERR_NOT_FOUND, 0, "tmux paste-buffer: its program has ended");
	return 0;
}

int tmux_keys(const struct tmux *t, const struct strv *keys, int64_t deadline_ms, struct err *e)
{
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;
	AUTO(strv_done) struct strv a = STRV_INIT;
	struct proc_opts o = {.deadline_ms = deadline_ms};

	add_all(&a, (const char *const[]){"copy-mode", "-q", "-t", t->pane, ";", "send-keys", "-t",
					  t->pane, NULL});
	for (size_t i = 0; i < keys->n; i++)
		add_arg(&a, keys->v[i]);
	return run(t, &a, &o, &r, "send-keys", e);
}

int tmux_kill_session(const struct tmux *t, const char *session, int64_t deadline_ms, struct err *e)
{
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;
	AUTO(strv_done) struct strv a = STRV_INIT;
	struct proc_opts o = {.deadline_ms = deadline_ms};

	strv_add(&a,
		 "kill-ses"); /* the short form: a witness's alias matches the whole word only */
	target(&a, session);
	if (run(t, &a, &o, &r, "kill-session", e) < 0 && e->code != ERR_NOT_FOUND)
		return -1;
	return 0;
}

int tmux_ask_kill(const struct tmux *t, const char *command, int64_t deadline_ms, struct err *e)
{
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;
	AUTO(strv_done) struct strv a = STRV_INIT;
	struct proc_opts o = {.deadline_ms = deadline_ms};

	strv_add(&a, command);
	return run(t, &a, &o, &r, command, e);
}

int tmux_heal_pipe(const struct tmux *t, int64_t max_bytes, int keep, int64_t deadline_ms,
		   bool *out_was_lost, struct err *e)
{
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;
	AUTO(strv_done) struct strv look = STRV_INIT;
	AUTO(strv_done) struct strv set = STRV_INIT;
	struct proc_opts o = {.deadline_ms = deadline_ms};

	add_all(&look, (const char *const[]){"display-message", "-p", "-t", t->pane, "#{pane_pipe}",
					     NULL});
	if (run(t, &look, &o, &r, "display-message", e) < 0)
		return -1;
	*out_was_lost = !str_starts(buf_cstr(&r.out), "1");
	if (!*out_was_lost)
		return 0;
	add_all(&set, (const char *const[]){"pipe-pane", "-t", t->pane, NULL});
	tmux_watch_pipe(max_bytes, keep, true, &set);
	return run(t, &set, &o, &r, "pipe-pane", e);
}

int tmux_retrofit(const struct tmux *t, const char *root, const char *identity, int64_t deadline_ms,
		  struct err *e)
{
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;
	AUTO(strv_done) struct strv a = STRV_INIT;
	struct proc_opts o = {.deadline_ms = deadline_ms};

	add_all(&a, (const char *const[]){"set-environment", "-g", "IAPEER_ROOT", NULL});
	add_arg(&a, root);
	add_all(&a, (const char *const[]){";", "set-option", "-g", "@iapeer_root", NULL});
	add_arg(&a, root);
	add_all(&a, (const char *const[]){";", "set-environment", "-g", "PEER_IDENTITY", identity,
					  NULL});
	tmux_watch_words(t->pane, &a);
	return run(t, &a, &o, &r, "set-hook", e);
}

int tmux_dead_pane(const struct tmux *t, int64_t deadline_ms, int *out_status, int *out_signal,
		   struct err *e)
{
	AUTO(proc_result_done) struct proc_result r = PROC_RESULT_INIT;
	AUTO(strv_done) struct strv a = STRV_INIT;
	struct proc_opts o = {.deadline_ms = deadline_ms};

	add_all(&a, (const char *const[]){"display-message", "-p", "-t", t->pane,
					  "s#{pane_dead_status} g#{pane_dead_signal}", NULL});
	if (run(t, &a, &o, &r, "display-message", e) < 0)
		return -1;
	AUTO(strv_done) struct strv words = STRV_INIT;
	if (first_line(&r, &words, e) < 0)
		return -1;
	/* Each number may be missing: "s3 g", "s g9". */
	*out_status = *out_signal = -1;
	for (size_t i = 0; i < words.n; i++) {
		int64_t n;

		if (str_i64(words.v[i] + 1, 0, 255, &n))
			*(words.v[i][0] == 's' ? out_status : out_signal) = (int)n;
	}
	return 0;
}

void tmux_attach_argv(const struct tmux *t, const char *session, bool read_only, const char *say,
		      struct strv *out)
{
	add_all(out, (const char *const[]){"tmux", "-S", t->socket, "attach-session", NULL});
	if (read_only)
		strv_add(out, "-r");
	target(out, session);
	if (say)
		add_all(out,
			(const char *const[]){";", "display-message", "-d", "6000", say, NULL});
}

int tmux_server_of(const char *socket_path, struct proc_ref *out, struct err *e)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	auto_fd int fd = -1;
	uid_t uid;
	pid_t pid;

	if (!str_put(addr.sun_path, sizeof addr.sun_path, socket_path))
		return err_set(e, ERR_USAGE, ENAMETOOLONG, "socket %s", socket_path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0)
		return err_set(e, ERR_FAILED, errno, "make a socket");
	if (connect(fd, (const struct sockaddr *)&addr, sizeof addr) < 0) {
		if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTSOCK)
			return err_set(e, ERR_NOT_FOUND, errno, "connect %s", socket_path);
		return err_set(e, ERR_FAILED, errno, "connect %s", socket_path);
	}
	if (plat_peer(fd, &uid, &pid, e) < 0)
		return -1;
	if (uid != geteuid())
		return err_set(e, ERR_REFUSED, 0, "socket %s is served by user %ld, not by us",
			       socket_path, (long)uid);
	return plat_proc_ref(pid, out, e);
}
