#!/usr/bin/env bash
# A record of a peer that nobody can understand: nothing is done by guess, the way out is named, and what lives goes on.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin

must iapeer create bob --runtime shell
must iapeer create ann --runtime shell
must iapeer send ann true
must iapeer send bob true
server=$(session_of shell-bob)
printf '{"entries":[]}\n' >"$STATE/shell-bob.deaths"
chmod 600 "$STATE/shell-bob.deaths"

for what in session canary deaths; do
	printf 'garbage\n' >"$STATE/shell-bob.$what"
	check_exit "$what: a message" 7 iapeer send bob true --timeout 5
	check_has "$what: which file" "$err" "state/lifecycle/shell-bob.$what: line 1"
	check_has "$what: what to do" "$err" "iapeer doctor --fix"
	check_exit "$what: the others are served" 0 iapeer ask ann 'echo served'
	check_exit "$what: doctor finds it" 1 iapeer doctor
	check_has "$what: and names it" "$out" "shell-bob.$what"
	iapeer doctor --fix >fixed 2>&1
	check_has "$what: doctor --fix" "$(cat fixed)" "put state/lifecycle/shell-bob.$what aside"
	check "$what: it is kept" test -n "$(find "$IAPEER_ROOT/state/trash" -name "shell-bob.$what-*")"
	check_exit "$what: the next message" 0 iapeer ask bob 'echo "here-$$"' --timeout 30
	check_has "$what: is answered" "$out" "here-"
	check_eq "$what: in the same server" "$server" "$(session_of shell-bob)"
	check_soon "$what: which is watched" 5 test -e "$STATE/shell-bob.canary"
done
check_exit "doctor has nothing more" 0 iapeer doctor
kill -KILL "$server"
died() { [ "$(count_lines 'ev=server-exit identity=shell-bob .*cause=sigkill' "$LOGS/exits.log")" = 1 ]; }
check_soon "its death is on record" 5 died
check_exit "it can be stopped" 0 iapeer stop bob
e2e_end
