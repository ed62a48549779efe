#!/usr/bin/env bash
# A root that is removed, or moved away: its keeper leaves, so that none is left behind for ever and a new one is alone.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin

start() { # a live peer; its keeper and its server
	must iapeer create bob --runtime shell
	must iapeer send bob true
	keeper=$(keeper)
	server=$(session_of shell-bob)
	E2E_OWNED+=("$server")
}

start
check "the keeper lives" pid_alive "$keeper"
# It may write once more while we remove.
check_soon "the root is removed" 10 eval 'rm -rf "$IAPEER_ROOT" 2>/dev/null'
check_soon "its keeper has left" 10 not pid_alive "$keeper"
check "and touched no session" pid_alive "$server"
kill "$server"

start
mv "$IAPEER_ROOT" "$IAPEER_ROOT.away"
check_soon "a root is moved: its keeper has left" 10 not pid_alive "$keeper"
check "with a word" grep -q 'was removed or moved: leaving' "$IAPEER_ROOT.away/logs/iapeer/supervise.log"
kill "$server"
mv "$IAPEER_ROOT.away" "$IAPEER_ROOT"
check_exit "moved back, all goes on" 0 iapeer send bob true

e2e_end
