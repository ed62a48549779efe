#!/usr/bin/env bash
# Who waits for the end of a turn hears at once when there will be none, and why; and hears the answer although the keeper
# that he asked was killed.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin

LONG="sleep 55; echo never"
asked=
begin_ask() { # name what
	local n=$1
	iapeer ask "$n" "$2" --json --timeout 50 >"$E2E_DIR/$n.out" 2>"$E2E_DIR/$n.err" </dev/null &
	asked=$!
	E2E_OWNED+=("$asked")
	check_soon "$n is at it" 10 at_work "$n"
}
at_work() { [ -n "$(child_pids "$(pane_of "shell-$1")")" ] && ls "$STATE/shell-$1.receipts"/*.json >/dev/null 2>&1; }
heard() { # name status needle
	local rc=0 before=$SECONDS
	wait "$asked" || rc=$?
	check "$1: at once" [ $((SECONDS - before)) -le 12 ]
	check_eq "$1: status" "$2" "$rc"
	check_has "$1: said" "$(cat "$E2E_DIR/$1.err" "$E2E_DIR/$1.out")" "$3"
}

for name in killed server gone stopped kept; do must iapeer create $name --runtime shell; done

begin_ask killed "$LONG"
check "its program is killed" kill -KILL "$(pane_of shell-killed)"
heard killed 1 "its session ended during the turn: sigkill"
check_eq "delivered all the same" delivered "$(json status "$(cat killed.out)")"

begin_ask server "$LONG"
check "its server is killed" kill -KILL "$(session_of shell-server)"
heard server 1 "its session ended during the turn: sigkill"

begin_ask gone "sleep 0.5; exit 3"
heard gone 1 "its session ended during the turn: exit-3"

begin_ask stopped "$LONG"
check_exit "stop" 0 iapeer stop stopped
heard stopped 4 "it was stopped during the turn"

begin_ask kept "sleep 2; echo the answer"
old=$(keeper)
check "the keeper is killed" kill -KILL "$old"
heard kept 0 '"answer":"the answer'
check "by another one" [ "$(keeper)" != "$old" ]

# ---- a proof is waited for
fake_runtime hooked 's/"proof": "submitted"/"proof": "recorded", "hooks": "always"/'
FAKE_RUNTIME=hooked fake_peer slow "--hook $IAPEER_ROOT/bin/iapeer --deaf-hooks 1"
iapeer send slow one --id s-1 --json --wait recorded --timeout 50 >"$E2E_DIR/slow.out" 2>"$E2E_DIR/slow.err" &
asked=$!
E2E_OWNED+=("$asked")
took() { [ "$(recorded slow)" = 1 ]; }
check_soon "it has it, and does not say so" 20 took
check_exit "stop" 0 iapeer stop slow
heard slow 9 '"status":"ambiguous"'
check_eq "nothing waits" 0 "$(queue_of hooked-slow)"
check_not "nothing is unsettled" test -e "$STATE/hooked-slow.sending"
e2e_end
