/* A line from the control socket, whoever sends it: refused with a reason, or a request that names
 * a valid peer and asks for nothing that needs no keeper. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "iapeer/supervise/request.h"

#include "must.h"

#include "iapeer/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct request r;
	struct peer_id id;
	struct err e = ERR_INIT;

	if (request_parse((const char *)data, size, &r, &e) < 0) {
		must(e.code == ERR_USAGE || e.code == ERR_CORRUPT);
		must(e.msg[0] && !strchr(e.msg, '\n'));
		return 0;
	}
	must(r.wait_ms >= 0 && r.wait_ms <= REQUEST_WAIT_MAX_MS);
	if (r.op != REQUEST_DELIVER && r.op != REQUEST_APPLY)
		return 0;
	must(peer_parse(r.identity, &id, &e) == 0);
	must(r.op != REQUEST_APPLY || (r.trigger != TRIG_STOP && r.trigger != TRIG_REMOVE));
	return 0;
}
