#!/usr/bin/env bash
# Who waits for the end of a turn hears at once when there will be none, and why; and hears the answer although the keeper
# that he asked was killed, or the worker that watched the turn, or somebody else asked first.
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

for name in killed server gone stopped kept watched both twice; do must iapeer create $name --runtime shell; done

begin_ask killed "$LONG"
check "its program is killed" kill -KILL "$(pane_of shell-killed)"
heard killed 1 "its session ended during the turn: sigkill"
check_eq "delivered all the same" delivered "$(json status "$(cat killed.out)")"

begin_ask server "$LONG"
check "its server is killed" kill -KILL "$(session_of shell-server)"
heard server 1 "its session ended during the turn: sigkill"

begin_ask gone "sleep 1.5; exit 3"
heard gone 1 "its session ended during the turn: exit-3"

begin_ask stopped "$LONG"
check_exit "stop" 0 iapeer stop stopped
heard stopped 4 "it was stopped during the turn"

begin_ask kept "sleep 2; echo the answer"
old=$(keeper)
check "the keeper is killed" kill -KILL "$old"
heard kept 0 '"answer":"the answer'
check "by another one" [ "$(keeper)" != "$old" ]

# ---- the worker that watches is killed
worker_of() { # identity
	local p
	for p in $(child_pids "$(keeper)"); do ! tr '\0' ' ' <"/proc/$p/cmdline" | grep -q " _apply $1 " || echo "$p"; done
}
unwatched() { # identity: its worker is killed
	local w
	w=$(worker_of "$1")
	check "$1: there is a worker" test -n "$w"
	kill -KILL "$w"
}
begin_ask watched "sleep 1; echo the answer"
unwatched shell-watched
heard watched 0 '"answer":"the answer'
check_soon "nothing is watched any more" 5 not test -e "$STATE/shell-watched.turn"

begin_ask both "$LONG"
unwatched shell-both
check "its server is killed, too" kill -KILL "$(session_of shell-both)"
heard both 1 "its session ended during the turn: sigkill"

# ---- the same message twice
iapeer ask twice --id t-1 "sleep 3; echo late" --timeout 2 --json >"$E2E_DIR/first.out" 2>"$E2E_DIR/first.err" &
first=$!
E2E_OWNED+=("$first")
check_soon "twice is at it" 10 at_work twice
check_exit "who asks again with more patience" 0 iapeer ask twice --id t-1 "sleep 3; echo late" --timeout 50 --json
check_eq "has the answer" "late\n" "$(json answer)"
check_eq "and did not send it again" true "$(json duplicate)"
rc=0
wait "$first" || rc=$?
check_eq "who had less has none" 6 "$rc"
check_eq "and why" "its turn has not ended in time" "$(json reason "$(cat "$E2E_DIR/first.out")")"
check_has "in words, too" "$(cat "$E2E_DIR/first.err")" "delivered, but its turn has not ended in time"
must iapeer send twice --id t-2 "sleep 1"
before=$SECONDS
check_exit "a turn that nobody watched from its beginning" 6 iapeer send twice --id t-2 "sleep 1" --wait turn --timeout 50
check_has "is no use to wait for" "$err" "delivered, but the end of its turn was not watched"
check "and so nobody does" [ $((SECONDS - before)) -le 10 ]

# ---- silence is no prompt
check_exit "a program is silent for long, and the shell for some time behind it" 0 iapeer ask twice 'sleep 1.2; for i in {1..200000}; do :; done; echo at last' --timeout 50
check_eq "the answer is waited for" "at last" "$out"

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
