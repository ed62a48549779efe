#!/usr/bin/env bash
# A keeper that does not go on (SIGSTOP): who needs it is told so, in the time that he gave; who does not is served.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
need_proc
e2e_begin

is_stopped() { case $(sed 's/^.*) //' "/proc/$1/stat") in [Tt]*) ;; *) false ;; esac; }
stall() {
	kill -STOP "$keeper"
	check_soon "the keeper is stopped" 3 is_stopped "$keeper"
}
in_time() { # what seconds status command...: within so many seconds and one more
	local what=$1 most=$2 status=$3 from
	shift 3
	from=$(date +%s%N)
	check_exit "$what" "$status" "$@"
	took=$((($(date +%s%N) - from) / 1000000))
	check "$what: in time ($took ms)" test "$took" -le $(((most + 1) * 1000 * E2E_PATIENCE))
}
told() { # what: one line that says what is going on, one what to do
	check_has "$1: is told why" "$err" "the keeper does not answer: its process (pid $keeper) is stopped by a signal"
	check_has "$1: and what to do" "$err" "kill -CONT $keeper"
	check_eq "$1: in two lines" 2 "$(printf '%s\n' "$err" | wc -l | tr -d ' ')"
}

must iapeer create ann --runtime shell
must iapeer create bob --runtime shell
must iapeer send ann true
keeper=$(keeper)
server=$(session_of shell-ann)
stall

# ---- who needs it
for verb in "ask ann true" "start bob --now" "new bob" "supervise --once"; do
	# shellcheck disable=SC2086 # words
	in_time "$verb" 1 6 iapeer $verb
	told "$verb"
done
in_time "send --timeout 1" 1 6 iapeer send ann true --timeout 1
told "send --timeout 1"
check_has "it was not accepted" "$err" "send to ann: not accepted: "
check "nothing waits" queue_empty shell-ann
check_not "no new session is owed" test -e "$STATE/shell-bob.new-eager"
cd "$IAPEER_ROOT/peers/bob" || exit 1
in_time "run" 1 6 iapeer run
told "run"
cd "$E2E_DIR" || exit 1
check_not "nor by run" test -e "$STATE/shell-bob.new-eager"
in_time "doctor" 3 1 iapeer doctor
check_has "finds it" "$out" "pid $keeper runs, but does not serve"
check_has "and what to do" "$out" "kill -CONT $keeper"

# ---- who does not
for verb in list "show ann" deaths "start bob" "queue ann" "read ann" "list --json" "stop ann"; do
	# shellcheck disable=SC2086
	in_time "$verb" 1 0 iapeer $verb
done
check_not "it was ended" pid_alive "$server"
in_time "remove" 1 0 iapeer remove ann
kill -CONT "$keeper"

# ---- it stops while somebody waits
must iapeer send bob true
iapeer ask bob 'sleep 60' --id long --timeout 2 >asked 2>&1 &
asked=$!
check_soon "a question is at work" 10 grep -q 'id=long .*rung=submitted' "$LOGS/delivery.log"
stall
from=$SECONDS
wait "$asked"
check_eq "its time is over: exit status" 6 "$?"
check "in time" test $((SECONDS - from)) -le $((4 * E2E_PATIENCE))
check_has "it is told why" "$(cat asked)" "(pid $keeper) is stopped by a signal"

# ---- it is told to leave
in_time "supervise --stop" 3 0 iapeer supervise --stop
check "it has left" no_keeper
check_exit "the next command starts another" 0 iapeer list
must iapeer stop --all
e2e_end
