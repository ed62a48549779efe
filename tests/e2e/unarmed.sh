#!/usr/bin/env bash
# IAPEER_CANARY=off: no server is armed and no death recorded, but sessions are watched, parked and served as ever.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
export IAPEER_CANARY=off IAPEER_IDLE_SECS=2
e2e_begin
export IAPEER_CANARY=off IAPEER_IDLE_SECS=2 # the keeper takes them from whoever starts it
"$IAPEER_BIN" supervise --interval 1 2>keeper.log &
first=$!
E2E_OWNED+=("$first")
check_soon "a keeper" 5 has_keeper

must iapeer create bob --runtime shell
must iapeer create cyn --runtime shell
must iapeer send bob true
check_not "nothing is armed" test -e "$STATE/shell-bob.canary"
check_exit "a tick looks at it" 0 iapeer supervise --once --json
check_has "and says so" "$out" shell-bob
check_soon "quiet, it is parked" 10 is_gone shell-bob
check "by the keeper" test -e "$STATE/shell-bob.idle-reaped"

# ---- its server is killed
must iapeer send cyn true
pid=$(session_of shell-cyn)
kill -KILL "$pid"
check_soon "a killed server is noticed" 3 is_gone shell-cyn
check_eq "and not recorded" 0 "$(count_lines ev=server-exit "$LOGS/exits.log")"
check_exit "the next message wakes the peer" 0 iapeer send cyn true
iapeer send cyn 'exit 3' >/dev/null 2>&1
check_soon "its program's end too" 5 is_gone shell-cyn

# ---- the next keeper takes over what lives
kill -TERM "$first"
check_soon "the keeper leaves" 2 no_keeper
IAPEER_IDLE_SECS=600 iapeer send bob true || fail "a send with a keeper on demand"
pid=$(session_of shell-bob)
kill -KILL "$(keeper)"
check_soon "that keeper is killed" 5 no_keeper
must iapeer list
IAPEER_IDLE_SECS=600 iapeer start cyn || fail "start"
IAPEER_IDLE_SECS=600 iapeer send cyn true || fail "the next keeper"
kill -KILL "$pid"
check_soon "which knows of the other session" 5 is_gone shell-bob
still=$(keeper)
sleep 3 # longer than one on demand stays when it believes that nothing is live: it is its presence that is looked for
check_eq "it stays while a session lives" "$still" "$(keeper)"
check "there is one" test -n "$still"
must iapeer stop --all
check_soon "and leaves after the last" 6 no_keeper
e2e_end
