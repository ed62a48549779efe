#include "iapeer/cli/verbs.h"

#include <string.h>

#include "iapeer/base/str.h"
#include "iapeer/cli/verb_runs.h"

#include "iapeer/base/banned.h"

static const struct opt create_opts[] = {
    {.name = "runtime",
     .value = "<runtime>",
     .help = "how it is present; the first is its default",
     .many = true},
    {.name = "path", .value = "<folder>", .help = "where its .iapeer lives"},
    {.name = "workdir", .value = "<folder>", .help = "where its program runs, if not there"},
    {.name = "description", .value = "<text>", .help = "what it is for, at most 450 characters"},
    {.name = "intelligence", .value = "<nature>", .help = "artificial, natural or absent"},
    {.name = "tag", .value = "<tag>", .help = "a word to call several peers by", .many = true},
    {.name = "trust", .help = "its program may trust the folder it works in"},
    {.name = NULL},
};
static const struct opt read_opts[] = {
    {.name = "last", .value = "<n>", .help = "the last n lines of what it showed"},
    {.name = "screen", .help = "what is on its screen now; it must be live"},
    {.name = "runtime", .value = "<runtime>", .help = "which of its runtimes, if not its default"},
    {.name = NULL},
};
/* `ask` is `send --wait turn`: it has all of these but the first. */
static const struct opt send_opts[] = {
    {.name = "wait",
     .value = "<rung>",
     .help = "accepted, submitted, recorded, turn; else delivered"},
    {.name = "message", .value = "<text>", .help = "the text"},
    {.name = "message-file",
     .value = "<file>",
     .help = "the text is in a file; - is standard input"},
    {.name = "from", .value = "<identity>", .help = "who sends, where that is not plain"},
    {.name = "runtime", .value = "<runtime>", .help = "which of its runtimes, if not its default"},
    {.name = "topic", .value = "<topic>", .help = "the thread of work it belongs to"},
    {.name = "attachment",
     .value = "<file>",
     .help = "a file to point at, at most 20",
     .many = true},
    {.name = "id", .value = "<id>", .help = "the same id again delivers nothing again"},
    {.name = "timeout", .value = "<seconds>", .help = "how long to wait (60)"},
    {.name = NULL},
};
#define ASK_OPTS (send_opts + 1)
static const struct opt attach_opts[] = {
    {.name = "read-only", .help = "look, but press no key"},
    {.name = NULL},
};
static const struct opt start_opts[] = {
    {.name = "all", .help = "every peer"},
    {.name = "now", .help = "wake it too, and wait until it is ready"},
    {.name = NULL},
};
static const struct opt stop_opts[] = {
    {.name = "all", .help = "every peer"},
    {.name = NULL},
};
static const struct opt new_opts[] = {
    {.name = "all", .help = "every peer"},
    {.name = "on-wake", .help = "only its next start is fresh"},
    {.name = NULL},
};
static const struct opt remove_opts[] = {
    {.name = "force", .help = "stop it first"},
    {.name = NULL},
};
static const struct opt queue_opts[] = {
    {.name = "force-next", .help = "deliver the first past a draft or a busy program"},
    {.name = "runtime", .value = "<runtime>", .help = "one of its runtimes, else all"},
    {.name = NULL},
};
static const struct opt deaths_opts[] = {
    {.name = "last", .value = "<n>", .help = "the last n (50)"},
    {.name = NULL},
};
static const struct opt doctor_opts[] = {
    {.name = "fix", .help = "put right what can be put right"},
    {.name = NULL},
};
static const struct opt supervise_opts[] = {
    {.name = "stop", .help = "the running one leaves, sessions stay"},
    {.name = "replace", .help = "take over from the running one"},
    {.name = "once", .help = "one tick now, and what it found"},
    {.name = "interval", .value = "<s>", .help = "between two ticks; 60 unless told"},
    {.name = "install", .help = "have systemd or launchd keep it, from now on"},
    {.name = "uninstall", .help = "take that back; sessions stay"},
    {.name = "print", .value = "<manager>", .help = "the file for systemd or launchd, only shown"},
    {.name = "on-demand", .help = "leave when there is nothing to keep", .hidden = true},
    {.name = "ready-fd", .value = "<n>", .help = "write a byte there when ready", .hidden = true},
    {.name = NULL},
};
static const struct opt apply_opts[] = {
    {.name = "trigger", .value = "<word>", .help = "why"},
    {.name = "build", .value = "<id>", .help = "the keeper's build"},
    {.name = "activity", .value = "<ms>", .help = "the newest sign of life it saw"},
    {.name = NULL},
};
static const struct opt panelog_opts[] = {
    {.name = "max-bytes", .value = "<n>", .help = "of one file"},
    {.name = "keep", .value = "<n>", .help = "files"},
    {.name = NULL},
};
static const struct opt hook_opts[] = {
    {.name = "pane", .value = "<pane>", .help = "of which it speaks"},
    {.name = "pid", .value = "<pid>", .help = "of its program"},
    {.name = "server", .value = "<pid>", .help = "of its tmux server"},
    {.name = "status", .value = "<n>", .help = "exit status"},
    {.name = "signal", .value = "<n>", .help = "that killed it"},
    {.name = NULL},
};
static const struct opt canary_opts[] = {
    {.name = "identity", .value = "<name>", .help = "whose server"},
    {.name = "socket", .value = "<path>", .help = "its socket"},
    {.name = "log-dir", .value = "<folder>", .help = "where deaths are recorded"},
    {.name = NULL},
};

#define CREATE_DETAIL                                                                              \
	"Without a name it is made from the folder's. The folder is --path, else "                 \
	"<root>/peers/<name>; `init`, and `create` without a name, mean this folder. Again with "  \
	"the same name: runtimes and tags are added, what is not given stays.\n\n"                 \
	"  iapeer create bob --runtime shell\n"                                                    \
	"  iapeer create reviewer --runtime claude --workdir ~/src/app --tag review"
#define SEND_DETAIL                                                                                \
	"The text is the words behind the name (`--` before one that begins with a dash), "        \
	"--message, --message-file, or standard input. A peer that sleeps is woken. The message "  \
	"is on disk before anything else happens and is delivered even if this command is "        \
	"killed.\n\n"                                                                              \
	"  iapeer send bob echo hello\n"                                                           \
	"  iapeer send bob -- ls -l\n"                                                             \
	"  git diff | iapeer send reviewer --topic release --wait accepted"
#define ASK_DETAIL                                                                                 \
	"As `send`, but it waits for the end of the turn and prints what was answered: the "       \
	"program's own last message, of a shell what it printed.\n\n"                              \
	"  iapeer ask bob date --timeout 5"
#define DOCTOR_DETAIL                                                                              \
	"One line a check: ok, warn or bad. It looks at tmux and the runtimes' programs, what "    \
	"peers are given, whose files these are, the keeper, what dies with what, and what was "   \
	"left behind. Exit 1 when something is bad.\n\n"                                           \
	"--fix narrows modes, mends the link bin/iapeer, adds this shell's folders to the peers' " \
	"PATH, makes the registry say what the profiles say, deletes files and sockets that "      \
	"nobody uses, and ends sessions that nobody registered."
#define LIFE_ARGS "<peer> [runtime] | @tag | --all"

/* The order is the order of `iapeer help`. */
const struct verb verbs[] = {
    {.name = "create",
     .run = verb_create,
     .args = "[name]",
     .max_args = 1,
     .flags = V_JSON | V_ROOT_MAKE | V_REGISTRY | V_MUTATES,
     .arg = CREATE_NAMED,
     .opts = create_opts,
     .brief = "make a peer",
     .detail = CREATE_DETAIL},
    {.name = "init",
     .run = verb_create,
     .args = "[name]",
     .max_args = 1,
     .flags = V_JSON | V_ROOT_MAKE | V_REGISTRY | V_MUTATES,
     .arg = CREATE_HERE,
     .opts = create_opts,
     .brief = "make this folder a peer",
     .detail = CREATE_DETAIL},
    {.name = "list",
     .run = verb_list,
     .args = "",
     .flags = V_JSON | V_REGISTRY,
     .brief = "all peers: live, asleep, stopped or unknown",
     .detail = "● live, ○ asleep, ✕ stopped, ? its server does not answer."},
    {.name = "show",
     .run = verb_show,
     .args = "<peer>",
     .min_args = 1,
     .max_args = 1,
     .comp = {COMP_PEER},
     .flags = V_JSON | V_REGISTRY,
     .brief = "one peer: state, profile, marks, what happened last",
     .detail = ""},
    {.name = "read",
     .run = verb_read,
     .args = "<peer>",
     .min_args = 1,
     .max_args = 1,
     .comp = {COMP_PEER},
     .flags = V_JSON | V_REGISTRY,
     .opts = read_opts,
     .brief = "what a peer shows, without attaching",
     .detail = "The screen of a live peer, else the last 20 lines that it showed."},
    {.name = "send",
     .run = verb_send,
     .args = "<peer> [text...]",
     .min_args = 1,
     .max_args = VERB_ARGS_ANY,
     .comp = {COMP_PEER},
     .flags = V_JSON | V_REGISTRY | V_MUTATES,
     .arg = SEND_MESSAGE,
     .opts = send_opts,
     .brief = "send a message and wait until it is delivered",
     .detail = SEND_DETAIL},
    {.name = "ask",
     .run = verb_send,
     .args = "<peer> [text...]",
     .min_args = 1,
     .max_args = VERB_ARGS_ANY,
     .comp = {COMP_PEER},
     .flags = V_JSON | V_REGISTRY | V_MUTATES,
     .arg = SEND_ASK,
     .opts = ASK_OPTS,
     .brief = "send a message, wait for the answer and print it",
     .detail = ASK_DETAIL},
    {.name = "attach",
     .run = verb_attach,
     .args = "<peer> [runtime]",
     .min_args = 1,
     .max_args = 2,
     .comp = {COMP_PEER, COMP_RUNTIME},
     .flags = V_JSON | V_REGISTRY,
     .opts = attach_opts,
     .brief = "sit down at a peer's terminal",
     .detail = "A sleeping peer with a conversation is resumed; another has to be woken first. "
	       "Leave it with tmux's "
	       "detach key (C-b d); the peer goes on."},
    {.name = "run",
     .run = verb_run,
     .args = "[runtime]",
     .max_args = 1,
     .comp = {COMP_RUNTIME},
     .flags = V_JSON | V_REGISTRY | V_MUTATES,
     .brief = "start this folder's peer fresh and attach",
     .detail = ""},
    {.name = "interrupt",
     .run = verb_interrupt,
     .args = "<peer> [runtime]",
     .min_args = 1,
     .max_args = 2,
     .comp = {COMP_PEER, COMP_RUNTIME},
     .flags = V_JSON | V_REGISTRY | V_MUTATES,
     .brief = "stop what a live peer is doing, not the peer",
     .detail = ""},
    {.name = "start",
     .run = verb_life,
     .args = LIFE_ARGS,
     .max_args = 2,
     .comp = {COMP_PEER, COMP_RUNTIME},
     .flags = V_JSON | V_REGISTRY | V_MUTATES,
     .arg = LIFE_START,
     .opts = start_opts,
     .brief = "let a stopped peer be woken again",
     .detail = "Clears the stop flag and the count of its deaths. It sleeps until the next "
	       "message, or wakes with --now."},
    {.name = "stop",
     .run = verb_life,
     .args = LIFE_ARGS,
     .max_args = 2,
     .comp = {COMP_PEER, COMP_RUNTIME},
     .flags = V_JSON | V_REGISTRY | V_MUTATES,
     .arg = LIFE_STOP,
     .opts = stop_opts,
     .brief = "end a peer's session; no message wakes it until `start`",
     .detail = "It is parked: its conversation can be resumed later. Needs no keeper."},
    {.name = "new",
     .run = verb_life,
     .args = LIFE_ARGS,
     .max_args = 2,
     .comp = {COMP_PEER, COMP_RUNTIME},
     .flags = V_JSON | V_REGISTRY | V_MUTATES,
     .arg = LIFE_NEW,
     .opts = new_opts,
     .brief = "start a peer afresh, without its conversation",
     .detail = "Succeeds when the fresh session is ready."},
    {.name = "remove",
     .run = verb_remove,
     .args = "<peer>",
     .min_args = 1,
     .max_args = 1,
     .comp = {COMP_PEER},
     .flags = V_JSON | V_REGISTRY | V_MUTATES,
     .opts = remove_opts,
     .brief = "forget a peer; its folder is kept",
     .detail = "Its record and all its state go. A name that is not there is fine."},
    {.name = "set",
     .run = verb_set,
     .args = "<peer> <key=value>...",
     .min_args = 2,
     .max_args = VERB_ARGS_ANY,
     .comp = {COMP_PEER},
     .flags = V_JSON | V_REGISTRY | V_MUTATES,
     .brief = "change what a peer is",
     .detail = "runtimes=a,b  default=runtime  description=text  tags=a,b  workdir=folder  "
	       "wake_policy=on-demand|ephemeral|always  resume_policy=continue|topic|always|never  "
	       "accepts=artificial,natural,absent  initial_prompt=text\n\n"
	       "An empty value takes the default back."},
    {.name = "queue",
     .run = verb_queue,
     .args = "<peer> [list | drop <id> | retry <id>]",
     .min_args = 1,
     .max_args = 3,
     .comp = {COMP_PEER},
     .flags = V_JSON | V_REGISTRY | V_MUTATES,
     .opts = queue_opts,
     .brief = "the messages that wait for a peer",
     .detail = ""},
    {.name = "deaths",
     .run = verb_deaths,
     .args = "[peer]",
     .max_args = 1,
     .comp = {COMP_PEER},
     .flags = V_JSON | V_REGISTRY,
     .opts = deaths_opts,
     .brief = "sessions and tmux servers that died, and of what",
     .detail = ""},
    {.name = "doctor",
     .run = verb_doctor,
     .args = "",
     .flags = V_JSON,
     .opts = doctor_opts,
     .brief = "what is wrong on this host, and what to do about it",
     .detail = DOCTOR_DETAIL},
    {.name = "supervise",
     .run = verb_supervise,
     .args = "",
     .flags = V_JSON | V_ROOT_MAKE,
     .opts = supervise_opts,
     .brief = "the keeper, in the foreground; it starts by itself too",
     .detail = "One process a root holds what must outlive a command. The first command that needs "
	       "it starts it."},
    {.name = "help",
     .run = verb_help,
     .args = "[verb | exit-codes]",
     .max_args = 1,
     .flags = V_JSON,
     .brief = "this page, or one on a verb",
     .detail = ""},
    {.name = "version",
     .run = verb_version,
     .args = "",
     .flags = V_JSON,
     .brief = "which build this is",
     .detail = ""},

    {.name = "_apply",
     .run = verb_apply,
     .args = "<identity>",
     .min_args = 1,
     .max_args = 1,
     .flags = V_HIDDEN | V_ROOT,
     .opts = apply_opts,
     .brief = "the keeper's worker",
     .detail = ""},
    {.name = "_panelog",
     .run = verb_panelog,
     .args = "<identity>",
     .min_args = 1,
     .max_args = 1,
     .flags = V_HIDDEN | V_ROOT | V_SETTINGS,
     .opts = panelog_opts,
     .brief = "the writer behind tmux's pipe-pane",
     .detail = ""},
    {.name = "_hook",
     .run = verb_hook,
     .args = "<identity> pane-died",
     .min_args = 2,
     .max_args = 2,
     .flags = V_HIDDEN | V_ROOT,
     .opts = hook_opts,
     .brief = "what tmux calls when a pane's program ends",
     .detail = ""},
    {.name = "canary",
     .run = verb_canary,
     .args = "ensure|disarm|status|end-session",
     .min_args = 1,
     .max_args = 1,
     .flags = V_HIDDEN | V_JSON | V_ROOT_MAKE | V_SETTINGS,
     .opts = canary_opts,
     .brief = "watch a tmux server's life",
     .detail = "ensure prints spawned, already, skipped or failed; disarm disarmed or none; status "
	       "watching or none."},
};
const size_t n_verbs = sizeof verbs / sizeof verbs[0];

const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; i < n_verbs; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

const char *verb_nearest(const char *typed)
{
	const char *names[sizeof verbs / sizeof verbs[0]];
	size_t n = 0;

	for (size_t i = 0; i < n_verbs; i++)
		if (!(verbs[i].flags & V_HIDDEN))
			names[n++] = verbs[i].name;
	return str_nearest(typed, names, n);
}
