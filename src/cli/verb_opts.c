#include "iapeer/cli/verb_opts.h"

#include <stddef.h>

#include "iapeer/base/banned.h"

const struct opt create_opts[] = {
    {.name = "runtime",
     .value = "<runtime>",
     .help = "how it is present; the first is its default",
     .many = true},
    {.name = "path", .value = "<folder>", .help = "where its .iapeer lives"},
    {.name = "workdir", .value = "<folder>", .help = "where its program runs, if not there"},
    {.name = "description", .value = "<text>", .help = "what it is for, at most 450 characters"},
    {.name = "intelligence", .value = "<nature>", .help = "artificial, natural or absent"},
    {.name = "tag", .value = "<tag>", .help = "a word to call several peers by", .many = true},
    {.name = "trust", .help = "trust its folder, run its program without questions"},
    {.name = NULL},
};
const struct opt list_opts[] = {
    {.name = "state", .value = "<state>", .help = "live, asleep, stopped, unknown", .many = true},
    {.name = "status",
     .value = "<status>",
     .help = "what a live one does: working, idle, waiting, blocked and so on",
     .many = true},
    {.name = "runtime",
     .value = "<runtime>",
     .help = "those that have it; with the others, by it",
     .many = true},
    {.name = "watch", .help = "again whenever something changes"},
    {.name = NULL},
};
const struct opt read_opts[] = {
    {.name = "last", .value = "<n>", .help = "the last n answers, or lines of what it showed"},
    {.name = "screen", .help = "what is on its screen now; it must be live"},
    {.name = "runtime", .value = "<runtime>", .help = "which of its runtimes, if not its default"},
    {.name = NULL},
};
const struct opt send_opts[] = {
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
const struct opt attach_opts[] = {
    {.name = "read-only", .help = "look, but press no key"},
    {.name = NULL},
};
const struct opt start_opts[] = {
    {.name = "all", .help = "every peer"},
    {.name = "now", .help = "wake it too, and wait until it is ready"},
    {.name = NULL},
};
const struct opt stop_opts[] = {
    {.name = "all", .help = "every peer"},
    {.name = NULL},
};
const struct opt new_opts[] = {
    {.name = "all", .help = "every peer"},
    {.name = "on-wake", .help = "only its next start is fresh"},
    {.name = NULL},
};
const struct opt remove_opts[] = {
    {.name = "force", .help = "stop it first"},
    {.name = NULL},
};
const struct opt queue_opts[] = {
    {.name = "force-next", .help = "deliver the first past a draft or a busy program"},
    {.name = "runtime", .value = "<runtime>", .help = "one of its runtimes, else all"},
    {.name = NULL},
};
#define SINCE_OPT                                                                                  \
	{                                                                                          \
		.name = "since", .value = "<time>", .help = "30m, 2h, 3d ago, or a time"           \
	}
const struct opt why_opts[] = {
    SINCE_OPT,
    {.name = "last", .value = "<n>", .help = "the last n sentences (40)"},
    {.name = "export", .value = "<file>", .help = "all of it as one tar, secrets masked"},
    {.name = NULL},
};
const struct opt logs_opts[] = {
    SINCE_OPT,
    {.name = "last", .value = "<n>", .help = "the last n lines (50)"},
    {.name = "follow", .help = "go on with what comes (-f)"},
    {.name = NULL},
};
const struct opt events_opts[] = {
    {.name = "last", .value = "<n>", .help = "the last n (50; 10 with -f)"},
    {.name = "follow", .help = "go on with what comes (-f)"},
    {.name = NULL},
};
const struct opt wait_opts[] = {
    {.name = "for", .value = "<what>", .help = "idle, attention or gone"},
    {.name = "timeout", .value = "<seconds>", .help = "give up after so long (never)"},
    {.name = NULL},
};
const struct opt deaths_opts[] = {
    {.name = "last", .value = "<n>", .help = "the last n (50)"},
    {.name = NULL},
};
const struct opt doctor_opts[] = {
    {.name = "fix", .help = "put right what can be put right"},
    {.name = "drill", .help = "kill a scratch peer in six ways and check each record"},
    {.name = NULL},
};
const struct opt supervise_opts[] = {
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
const struct opt apply_opts[] = {
    {.name = "trigger", .value = "<word>", .help = "why"},
    {.name = "build", .value = "<id>", .help = "the keeper's build"},
    {.name = "activity", .value = "<stamp>", .help = "the signs of life it saw"},
    {.name = "files", .value = "<n>", .help = "the limit of descriptors it was given"},
    {.name = NULL},
};
const struct opt panelog_opts[] = {
    {.name = "max-bytes", .value = "<n>", .help = "of one file"},
    {.name = "keep", .value = "<n>", .help = "files"},
    {.name = NULL},
};
const struct opt hook_opts[] = {
    {.name = "pane", .value = "<pane>", .help = "of which it speaks"},
    {.name = "pid", .value = "<pid>", .help = "of its program"},
    {.name = "server", .value = "<pid>", .help = "of its tmux server"},
    {.name = "command", .value = "<word>", .help = "that was asked for"},
    {.name = "status", .value = "<n>", .help = "exit status"},
    {.name = "signal", .value = "<n>", .help = "that killed it"},
    {.name = NULL},
};
const struct opt event_opts[] = {
    {.name = "identity", .value = "<identity>", .help = "who speaks; else $PEER_IDENTITY"},
    {.name = NULL},
};
const struct opt canary_opts[] = {
    {.name = "identity", .value = "<name>", .help = "whose server"},
    {.name = "socket", .value = "<path>", .help = "its socket"},
    {.name = "log-dir", .value = "<folder>", .help = "where deaths are recorded"},
    {.name = NULL},
};
const struct opt help_opts[] = {
    {.name = "roff", .help = "all of it as a manual page", .hidden = true},
    {.name = NULL},
};
