#!/usr/bin/env bash
# The record that arms a server (<identity>.canary) is deleted or damaged by somebody: a death is on record all the same,
# once; a deliberate end is none; what lives is armed again.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin

deaths_of() { cat "$LOGS/exits.log" 2>/dev/null | grep -c "ev=server-exit identity=$1 "; } # identity
has_death() { [ "$(deaths_of "$1")" -ge 1 ]; }
line_of() { grep "ev=server-exit identity=$1 " "$LOGS/exits.log"; }
noted() { grep -q '"class": *"server-dead"' "$STATE/$1.deaths" 2>/dev/null; }
ended() { is_gone "$1" && noted "$1"; }
live() { # name...
	local name
	for name; do
		must iapeer create "$name" --runtime shell
		must iapeer send "$name" true
	done
}
at_once() { # command...: for the keeper in one instant, so nothing is armed again in between
	kill -STOP "$keeper" && "$@"
	kill -CONT "$keeper"
}

# ---- with a keeper, which watches the server
live ann bob cyn dan eve hal
keeper=$(keeper)
gone_at_once() { rm "$STATE/shell-ann.canary" && kill -KILL "$(session_of shell-ann)"; }
pid=$(session_of shell-ann)
at_once gone_at_once
check_soon "deleted, then killed: the session is forgotten" 5 ended shell-ann
check_eq "one death" 1 "$(deaths_of shell-ann)"
check_has "with what the keeper saw" "$(line_of shell-ann)" "server_pid=$pid cause=sigkill evidence=observed signal=SIGKILL"
check_has "the evidence says what is missing" "$(cat "$LOGS/server-deaths/$(field forensics "$(line_of shell-ann)")")" "armed record: missing"
check_exit "deaths" 0 iapeer deaths ann
check_has "names it" "$out" sigkill

damaged_at_once() { echo garbage >"$STATE/shell-bob.canary" && kill -SEGV "$(session_of shell-bob)"; }
at_once damaged_at_once
check_soon "damaged, then killed" 5 has_death shell-bob
check_has "with its signal" "$(line_of shell-bob)" "cause=sigsegv evidence=observed"
check_exit "doctor finds the damaged record" 1 iapeer doctor
check_has "and names it" "$out" shell-bob.canary
iapeer doctor --fix >/dev/null 2>&1
check_soon "without it the session is forgotten" 5 ended shell-bob
check_eq "still one death" 1 "$(deaths_of shell-bob)"
check_has "of the cause that was recorded" "$(cat "$STATE/shell-bob.deaths")" sigsegv

rm "$STATE/shell-cyn.canary"
check_soon "deleted, and the server lives: it is armed again" 5 test -e "$STATE/shell-cyn.canary"
check_exit "and takes messages" 0 iapeer send cyn true

# Ended on purpose before anybody could arm it again: the keeper sees the end as it sees a death.
rm "$STATE/shell-cyn.canary" && check_exit "stop" 0 iapeer stop cyn
rm "$STATE/shell-dan.canary" && check_exit "remove" 0 iapeer remove dan --force
rm "$STATE/shell-eve.canary"
check_exit "new" 0 iapeer new eve
check_exit "canary end-session" 0 iapeer canary end-session --identity shell-hal --socket "$(socket_of shell-hal)"
check_exit "the keeper is there" 0 iapeer send eve true
for name in cyn dan eve hal; do
	check_eq "$name: a deliberate end is no death" 0 "$(deaths_of "shell-$name")"
	check_not "$name: nor one in the ring" noted "shell-$name"
done
must iapeer stop --all

# ---- without one: whoever looks next finds it
live fay gus
fay=$(session_of shell-fay)
gus=$(session_of shell-gus)
must iapeer supervise --stop
rm "$STATE/shell-fay.canary"
kill -KILL "$fay"
check_exit "the next message wakes it" 0 iapeer send fay true
check_eq "one death" 1 "$(deaths_of shell-fay)"
check_has "found late" "$(line_of shell-fay)" "server_pid=$fay cause="
check_eq "and says so" true "$(field late "$(line_of shell-fay)")"
must iapeer supervise --stop
echo garbage >"$STATE/shell-gus.canary"
kill -KILL "$gus"
check_exit "a damaged one: doctor finds it" 1 iapeer doctor
iapeer doctor --fix >fixed 2>&1
check_has "and puts it aside" "$(cat fixed)" "put state/lifecycle/shell-gus.canary aside"
check_soon "and has it looked at" 5 ended shell-gus
check_eq "one death" 1 "$(deaths_of shell-gus)"
check_has "of that server" "$(line_of shell-gus)" "server_pid=$gus cause="
must iapeer stop --all
e2e_end
