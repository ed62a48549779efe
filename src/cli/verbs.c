#include "iapeer/cli/verbs.h"

#include "iapeer/cli/verb_opts.h"
#include "iapeer/cli/verb_runs.h"

#include "iapeer/base/banned.h"

#define CREATE_DETAIL                                                                              \
	"Without a name it is made from the folder's. The folder is --path, else "                 \
	"<root>/peers/<name>; `init`, and `create` without a name, mean this folder. Again with "  \
	"the same name: runtimes and tags are added, what is not given stays.\n\n"                 \
	"--trust is the owner's word for two things: the program may work in that folder, and "    \
	"it is started with its own options for asking nothing (claude: "                          \
	"--dangerously-skip-permissions). An agent cannot give it.\n\n"                            \
	"  iapeer create bob --runtime shell\n"                                                    \
	"  iapeer create reviewer --runtime claude --workdir ~/src/app --tag review"
#define LIST_DETAIL                                                                                    \
	"● live, ○ asleep, ✕ stopped, ? its server does not answer; then what a live one does, " \
	"and for how long.\n\n"                                                                        \
	"A name may be a pattern, in quotes. --state, --status and --runtime take several words, "     \
	"with commas; a peer is listed when one of its runtimes is like that. --watch draws the "      \
	"table anew when something changes, until q and Enter or Ctrl-C; into a pipe it writes "       \
	"each new table behind the last, and with --json an object a line.\n\n"                        \
	"  iapeer list @team 'rev*'\n"                                                                 \
	"  iapeer list --status waiting,blocked --watch"
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
	"nobody uses, and ends sessions that nobody registered.\n\n"                               \
	"--drill proves that deaths are recorded here: a scratch peer in a root and with a "       \
	"keeper of its own is killed in six ways, and each record is compared with what was "      \
	"done. Your "                                                                              \
	"peers are not touched, and all that it made is removed. Exit 1 when a record is wrong."
#define MCP_DETAIL                                                                                 \
	"An agent's program starts it inside a peer's session and speaks the Model Context "       \
	"Protocol with it on standard input and output. Its one tool, send_to_peer, is `send` "    \
	"from that peer, or with wait_secs `ask`. It ends with its input.\n\n"                     \
	"  claude --mcp-config '{\"mcpServers\":{\"iapeer\":{\"command\":\"iapeer\","              \
	"\"args\":[\"mcp\"]}}}'"
#define COMPLETION_DETAIL                                                                          \
	"Packages install it; by hand:\n\n"                                                        \
	"  bash  source <(iapeer completion bash)                        in ~/.bashrc\n"           \
	"  zsh   source <(iapeer completion zsh)                         in ~/.zshrc\n"            \
	"  fish  iapeer completion fish > ~/.config/fish/completions/iapeer.fish"
#define WAIT_DETAIL                                                                                \
	"idle: it lives, does nothing, and no message waits for it. attention: it waits for an "   \
	"answer, is blocked by a dialog, or its credentials or quota are used up. gone: it has "   \
	"no "                                                                                      \
	"session. A peer that is asleep is waited for; one that ends while it is waited for is a " \
	"failure (exit 1), but for gone. Exit 0 when it is so, at once if it is so already; 6 at " \
	"the time-out (none unless given; 0 only looks).\n\n"                                      \
	"  iapeer send bob make --wait accepted && iapeer wait bob --for idle --timeout 600"
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
     .args = "[peer | @tag]...",
     .max_args = VERB_ARGS_ANY,
     .comp = {COMP_PEER, COMP_PEER, COMP_PEER},
     .flags = V_JSON | V_REGISTRY,
     .opts = list_opts,
     .brief = "all peers: live, asleep, stopped or unknown",
     .detail = LIST_DETAIL},
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
     .brief = "what a peer answered last, or shows",
     .detail = "The last answer of a program that reports its turns, with its time. Of others the "
	       "screen, and of one that is not live the last 20 lines that it showed."},
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
     .opts = ask_opts,
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
	       "detach key (C-b d; from inside your own tmux C-b C-b d); the peer goes on. "
	       "<root>/tmux.conf has its settings."},
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
     .detail =
	 "Presses the key that its runtime's manifest names, once, and only while it does "
	 "something: never on a program that is still starting. What it was doing is lost, and "
	 "so is what was typed ahead into a shell."},
    {.name = "compact",
     .run = verb_compact,
     .args = "<peer> [runtime]",
     .min_args = 1,
     .max_args = 2,
     .comp = {COMP_PEER, COMP_RUNTIME},
     .flags = V_JSON | V_REGISTRY | V_MUTATES,
     .brief = "have a live peer shorten its conversation",
     .detail =
	 "Types what its runtime's manifest says for it (`/compact`) as a message is typed: not "
	 "over a draft or a question, and Enter only on what is seen to stand there."},
    {.name = "self",
     .run = verb_self,
     .args = "fresh | done",
     .min_args = 1,
     .max_args = 1,
     .flags = V_JSON | V_REGISTRY | V_MUTATES,
     .brief = "what a peer says about itself, inside its session",
     .detail = "`fresh`: its next start is a fresh one. `done`: an ephemeral worker's task is "
	       "done; its session ends, and the next task gets one of its own."},
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
     .comp = {COMP_PEER, COMP_SET_KEY, COMP_SET_KEY},
     .flags = V_JSON | V_REGISTRY | V_MUTATES,
     .brief = "change what a peer is",
     .detail = "name=name  folder=folder  runtimes=a,b  default=runtime  description=text  "
	       "tags=a,b  workdir=folder  "
	       "wake_policy=on-demand|ephemeral|always  resume_policy=continue|topic|always|never  "
	       "accepts=artificial,natural,absent  trust=yes|no  initial_prompt=text\n\n"
	       "An empty value takes the default back. Several at once are one change. A name or "
	       "folder is changed while the peer sleeps; its conversation, messages and marks go "
	       "along, and it goes on working where it did unless workdir says otherwise."},
    {.name = "queue",
     .run = verb_queue,
     .args = "<peer> [list | drop <id> | retry <id>]",
     .min_args = 1,
     .max_args = 3,
     .comp = {COMP_PEER, COMP_LITERAL},
     .flags = V_JSON | V_REGISTRY | V_MUTATES,
     .opts = queue_opts,
     .brief = "the messages that wait for a peer",
     .detail = ""},
    {.name = "why",
     .run = verb_why,
     .args = "<peer>",
     .min_args = 1,
     .max_args = 1,
     .comp = {COMP_PEER},
     .flags = V_JSON | V_REGISTRY,
     .opts = why_opts,
     .brief = "what happened to a peer, told as a story",
     .detail =
	 "Its wakes, messages and deaths, in sentences: who woke it, what ended it, who asked "
	 "for that, and whether memory was short. Without --since it is its last day on "
	 "record.\n\n"
	 "--export writes a tar for whoever helps: the story, its lines, evidence, the last 64 "
	 "KiB of the pane's log and versions. Keys, tokens and passwords are masked as far as "
	 "they look like such, or are set under such a name for the peer."},
    {.name = "deaths",
     .run = verb_deaths,
     .args = "[peer]",
     .max_args = 1,
     .comp = {COMP_PEER},
     .flags = V_JSON | V_REGISTRY,
     .opts = deaths_opts,
     .brief = "sessions and tmux servers that died, and of what",
     .detail = "Servers that died within two seconds of each other count as one event."},
    {.name = "logs",
     .run = verb_logs,
     .args = "[peer]",
     .max_args = 1,
     .comp = {COMP_PEER},
     .flags = V_JSON | V_REGISTRY,
     .opts = logs_opts,
     .brief = "the journals of life, delivery and exits, by time",
     .detail =
	 "Their lines as they are (logfmt). With a peer, those that speak of it, and messages "
	 "that it sent."},
    {.name = "events",
     .run = verb_events,
     .args = "[peer]",
     .max_args = 1,
     .comp = {COMP_PEER},
     .flags = V_JSON | V_REGISTRY,
     .opts = events_opts,
     .brief = "wakes, deliveries, statuses and deaths, as they happen",
     .detail =
	 "One line an event; with --json one object a line, so that a program can read them "
	 "one by one. With -f it goes on until it is interrupted or nobody reads any more.\n\n"
	 "  iapeer events -f --json --last 0 | my-dashboard"},
    {.name = "wait",
     .run = verb_wait,
     .args = "<peer> [runtime]",
     .min_args = 1,
     .max_args = 2,
     .comp = {COMP_PEER, COMP_RUNTIME},
     .flags = V_JSON | V_REGISTRY,
     .opts = wait_opts,
     .brief = "wait until a peer is idle, needs a person, or is gone",
     .detail = WAIT_DETAIL},
    {.name = "doctor",
     .run = verb_doctor,
     .args = "",
     .flags = V_JSON,
     .opts = doctor_opts,
     .brief = "what is wrong on this host, and what to do about it",
     .detail = DOCTOR_DETAIL},
    {.name = "top",
     .run = verb_top,
     .args = "",
     .flags = V_JSON | V_REGISTRY,
     .brief = "all peers, live, with the keys to work with them",
     .detail = "h shows the keys. Where there is no terminal it is `list`."},
    {.name = "supervise",
     .run = verb_supervise,
     .args = "",
     .flags = V_JSON | V_ROOT_MAKE,
     .opts = supervise_opts,
     .brief = "the keeper, in the foreground; it starts by itself too",
     .detail = "One process a root holds what must outlive a command. The first command that needs "
	       "it starts it."},
    {.name = "mcp",
     .run = verb_mcp,
     .args = "",
     .brief = "a server for agents: the tool send_to_peer (MCP, stdio)",
     .detail = MCP_DETAIL},
    {.name = "completion",
     .run = verb_completion,
     .args = "bash|zsh|fish",
     .min_args = 1,
     .max_args = 1,
     .comp = {COMP_LITERAL},
     .flags = V_JSON,
     .brief = "what makes a shell complete verbs, peers and options",
     .detail = COMPLETION_DETAIL},
    {.name = "help",
     .run = verb_help,
     .args = "[verb | exit-codes]",
     .max_args = 1,
     .comp = {COMP_VERB},
     .flags = V_JSON,
     .opts = help_opts,
     .brief = "this page, or one on a verb",
     .detail = ""},
    {.name = "version",
     .run = verb_version,
     .args = "",
     .flags = V_JSON,
     .brief = "which build this is",
     .detail = ""},
    {.name = "_complete",
     .run = verb_complete,
     .args = "-- <word>...",
     .min_args = 1,
     .max_args = VERB_ARGS_ANY,
     .flags = V_HIDDEN | V_REGISTRY,
     .brief = "what may stand where the cursor is",
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
    {.name = "_screen",
     .run = verb_screen,
     .args = "<identity>",
     .min_args = 1,
     .max_args = 1,
     .flags = V_HIDDEN | V_ROOT | V_SETTINGS,
     .brief = "the keeper's look at a screen",
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
     .args = "<identity> pane-died|kill-asked|kill-over",
     .min_args = 2,
     .max_args = 2,
     .flags = V_HIDDEN | V_ROOT,
     .opts = hook_opts,
     .brief = "what tmux calls: its pane's end, or who asks to kill",
     .detail = ""},
    {.name = "event",
     .run = verb_event,
     .args = "<runtime>",
     .min_args = 1,
     .max_args = 1,
     .flags = V_HIDDEN | V_ROOT | V_MUTE,
     .opts = event_opts,
     .brief = "what an agent's hooks call, its object on standard input",
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
