#!/usr/bin/env bash
# What only time tells: an idle session is parked within a tick, and none that prints, works, is looked at or has just
# been woken; a clock that is set parks nobody.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin
export IAPEER_BOOT_PARALLEL=8
OUTER=$E2E_DIR/s/outer.sock # a tmux of the test's own: a terminal to attach from

keep() { # seconds of idleness, [NAME=value of the keeper's environment]...
	local idle=$1
	shift
	export IAPEER_IDLE_SECS=$idle
	[ -z "$(keeper)" ] || must iapeer supervise --stop
	env "$@" "$IAPEER_BIN" supervise --interval 1 2>keeper.log &
	E2E_OWNED+=($!)
	check_soon "a keeper with ${idle} s of idleness ${*:+and }$*" 10 has_keeper
}
make() { # name
	must iapeer create "$1" --runtime shell
	must iapeer start "$1" --now
}
is_parked() { is_gone "shell-$1" && [ -e "$STATE/shell-$1.idle-reaped" ]; }
ticks_of() { grep -e "ev=tick identity=shell-$1 " "$LOGS/lifecycle.log"; }
wakes_of() { grep -e "ev=wake identity=shell-$1 " "$LOGS/lifecycle.log" | tail -n 1; }
attached() { [ -n "$(find "$(socket_of "shell-$1")" -perm -u=x 2>/dev/null)" ]; }
action_of() { printf '%s\n' "$out" | tr '{' '\n' | sed -n "s/.*\"identity\":\"shell-$1\",\"action\":\"\([^\"]*\)\".*/\1/p"; }
alive() { check_eq "$1: $2" "$3" "$(session_of "shell-$1")"; } # name what pid

# ---- an idle one is parked; one that prints, works, is looked at is not
keep 3
for name in bob prints works seen; do make "$name"; done
# Every second, and its shell is idle.
must iapeer send prints 'for i in $(seq 600); do echo tick-$i; sleep 1; done &'
# Silent for longer than an idle one may be, but a turn in progress.
must iapeer send works 'for i in $(seq 100); do echo tock-$i; sleep 5; done' --wait submitted
tmux -S "$OUTER" -f /dev/null new-session -d -x 90 -y 30 "exec env -u TMUX tmux -S '$(socket_of shell-seen)' attach"
check_soon "a terminal is attached" 5 attached seen
for name in prints works seen; do eval "pid_$name=$(session_of "shell-$name")"; done
must iapeer send bob 'echo work'
pid=$(session_of shell-bob)
from=$SECONDS
check_soon "an idle one is parked" 8 is_parked bob
check "not before it was idle for three seconds" test $((SECONDS - from)) -ge 2
check "its server is gone" not pid_alive "$pid"
check_not "and its socket" test -e "$(socket_of shell-bob)"
check_not "it is no death" test -e "$STATE/shell-bob.deaths"
check_eq "in no log" 0 "$(count_lines 'shell-bob' "$LOGS/exits.log")"
check_not "it is not stopped" test -e "$STATE/shell-bob.stopped"
check_has "the log says so" "$(ticks_of bob)" 'action=reaped-idle rule="an idle session is parked"'
check_eq "once" 1 "$(ticks_of bob | grep -c .)"

# ---- the cause of the next wake, in the log and in the answer
next_wake() { # what cause send-options...
	local what=$1 cause=$2
	shift 2
	check_soon "$what: parked" 8 is_parked bob
	check_exit "$what: the next message" 0 iapeer send bob true --json "$@"
	check_eq "$what: wakes it" true "$(json woke)"
	check_eq "$what: afresh" fresh "$(json mode)"
	check_eq "$what: the answer says why" "$cause" "$(json cause)"
	check_eq "$what: so does the log" "$cause" "$(field cause "$(wakes_of bob)")"
	check_not "$what: the mark is used up" test -e "$STATE/shell-bob.idle-reaped"
}
next_wake "without a topic" idle-reaped-resume-no-resume
next_wake "a new topic" idle-reaped-new-topic --topic one
next_wake "the same topic" idle-reaped-resume-no-resume --topic one

for name in prints works seen; do
	eval "alive $name 'was not parked meanwhile' \$pid_$name"
done
check_lacks "nor was it tried" "$(cat "$LOGS/lifecycle.log")" "identity=shell-seen action=reaped"

# ---- the terminal is closed: idle from then on
tmux -S "$OUTER" kill-server
check_soon "the client is gone" 5 not attached seen
pid=$(session_of shell-seen)
check "the peer is not, at that moment" pid_alive "$pid"
check_soon "once nobody looks it is parked" 8 is_parked seen

# ---- a fresh wake is never parked for what is old
for what in log receipts; do
	must iapeer start seen --now
	must iapeer send seen true
	touch -d '1 hour ago' "$IAPEER_ROOT/logs/lifecycle/shell-seen.log" "$STATE/shell-seen.receipts" 2>/dev/null ||
		touch -t 202001010000 "$IAPEER_ROOT/logs/lifecycle/shell-seen.log" "$STATE/shell-seen.receipts"
	must iapeer supervise --once --json
	check_eq "old $what, woken just now" alive "$(action_of seen)"
	must iapeer supervise --stop
	keep 3
	must iapeer supervise --once --json
	check_eq "old $what, a new keeper" alive "$(action_of seen)"
	check_soon "and parked in time" 8 is_parked seen
done

# ---- --once
keep 3600
make ann
must iapeer supervise --once --json
check_eq "--once says what is" alive "$(action_of ann)"
check_has "by which rule" "$out" '"rule":"a live session is left alone"'
check "and how long it took" test "$(json micros)" -ge 0
printf '%s\n' "$out" >once.json
check "as JSON" json_valid once.json
must iapeer supervise --once
check_has "and as text" "$out" "shell-ann"

# ---- steady states are logged only when that is asked for
check_eq "a steady state is not logged" "" "$(ticks_of ann)"
must iapeer supervise --stop
keep 3600 IAPEER_SUPERVISE_LOG_VERBOSE=on
must iapeer supervise --once
line=$(ticks_of ann | tail -n 1)
check_has "but where it is asked for" "$line" 'identity=shell-ann action=alive rule="a live session is left alone" reason="quiet for '

# ---- a tick that has something else to do parks nobody who is not idle: its worker was told of signs of life only,
# found none since, and ended a shell that was a second old
pid=$(session_of shell-ann)
rm "$STATE/shell-ann.canary"
must iapeer supervise --once --json
check_eq "unwatched: seen by the tick" canary "$(action_of ann)"
check_soon "watched again" 5 test -e "$STATE/shell-ann.canary"
must iapeer send ann true # behind that worker
alive ann "has not been parked" "$pid"

# ---- what no event told: the folder that is watched is not the one that stands there, and a peer that was left alone
# tick after tick is looked at again
keep 3600
make fay
from=$SECONDS
some_ticks() { [ $((SECONDS - from)) -ge 5 ]; }
check_soon "ticks pass" 10 some_ticks
must cp -R "$STATE" "$STATE.restored"
: >"$STATE.restored/shell-fay.stopped"
must mv "$STATE" "$STATE.before"
must mv "$STATE.restored" "$STATE"
check_soon "stopped in the restored one: parked" 5 is_gone shell-fay
check_has "by the tick" "$(ticks_of fay)" 'action=reaped-stopped'
must iapeer supervise --stop
keep 3600

# ---- the clock is set
lib=$(find /usr/lib /usr/local/lib /opt/homebrew/lib -name 'libfaketime*.so.1' 2>/dev/null | sort | sed -n 1p)
# A sanitizer wants to be the first library, which a preloaded one is.
if [ -z "$lib" ] || [ ! -d /proc/self ] || grep -q __asan_init "$E2E_BIN"; then
	echo "# no libfaketime, or a build with sanitizers: a clock that is set is not tried"
	must iapeer stop --all
	e2e_end
fi
set_clock() { printf '%s\n' "$1" >clock.new && mv clock.new "$E2E_DIR/clock"; }
keep_fake() { # idle seconds
	keep "$1" LD_PRELOAD="$lib" FAKETIME_TIMESTAMP_FILE="$E2E_DIR/clock" FAKETIME_NO_CACHE=1 \
		FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_FORCE_MONOTONIC_FIX=0 NO_FAKE_STAT=1
}
moved() { grep -q "the clock moved by $1[0-9]* ms" keeper.log; } # by
three_ticks() { # what names...
	local what=$1 i name
	shift
	for i in 1 2 3; do
		must iapeer supervise --once --json
		for name; do check_eq "$what: tick $i, $name" alive "$(action_of "$name")"; done
	done
}
set_clock +0
keep_fake 60
make cyn
set_clock +1h # before any tick has looked at it
check_soon "an hour ahead: seen" 20 moved '3[56]'
three_ticks "an hour ahead" ann cyn
make dan
set_clock +2h
must iapeer supervise --stop
keep_fake 60
three_ticks "two hours ahead and a new keeper" ann cyn dan
set_clock +0
check_soon "and back: seen" 20 moved -7
three_ticks "and back" ann cyn dan
for name in ann cyn dan; do check "$name lives" is_live "shell-$name"; done

# After a step back new output is older than the wake; it is output all the same.
set_clock +1h
keep_fake 3
make eve
must iapeer send eve 'for i in $(seq 600); do echo tick-$i; sleep 1; done &'
must iapeer start bob --now
set_clock +0
check_soon "a step back: seen" 20 moved -3
check_soon "who is silent is parked" 8 is_parked bob
check "who prints is not" is_live shell-eve
check_soon "nor are the others too late" 8 is_parked dan
check "who prints is still there" is_live shell-eve
must iapeer stop --all
e2e_end
