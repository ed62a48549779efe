/* The half of ledger.h that records a death: evidence, line, record, in that order. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/fault.h"
#include "iapeer/base/fs.h"
#include "iapeer/base/journal.h"
#include "iapeer/base/lock.h"
#include "iapeer/base/proc.h"
#include "iapeer/base/str.h"
#include "iapeer/canary/evidence.h"
#include "iapeer/canary/flight.h"
#include "iapeer/canary/ledger.h"
#include "iapeer/canary/witness.h"

#include "iapeer/base/banned.h"

#define RECORDERS_LOCK LAYOUT_LOCKS "/deaths" /* no identity is called that: it has no dash */

/* Where this record's log is: the root's own, or the folder that was given with it. */
struct log_place {
	int dirfd;
	char exits[LAYOUT_PATH * 2];
	char deaths[LAYOUT_PATH * 2];
};

static void log_place(const struct layout *l, const struct canary *c, struct log_place *out)
{
	if (!c->log_dir[0]) {
		out->dirfd = l->root_fd;
		snprintf(out->exits, sizeof out->exits, "%s", LAYOUT_EXITS_LOG);
		snprintf(out->deaths, sizeof out->deaths, "%s", LAYOUT_DEATHS_DIR);
		return;
	}
	out->dirfd = AT_FDCWD;
	snprintf(out->exits, sizeof out->exits, "%s/exits.log", c->log_dir);
	snprintf(out->deaths, sizeof out->deaths, "%s/server-deaths", c->log_dir);
}

static void signal_cause(int sig, char out[static 32])
{
	const char *name = proc_signal_name(sig);

	if (!name) {
		snprintf(out, 32, "signal-%d", sig);
		return;
	}
	snprintf(out, 32, "%s", name);
	for (char *c = out; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
}

void canary_cause(int status, char out[static 32])
{
	if (WIFSIGNALED(status))
		signal_cause(WTERMSIG(status), out);
	else
		snprintf(out, 32, "exited");
}

static void death_id(const struct canary *c, char *out, size_t size)
{
	snprintf(out, size, "%.100s-%.8s-%ld-%llu", c->identity, c->boot_id, (long)c->server.pid,
		 (unsigned long long)c->server.birth);
}

static void find_cause(struct death *d)
{
	char boot[64] = "";
	struct err e;

	if (plat_boot_id(boot, &e) == 0 && strcmp(boot, d->canary.boot_id) != 0) {
		d->observed = false;
		snprintf(d->cause, sizeof d->cause, "host-restart");
	} else if (d->observed) {
		canary_cause(d->status, d->cause);
	} else {
		snprintf(d->cause, sizeof d->cause, "unknown");
	}
}

static enum oom_end how_ended(const struct death *d)
{
	if (!d->observed)
		return OOM_END_UNKNOWN;
	return WIFSIGNALED(d->status) && WTERMSIG(d->status) == SIGKILL ? OOM_END_SIGKILL
									: OOM_END_OTHER;
}

static const char *log_said(const struct oom_log *log, const struct oom_facts *f)
{
	if (f->named)
		return "names it";
	if (f->covered)
		return "does not name it";
	return log->readable ? "does not reach back far enough"
			     : "missing (not ours to read, or of other pids)";
}

/* Was it killed for memory? Says what is known of that in the evidence too, proven or not. */
static void find_oom(const struct layout *l, struct death *d, const struct oom_log *log,
		     struct buf *told)
{
	struct oom_facts f = {.end = how_ended(d)};
	struct armed_memory m;

	d->oom = OOM_NOT_PROVEN;
	if (f.end == OOM_END_OTHER || strcmp(d->cause, "host-restart") == 0)
		return;
	canary_armed_memory(l, d->canary.identity, &m);
	f.named = oom_log_names(log, d->canary.server.pid, m.mono_ms, d->late);
	f.covered = oom_log_covers(log, m.mono_ms);
	f.whole = m.whole && plat_memory_whole(m.group);
	f.kills_armed = m.kills;
	f.kills_now = plat_memory_kills(m.group);
	d->oom = oom_judge(&f);
	if (d->oom != OOM_NOT_PROVEN)
		snprintf(d->cause, sizeof d->cause, "oom-kill");
	buf_fmt(told, "oom: %s; kernel log: %s; kills in its memory cgroup: ",
		d->oom != OOM_NOT_PROVEN ? "proven" : "not proven", log_said(log, &f));
	if (f.kills_armed < 0 || f.kills_now < 0)
		buf_str(told, "missing\n");
	else
		buf_fmt(told, "%lld when armed, %lld now%s\n", (long long)f.kills_armed,
			(long long)f.kills_now, f.whole ? ", it dies as a whole" : "");
}

/* Was it asked to end? A signal is nobody's request, and an orderly end with a witness is no mere
 * exit. */
static bool find_witness(const struct layout *l, struct death *d, struct witness *out)
{
	bool orderly = d->observed && WIFEXITED(d->status);

	if (strcmp(d->cause, "host-restart") == 0 || d->oom != OOM_NOT_PROVEN ||
	    (d->observed && !orderly) ||
	    !witness_load(l, d->canary.identity, d->canary.server, out))
		return false;
	if (orderly && WEXITSTATUS(d->status) == 0)
		snprintf(d->cause, sizeof d->cause, "kill-server");
	return true;
}

/* The fields that the line and the first line of the evidence share. */
static void facts(struct logfmt *f, const struct death *d, const struct witness *w, size_t burst)
{
	const char *name =
	    d->observed && WIFSIGNALED(d->status) ? proc_signal_name(WTERMSIG(d->status)) : NULL;

	logfmt_raw(f, "identity", d->canary.identity);
	logfmt_i64(f, "server_pid", d->canary.server.pid);
	logfmt_raw(f, "cause", d->cause);
	logfmt_raw(f, "evidence",
		   d->observed || d->oom != OOM_NOT_PROVEN ? "observed" : "inferred");
	if (d->observed && WIFEXITED(d->status))
		logfmt_i64(f, "exit", WEXITSTATUS(d->status));
	if (d->observed && WIFSIGNALED(d->status)) {
		if (name)
			logfmt_raw(f, "signal", name);
		else
			logfmt_i64(f, "signal", WTERMSIG(d->status));
	}
	logfmt_str(f, "proof", oom_proof_word(d->oom));
	logfmt_str(f, "command", w->command);
	logfmt_str(f, "asker", w->asker);
	if (d->late)
		logfmt_raw(f, "late", "true");
	if (burst > 1)
		logfmt_i64(f, "burst", (int64_t)burst);
	logfmt_raw(f, "death_id", d->id);
}

/* Evidence begins with the identity, the log's lines with the time; both values are bare, so two
 * words change places. */
static void swap_first_two(const char *line, size_t len, struct buf *out)
{
	size_t a = strcspn(line, " "), b = a < len ? strcspn(line + a + 1, " ") : 0;

	if (a >= len || a + 1 + b > len)
		return;
	buf_add(out, line + a + 1, b);
	buf_chr(out, ' ');
	buf_add(out, line, a);
	buf_add(out, line + a + 1 + b, len - (a + 1 + b));
}

/* One death on its way to the records. */
struct recording {
	const struct layout *l;
	struct death *d;
	struct log_place at;
	struct logfmt head;        /* the facts, as the line has them */
	struct witness witness;    /* its command is empty when there is none */
	const struct buf *machine; /* evidence gathered once for all that died together */
	const struct oom_log *oom_log;
	struct buf oom; /* what is known of a kill for memory */
	bool durable;   /* the last of a burst: its fsync is everybody's in that log */
	bool markless;  /* no armed record of it can be read */
};

static int publish(const struct recording *r, bool *out_created, struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_EVIDENCE);
	const struct log_place *at = &r->at;
	const struct death *d = r->d;
	char path[LAYOUT_PATH * 3];

	snprintf(path, sizeof path, "%s/%s.txt", at->deaths, d->id);
	/* First line: "server-death identity=... ts=... server_pid=..."; the rest is for people. */
	buf_str(&text, "server-death ");
	swap_first_two(buf_cstr(&r->head.b), r->head.b.len, &text);
	buf_chr(&text, '\n');
	buf_fmt(&text, "socket: %s\n", d->canary.socket);
	if (r->markless)
		buf_str(&text,
			"armed record: missing (deleted or damaged while the server lived)\n");
	if (r->witness.command[0])
		buf_fmt(&text, "witness: %s asked by %s, pids %s\n", r->witness.command,
			r->witness.asker[0] ? r->witness.asker : "nobody seen",
			r->witness.pids[0] ? r->witness.pids : "none");
	else
		buf_str(&text, "witness: none\n");
	buf_add(&text, buf_cstr(&r->oom), r->oom.len);
	buf_add(&text, buf_cstr(r->machine), r->machine->len);
	flight_table(r->l, d->canary.identity, d->canary.server.pid, &text);
	evidence_pane(r->l, d->canary.identity, &text);
	if (text.failed)
		text.failed = false; /* cut at the cap: some evidence is better than none */
	if (r->durable)
		return fs_publish(at->dirfd, path, buf_cstr(&text), text.len, 0600, out_created, e);
	return fs_publish_soft(at->dirfd, path, buf_cstr(&text), text.len, 0600, out_created, e);
}

/* Somebody published this death before: what the line says is what the evidence says, not what we
 * know now. */
static bool take_published(const struct death *d, const struct log_place *at, struct buf *out_head)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CAP_EVIDENCE);
	char path[LAYOUT_PATH * 3];
	struct err e;
	size_t skip = strlen("server-death ");

	snprintf(path, sizeof path, "%s/%s.txt", at->deaths, d->id);
	if (fs_read(at->dirfd, path, &text, &e) < 0 ||
	    !str_starts(buf_cstr(&text), "server-death "))
		return false;
	buf_cut(out_head, 0);
	swap_first_two(text.p + skip, strcspn(text.p + skip, "\n"), out_head);
	return out_head->len > 0;
}

void canary_recorded_cause(const struct layout *l, const struct canary *c, char out[static 32])
{
	AUTO(buf_done) struct buf head = BUF_INIT(8192);
	struct death d = {.canary = *c};
	struct log_place at;

	out[0] = '\0';
	log_place(l, c, &at);
	death_id(c, d.id, sizeof d.id);
	if (take_published(&d, &at, &head) &&
	    !logfmt_get(buf_cstr(&head), head.len, "cause", out, 32))
		out[0] = '\0';
}

struct line_search {
	const char *id;
	bool found;
};

static bool same_death(const char *line, size_t len, void *arg)
{
	struct line_search *s = arg;
	char id[192];

	if (logfmt_get(line, len, "death_id", id, sizeof id) && strcmp(id, s->id) == 0)
		s->found = true;
	return !s->found;
}

/* logfmt for the line: "ts=... ev=server-exit <facts> forensics=<file>". */
static int write_line(const struct death *d, const struct log_place *at, const struct buf *head,
		      bool durable, struct err *e)
{
	struct journal j = {.dirfd = at->dirfd, .path = at->exits, .max_bytes = 5 << 20, .keep = 5};
	auto_logfmt struct logfmt line = {.b = BUF_INIT(8192)};
	const char *h = buf_cstr(head);
	size_t ts = strcspn(h, " ");
	char file[192];

	snprintf(file, sizeof file, "%s.txt", d->id);
	buf_add(&line.b, h, ts);
	buf_str(&line.b, " ev=server-exit");
	buf_str(&line.b, h + ts);
	logfmt_raw(&line, "forensics", file);
	return journal_write(&j, &line, durable, e);
}

static void recording_done(struct recording *r)
{
	logfmt_done(&r->head);
	buf_done(&r->oom);
}

static int record_one(struct recording *r, size_t burst, struct err *e)
{
	struct line_search search = {.id = r->d->id};
	struct death *d = r->d;
	bool created = true;

	log_place(r->l, &d->canary, &r->at);
	death_id(&d->canary, d->id, sizeof d->id);
	find_cause(d);
	find_oom(r->l, d, r->oom_log, &r->oom);
	if (!find_witness(r->l, d, &r->witness))
		r->witness.command[0] = '\0';
	logfmt_init(&r->head, clock_utc_ms());
	facts(&r->head, d, &r->witness, burst);
	if (fs_mkdirs(r->at.dirfd, r->at.deaths, e) < 0 || publish(r, &created, e) < 0)
		return -1;
	if (!created) {
		struct journal j = {.dirfd = r->at.dirfd, .path = r->at.exits, .keep = 5};

		if (journal_each(&j, same_death, &search, e) < 0)
			return -1;
		if (take_published(d, &r->at, &r->head.b))
			logfmt_get(buf_cstr(&r->head.b), r->head.b.len, "cause", d->cause,
				   sizeof d->cause);
	}
	d->recorded = !search.found;
	return search.found ? 0 : write_line(d, &r->at, &r->head.b, r->durable, e);
}

/* Is this still the armed record that we were told of? Under the recorders' lock. */
static bool still_armed(const struct layout *l, const struct canary *c, struct err *e)
{
	enum canary_state state;
	struct canary now;

	if (canary_load(l, c->identity, &state, &now, e) < 0)
		return false;
	return state == CANARY_ARMED && now.server.pid == c->server.pid &&
	       now.server.birth == c->server.birth;
}

/* Is there a death to record? Under the recorders' lock. */
static bool is_due(const struct layout *l, const struct death *d, struct err *e)
{
	enum canary_state state;
	struct canary now;

	if (canary_load(l, d->canary.identity, &state, &now, e) < 0)
		return d->unmarked && e->code == ERR_CORRUPT;
	return state == CANARY_NONE ? d->unmarked : still_armed(l, &d->canary, e);
}

/* Is its fsync the one that makes its log durable for all that died with it? */
static bool last_in_its_log(const struct layout *l, const struct death *deaths, size_t n, size_t i)
{
	struct err e;

	for (size_t k = n - 1; k > i; k--)
		if (strcmp(deaths[k].canary.log_dir, deaths[i].canary.log_dir) == 0 &&
		    is_due(l, &deaths[k], &e))
			return false;
	return true;
}

/* How many died together, and in the evidence who. */
static size_t companions(const struct layout *l, const struct death *deaths, size_t n,
			 struct buf *evidence)
{
	AUTO(buf_done) struct buf names = BUF_INIT(CAP_EVIDENCE / 4);
	size_t burst = 0;
	struct err e;

	for (size_t i = 0; i < n; i++) {
		if (!is_due(l, &deaths[i], &e))
			continue;
		buf_fmt(&names, " %s", deaths[i].canary.identity);
		burst++;
	}
	if (burst > 1)
		buf_fmt(evidence, "died together: %zu,%s\n", burst, buf_cstr(&names));
	return burst;
}

static int drop_record(const struct layout *l, const struct canary *c, struct err *e)
{
	bool was;

	return canary_disarm(l, c->identity, &was, e);
}

int canary_record(const struct layout *l, struct death *deaths, size_t n, struct err *e)
{
	AUTO(buf_done) struct buf machine = BUF_INIT(CAP_EVIDENCE / 2);
	AUTO(lock_done) struct lock lock = LOCK_INIT;
	struct oom_log victims;
	int result = 0;

	if (fs_mkdirs(l->root_fd, LAYOUT_LOCKS, e) < 0 ||
	    lock_take(&lock, l->root_fd, RECORDERS_LOCK, "record a death", clock_mono_ms() + 1000,
		      e) < 0)
		return -1;
	evidence_machine(&machine);
	evidence_oom_log(&victims);
	size_t burst = companions(l, deaths, n, &machine);
	for (size_t i = 0; i < n; i++) {
		AUTO(recording_done)
		struct recording r = {.l = l,
				      .d = &deaths[i],
				      .machine = &machine,
				      .oom_log = &victims,
				      .oom = BUF_INIT(1024)};
		struct err one = ERR_INIT;

		r.durable = last_in_its_log(l, deaths, n, i);
		deaths[i].recorded = false;
		deaths[i].settled = !is_due(l, &deaths[i], &one);
		if (deaths[i].settled)
			continue; /* ended on purpose, or recorded, by somebody else meanwhile */
		r.markless = !still_armed(l, &deaths[i].canary, &one);
		if (record_one(&r, burst, &one) < 0) {
			*e = one;
			result = -1;
			deaths[i].id[0] = '\0'; /* its record stays: the next observer goes on */
		}
	}
	/* Each log's last fsync made all its lines durable; only now may the records go. */
	for (size_t i = 0; i < n; i++) {
		struct err one = ERR_INIT;

		if (!deaths[i].id[0])
			continue;
		deaths[i].settled = !still_armed(l, &deaths[i].canary, &one) ||
				    drop_record(l, &deaths[i].canary, &one) == 0;
		if (deaths[i].settled)
			continue;
		*e = one;
		result = -1;
	}
	return result;
}
