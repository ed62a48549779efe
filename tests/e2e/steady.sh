#!/usr/bin/env bash
# While nothing happens the keeper starts no process (the kernel counts them, by strace) and hardly wakes up; out of
# descriptors it records no deaths.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
need_proc
if ! command -v strace >/dev/null || ! strace -f -qq -o /dev/null true 2>/dev/null; then
	echo "skipped: needs strace, and leave to trace"
	exit 77
fi
e2e_begin
export IAPEER_BOOT_PARALLEL=8
PEERS=${E2E_PEERS:-50}
SECS=${E2E_SECS:-6}

keep() { # seconds between ticks
	[ -z "$(keeper)" ] || must iapeer supervise --stop
	"$IAPEER_BIN" supervise --interval "$1" 2>>keeper.log &
	E2E_OWNED+=($!)
	wait_for 10 has_keeper
}
wakeups() { sed -n 's/^voluntary_ctxt_switches:[[:space:]]*//p' "/proc/$1/status"; }
made() { grep -c -E '(clone3?|v?fork)\(' trace || true; }
traces() { grep -q "TracerPid:[[:space:]]*$1" "/proc/$(keeper)/status"; }
ticked() { [ "$(grep -c 'epoll_p\?wait' trace)" -ge "$1" ]; }
all_live() { [ "$(iapeer list --json | tr '{' '\n' | grep -c '"state":"live"')" = "$PEERS" ]; }

keep 1
for i in $(seq "$PEERS"); do must iapeer create "p$i" --runtime shell; done
for i in $(seq "$PEERS"); do { iapeer send "p$i" true --timeout 50 || echo "p$i: exit $?"; } >>woken 2>&1 & done
# shellcheck disable=SC2046
wait $(jobs -p | grep -v -x "$(keeper)")
check_eq "$PEERS are sent to" "" "$(grep -v '^delivered' woken)"
check_soon "$PEERS peers live" 10 all_live
all_live || for name in $(iapeer list | awk '!/●/ { print $1 }'); do # who is not, and what was done to it
	iapeer show "$name"
	grep -h "shell-$name " "$LOGS"/*.log
done
sleep 1 # what follows the last wake is over: the stillness after it is what is measured

# ---- ticks of a second
pid=$(keeper)
strace -qq -e trace=clone,clone3,fork,vfork,execve,epoll_wait,epoll_pwait -o trace -p "$pid" &
tracer=$!
E2E_OWNED+=("$tracer")
check_soon "the keeper is traced" 5 traces "$tracer"
check_soon "$SECS ticks" $((SECS + 5)) ticked "$SECS"
check_eq "they started no process" 0 "$(made)"
must iapeer send p1 true
check "a message does: they are counted" test "$(made)" -ge 1
kill "$tracer"
wait "$tracer" 2>/dev/null
check "everybody lives" all_live

# ---- at the default interval
keep 60
sleep 1.5 # its start is over
pid=$(keeper)
before=$(wakeups "$pid")
sleep "$SECS" # the time that is measured
after=$(wakeups "$pid")
check "under one wake-up a second ($((after - before)) in $SECS s)" test $((after - before)) -lt "$SECS"

# ---- a wake is the work of one worker: what it makes is seen by the keeper, and is no reason for another; and nobody
# but the receiver of a message is looked at
later() { [ $((SECONDS - from)) -ge 2 ]; }
must iapeer stop p1
must iapeer start p1
from=$SECONDS
check_soon "what these two ask the keeper for has happened" 5 later
strace -f -qq -e trace=execve,openat,openat2 -o trace -p "$pid" 2>/dev/null &
tracer=$!
E2E_OWNED+=("$tracer")
check_soon "the keeper is traced again" 5 traces "$tracer"
must iapeer send p1 true
must iapeer send p2 true
from=$SECONDS
check_soon "so has what was put off" 5 later
kill "$tracer"
wait "$tracer" 2>/dev/null
check_eq "one worker woke it" 1 "$(grep -c '"_apply", "shell-p1"' trace)"
check_eq "one delivered to the other" 1 "$(grep -c '"_apply", "shell-p2"' trace)"
check_eq "nobody else was looked at" 0 "$(grep -c "^$pid .*shell-p9" trace)"

# ---- a keeper that cannot watch them all
must iapeer supervise --stop
(ulimit -n 60 && exec "$IAPEER_BIN" supervise --interval 1) 2>few.log &
E2E_OWNED+=($!)
check_soon "a keeper with few descriptors" 10 has_keeper
must iapeer supervise --once --json
check_eq "says of everybody what is" "$PEERS" "$(printf '%s\n' "$out" | tr '{' '\n' | grep -c '"action":"alive"')"
check_eq "and records no death" 0 "$(count_lines 'ev=server-exit' "$LOGS/exits.log")"
check "everybody is watched still" test "$(find "$STATE" -name '*.canary' | wc -l)" = "$PEERS"
keep 60
pid=$(session_of shell-p7)
kill -KILL "$pid"
died() { [ "$(count_lines 'ev=server-exit identity=shell-p7 ' "$LOGS/exits.log")" = 1 ]; }
check_soon "the next death is on record" 3 died
must iapeer stop --all
e2e_end
