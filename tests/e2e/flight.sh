#!/usr/bin/env bash
# The flight recorder: ticks take samples of each peer (of a quiet one every fifth does), the samples survive the
# keeper, and a death's evidence holds them. Whoever grew before it is named.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
need_proc
e2e_begin

start_keeper() {
	"$IAPEER_BIN" supervise --interval 1 2>>keeper.log &
	keeper=$!
	E2E_OWNED+=("$keeper")
	check_soon "a keeper serves" 5 test -S "$IAPEER_ROOT/state/iapeer/supervise.sock"
}
record=$STATE/shell-bob.flight
samples() { cat "$record" 2>/dev/null | tr -d '\0' | grep -c '^n='; }
samples_above() { [ "$(samples)" -gt "$1" ]; }
in_record() { grep -a -q -e "$1" "$record"; }
evidence() { cat "$LOGS"/server-deaths/*.txt 2>/dev/null; }
has_evidence() { evidence | grep -q "^server-death identity=shell-bob "; }

must iapeer create bob --runtime shell
start_keeper
must iapeer send bob true
pid=$(session_of shell-bob)
check_soon "a tick takes a sample" 5 samples_above 0
check_soon "of this server, whose program does nothing" 5 in_record "server=$pid .* state=idle"

# A program of bob's that takes 64 MiB and keeps them.
must iapeer send bob '(head -c 67108864 /dev/zero; exec sleep 1000) | tail -c 67108864 >/dev/null'
check_soon "the one who grew is named" 10 in_record ' grew=tail by=[0-9]\{5,\} '
check_soon "and that bob works" 10 in_record ' state=working '
before=$(samples)
check_soon "samples go on while it is quiet" 15 samples_above "$before"

# Keeper and server die in one instant; the next keeper finds the death and the samples.
kill -KILL "$keeper" "$pid"
wait "$keeper" 2>/dev/null
rm -f "$IAPEER_ROOT/state/iapeer/supervise.sock"
start_keeper
check_soon "the death is recorded afterwards" 5 has_evidence
check_has "its evidence tells of the time before" "$(evidence)" "flight: time, KiB"
check "and of who grew" grep -q '^flight: .* working .*tail +[0-9]\{5,\}' "$LOGS"/server-deaths/*.txt
check_eq "the file has its bounded size" 1 "$(find "$record" -size -39 | wc -l | tr -d ' ')"
must iapeer remove bob
check_not "remove takes the samples too" test -e "$record"
e2e_end
