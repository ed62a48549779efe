/* mcp.h - `iapeer mcp`: the Model Context Protocol on two descriptors, one JSON message a line
 * (docs/MCP.md).
 *
 * One process beside one agent, which starts it and ends it by closing its input. It holds nothing
 * that outlives it: what it accepted is in a queue on disk. While calls wait for deliveries and
 * answers it goes on reading, so pings, other calls and cancellations are not held up.
 */
#pragma once
#include "iapeer/base/err.h"

/* Serve until the end of `in`, or until nobody reads `out` any more: both are 0. -1 only when the
 * system fails us. */
int mcp_serve(int in, int out, struct err *e) NODISCARD;
