#include "iapeer/cli/reply.h"

#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

int reply_outcome(const struct json *reply, char mode[static 16], char cause[static 64],
		  struct err *e)
{
	const struct json *error = json_get(reply, "error");
	const char *text;

	if (error) {
		text = json_text(json_get(error, "message"));
		err_set(e, err_from_word(json_text(json_get(error, "code"))), 0, "%s",
			text ? text : "the keeper says no");
		text = json_text(json_get(error, "hint"));
		return str_empty(text) ? -1 : err_hint(e, "%s", text);
	}
	text = json_text(json_get(reply, "mode"));
	str_cut(mode, 16, text ? text : "");
	text = json_text(json_get(reply, "cause"));
	str_cut(cause, 64, text ? text : "");
	return 0;
}
