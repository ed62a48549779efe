/* check.h - is this message one that we take? Before anything is started or queued. */
#pragma once
#include "iapeer/delivery/queue.h"
#include "iapeer/delivery/sender.h"
#include "iapeer/registry/profile.h"
#include "iapeer/runtime/manifest.h"

/* Length, UTF-8, topic, attachments (exist, regular, readable; made absolute): ERR_USAGE with the
 * limit. */
int check_message(struct queue_item *m, const struct manifest *mf, struct err *e) NODISCARD;
/* Natures the peer takes: ERR_REFUSED. A peer does not send to itself: ERR_REFUSED. */
int check_sender(const struct sender *s, const struct peer_id *to, const struct profile *p,
		 const struct manifest *mf, struct err *e) NODISCARD;
