#!/usr/bin/env bash
# wake_policy=always: there by itself, again after every end, spaced, not in a crash loop, not when it is stopped.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
need_proc
e2e_begin
export IAPEER_IDLE_SECS=1 IAPEER_CRASHLOOP_WINDOW_SECS=60

log=$LOGS/lifecycle.log
wakes() { count_lines "ev=wake identity=shell-$1" "$log"; }
woken() { [ "$(wakes "$1")" -ge "$2" ]; }
ready() { grep -q '"ready": *true' "$STATE/$1.session" 2>/dev/null; }
up() { is_live shell-up && ready shell-up; }
last_ms() { date -d "$(field ts "$(grep -e "$1" "$log" | tail -n 1)")" +%s%3N; } # pattern: when its last line was written

must iapeer create up --runtime shell
check_exit "set" 0 iapeer set up wake_policy=always
check_soon "is there without a message" 10 up
check_soon "the rule says why" 5 grep -q 'action=kept-up rule="an always-on peer is kept up"' "$log"
check_eq "its first wake" first-wake "$(field cause "$(grep ev=wake "$log")")"

# ---- it comes back, later each time
kill -KILL "$(pane_of shell-up)"
check_soon "it is there again" 10 woken up 2
check_soon "and takes input" 10 up
check_has "as who was killed from outside" "$(grep ev=wake "$log" | tail -n 1)" "cause=resume-after-sigkill"
died=$(last_ms 'ev=death identity=shell-up')
check "a second after its death" test $(($(last_ms 'ev=wake identity=shell-up') - died)) -ge 900
kill -KILL "$(session_of shell-up)"
check_soon "so it does when its server was killed" 15 woken up 3
died=$(last_ms 'ev=death identity=shell-up')
check "two seconds after its death" test $(($(last_ms 'ev=wake identity=shell-up') - died)) -ge 1900
check_soon "it takes input" 10 up

# ---- not parked, and messages go as ever
wait_for 2 false
check_exit "a tick" 0 iapeer supervise --once --json
check_eq "leaves it, idle as it is" alive "$(json action)"
check_exit "a message" 0 iapeer ask up 'echo yes'
check_eq "is answered" yes "$out"

# ---- a new keeper
kill -KILL "$(keeper)"
check_soon "the keeper is gone" 5 no_keeper
kill -KILL "$(session_of shell-up)"
must iapeer create other --runtime shell
must iapeer send other true
check_soon "a new keeper brings it back" 15 woken up 4
check_soon "and it takes input" 10 up

# ---- stop and start
check_exit "stop" 0 iapeer stop up
check_not "it stays down" wait_for 3 is_live shell-up
check_exit "start" 0 iapeer start up
check_has "says what comes" "$out" "kept up"
check_soon "it is back" 10 up

# ---- a crash loop
ended() { [ "$(count_lines 'ev=session-exit identity=shell-up' "$LOGS/exits.log")" -ge "$1" ]; }
before=$(count_lines 'ev=session-exit identity=shell-up' "$LOGS/exits.log")
for n in 1 2 3; do
	wait_for 30 up
	run iapeer send up exit --wait accepted
	wait_for 20 ended $((before + n))
done
check_soon "three ends of its own: left asleep" 10 grep -q 'identity=shell-up action=left-asleep' "$log"
n=$(wakes up)
check_not "and not started again" wait_for 4 woken up $((n + 1))
check_exit "a message says why" 5 iapeer send up true
check_has "in words" "$err" "crash loop"
check_exit "start clears it" 0 iapeer start up
check_soon "and it is back" 10 up

# ---- one that cannot start is not tried in a frenzy
must iapeer stop --all
mkdir -p "$IAPEER_ROOT/runtimes/none"
sed 's|"program": *\[[^]]*\]|"program": ["no-such-program"]|' "$E2E_SOURCE/src/runtime/builtin/shell.json" >"$IAPEER_ROOT/runtimes/none/runtime.json"
chmod -R go-rwx "$IAPEER_ROOT/runtimes"
must iapeer create broken --runtime none
must iapeer set broken wake_policy=always
tried() { [ "$(count_lines 'identity=none-broken action=kept-up' "$log")" -ge "$1" ]; }
check_soon "it is tried more than once" 10 tried 3
check_not "but not often" wait_for 1 tried 6
e2e_end
