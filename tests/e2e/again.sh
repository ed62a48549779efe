#!/usr/bin/env bash
# What was asked for and cut short is done by the next keeper; a server that is stopped by a signal is only asked again.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
need_proc
e2e_begin

log=$LOGS/lifecycle.log
is_new() { [ -n "$(session_of shell-bob)" ] && [ "$(session_of shell-bob)" != "$pid" ] && grep -q '"ready": *true' "$STATE/shell-bob.session" && [ ! -e "$STATE/shell-bob.new-eager" ]; }
mark() { date -u +%Y-%m-%dT%H:%M:%S+00:00 >"$STATE/shell-bob.$1"; }
workers_of() { tr ' ' '\n' <<<"$(child_pids "$1")" | while read -r child; do
	case $(cat "/proc/$child/cmdline" 2>/dev/null | tr '\0' ' ') in *_apply*) echo "$child" ;; esac
done; }

must iapeer create bob --runtime shell
must iapeer create other --runtime shell
must iapeer send bob true
must iapeer send other true

# ---- a new session was asked for
pid=$(session_of shell-bob)
mark new-eager
check_soon "the mark alone is enough" 10 is_new
check_not "the old server has ended" pid_alive "$pid"
pid=$(session_of shell-bob)
kill -KILL "$(keeper)"
check_soon "no keeper" 5 no_keeper
mark new-eager
must iapeer send other true
check_soon "the next keeper does it" 10 is_new
check_has "fresh, as new" "$(grep 'ev=wake identity=shell-bob' "$log" | tail -n 1)" "mode=fresh cause=new"
check_eq "no death of it" "" "$(cat "$STATE/shell-bob.deaths" 2>/dev/null)"
pid=$(session_of shell-bob)
kill -KILL "$pid"
check_soon "its server is killed" 5 test -e "$STATE/shell-bob.deaths"
mark new-eager
check_soon "gone, and asked for: started" 10 is_new
check_has "by its rule" "$(cat "$log")" 'action=needs-eager-fresh rule="a new session was asked for"'

# whoever is at it is killed
cut=0
for n in 1 2 3 4; do
	pid=$(session_of shell-bob)
	iapeer new bob >/dev/null 2>&1 &
	asker=$!
	E2E_OWNED+=("$asker")
	wait_for 5 test -e "$STATE/shell-bob.new-eager"
	sleep "0.0$((n * 3))" # not always at the same step
	k=$(keeper)
	if [ -n "$k" ] && [ -e "$STATE/shell-bob.new-eager" ]; then
		# shellcheck disable=SC2046
		kill -KILL "$asker" "$k" $(workers_of "$k") 2>/dev/null
		cut=$((cut + 1))
	fi
	wait "$asker" 2>/dev/null
	must iapeer send other true
	check_soon "cut short, it is done all the same ($n)" 15 is_new
done
echo "# cut short: $cut"

# ---- a server that is stopped by a signal
pid=$(session_of shell-bob)
kill -STOP "$pid"
before=$(find "$STATE" -name 'shell-bob.*' | grep -v queue | sort)
check_exit "a message to it waits" 8 iapeer send bob 'echo after' --id after --timeout 1 --json
check_eq "it is queued" queued "$(json status)"
check_exit "a tick" 0 iapeer supervise --once --json
check_has "calls it unknown" "$out" '"unknown"'
check_exit "list too" 0 iapeer list --json
check_has "and shows it so" "$out" '"state":"unknown"'
check_exit "the others are served" 0 iapeer send other true
check_eq "nothing but the queue has changed" "$before" "$(find "$STATE" -name 'shell-bob.*' | grep -v queue | sort)"
kill -CONT "$pid"
delivered() { [ "$(count_lines "id=after .*status=delivered" "$LOGS/delivery.log")" = 1 ]; }
check_soon "it goes on: the message arrives" 10 delivered
check_eq "in the same session" "$pid" "$(session_of shell-bob)"
kill -STOP "$pid"
check_exit "stop cannot end it now" 6 iapeer stop bob
check_has "and says how it could" "$err" "kill -CONT $pid"
check "nothing was killed" pid_alive "$pid"
check "the session stays on record" test -e "$STATE/shell-bob.session"
check "the flag is set" test -e "$STATE/shell-bob.stopped"
kill -CONT "$pid"
check_soon "asked again, it answers and is ended as it was told to be" 8 is_gone shell-bob
by_its_rule() { tail -n 3 "$log" | grep -q reaped-stopped; } # its line follows the deed
check_soon "by its rule" 2 by_its_rule
e2e_end
