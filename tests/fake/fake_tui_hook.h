/* fake_tui_hook.h - what fake_tui says through its hook. Included by fake_tui.c only. */
#pragma once
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>

#include "fake_tui_paint.h"

#include "iapeer/base/clock.h"
#include "iapeer/base/json.h"
#include "iapeer/base/proc.h"

/* One text member more: {"key": "value"}. */
static void tell(struct tui *t, const char *event, const char *key, const char *value)
{
	struct proc_result AUTO(proc_result_done) out = PROC_RESULT_INIT;
	struct buf AUTO(buf_done) text = BUF_INIT(TEXT_MAX);
	struct json *auto_json j = json_object();
	const char *runtime = getenv("PEER_RUNTIME");
	struct strv AUTO(strv_done) argv = STRV_INIT;
	struct proc_opts o;
	struct err e;

	if (!t->o.hook)
		return;
	if (t->o.hook_delay_ms)
		poll(NULL, 0, (int)t->o.hook_delay_ms);
	json_set_str(j, "session_id", "fake-1");
	json_set_str_opt(j, "transcript_path", t->o.transcript);
	json_set_str(j, "cwd", "/");
	json_set_str(j, "hook_event_name", event);
	if (key)
		json_set_str(j, key, value);
	json_print(j, false, &text);
	strv_add(&argv, t->o.hook);
	strv_add(&argv, "event");
	strv_add(&argv, runtime ? runtime : "fake");
	o = (struct proc_opts){.file = t->o.hook,
			       .argv = strv_argv(&argv),
			       .input = buf_cstr(&text),
			       .input_len = text.len,
			       .deadline_ms = clock_mono_ms() + 5000};
	if (proc_run(&o, &out, &e) < 0)
		strv_fmt(&t->entries, "hook failed: %s", e.msg);
	if (out.out.len || out.err.len || out.status)
		strv_fmt(&t->entries, "hook said: %s%s (%d)", buf_cstr(&out.out),
			 buf_cstr(&out.err), out.status);
}

static void transcribe(const struct tui *t, const char *text)
{
	struct buf AUTO(buf_done) line = BUF_INIT(TEXT_MAX);
	int fd = t->o.transcript
		     ? open(t->o.transcript, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)
		     : -1;

	if (fd < 0)
		return;
	buf_str(&line, "{\"type\":\"user\",\"content\":");
	json_quote(&line, text, strlen(text));
	buf_str(&line, "}\n");
	put(fd, buf_cstr(&line), line.len);
	close(fd);
}

static void tell_taken(struct tui *t, const char *text)
{
	transcribe(t, text);
	if (++t->taken > t->o.deaf_hooks)
		tell(t, "UserPromptSubmit", "prompt", text);
}
