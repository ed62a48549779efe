#!/usr/bin/env bash
# iapeer mcp and the official client of the Model Context Protocol, from npm: inside a peer's session it lists the tool and
# calls it; the inspector's command line does too.
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.bash"

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
command -v node >/dev/null || skip "no node"
modules=$("$here/install" mcp) || skip "no client to test with"
node=$(command -v node)
e2e_begin

must iapeer create alice --runtime shell
must iapeer create bob --runtime shell
must iapeer send alice "$node $here/mcp_sdk.mjs $modules $IAPEER_BIN $E2E_DIR/said"
check_soon "the client has ended" 60 test -e said
said=$(cat said 2>/dev/null)
check_lacks "without an error" "$said" '"error":"'
check_has "it knows us" "$said" '"server":"iapeer","tools":["send_to_peer"],"strict":true'
check_has "a call with an answer, which fits the schema" "$said" '"answer":"42\n","summary":"bob answered."'
check_has "an unknown peer" "$said" 'no such peer: bop. Did you mean bob?'
check_has "a wrong argument" "$said" '"wrong":{"content":[{"type":"text","text":"Not sent: unknown argument'
check_has "a call that is given up ends, and the server goes on" "$said" '"given_up":"rejected","ping":true'
check "alice was the sender" grep -q 'from=shell-alice to=shell-bob .*status=delivered' "$LOGS/delivery.log"
must iapeer interrupt bob

inspect() { # method...
	timeout 60 "$node" "$modules/.bin/mcp-inspector" --cli -e "IAPEER_ROOT=$IAPEER_ROOT" -e "IAPEER_SOCK_DIR=$IAPEER_SOCK_DIR" \
		-e IAPEER_TEST_SANDBOX=1 -e "HOME=$HOME" "$IAPEER_BIN" mcp "$@"
}
must iapeer set bob accepts=artificial
check_exit "the inspector lists" 0 inspect --method tools/list
check_has "the tool" "$out" '"name": "send_to_peer"'
check_exit "and calls" 0 inspect --method tools/call --tool-name send_to_peer --tool-arg personality=bob \
	--tool-arg 'message=echo inspected' --tool-arg wait_secs=20
check_has "with its answer" "$out" '"answer": "inspected\n"'
check_not "no server is left" pgrep -f "$IAPEER_BIN mcp"

e2e_end
