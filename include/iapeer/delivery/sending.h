/* sending.h - <identity>.sending: a paste has begun. Inside of deliver. */
#pragma once
#include "iapeer/delivery/queue.h"

struct sending {
	char id[MESSAGE_ID_MAX + 1];
	char file[64];
	int64_t length;
	char hash[24];
	char pane[32];
	int64_t server;
	int64_t at_ms;       /* UTC, of the intent */
	int64_t reports_at;  /* the reports were this long then */
	int64_t log_before;  /* and the pane's log; -1: not known */
	int64_t entered_log; /* struct paste_job */
	int64_t pasted_at_ms,
	    submitted_at_ms; /* noted where the proof takes longer; 0: not known */
};

/* Durable. */
int sending_save(const struct layout *l, const struct peer_id *id, const struct sending *s,
		 struct err *e) NODISCARD;
/* What was learnt since, not fsynced: it has to outlive us, and not the machine, with which the
 * composer goes too. */
int sending_note(const struct layout *l, const struct peer_id *id, const struct sending *s,
		 struct err *e) NODISCARD;
int sending_load(const struct layout *l, const struct peer_id *id, struct sending *out,
		 struct err *e) NODISCARD;
int sending_drop(const struct layout *l, const struct peer_id *id, struct err *e) NODISCARD;
