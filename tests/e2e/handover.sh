#!/usr/bin/env bash
# The keeper is replaced, stopped, told to end, while messages are being sent: none is lost or doubled, no session ends,
# and the next death is recorded all the same.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin

names="ann ben cyn"
has_deaths() { [ "$(count_lines "ev=server-exit identity=$1 " "$LOGS/exits.log")" = "$2" ]; }
keeper_is() { [ "$(keeper)" = "$1" ]; }
servers() {
	local name
	for name in $names; do session_of "shell-$name"; done
}
for name in $names; do
	must iapeer create "$name" --runtime shell
	must iapeer start "$name" --now
done
before=$(servers)
check_eq "three servers" 3 "$(printf '%s\n' "$before" | grep -c .)"

# ---- a second one
first=$(keeper)
check_exit "a second supervise" 5 iapeer supervise
check_has "names the first's pid" "$err" "$first"
check_eq "which goes on" "$first" "$(keeper)"

# ---- replaced, again and again, while messages come
sender() { # script peer
	local i
	for i in $(seq 1 8); do
		iapeer send "$2" "echo $1-$i >>'$E2E_DIR/got'" --timeout 30 >>"sent.$1" 2>&1 || echo "$1-$i: $?" >>failed
	done
}
: >failed
senders=
for i in $(seq 1 10); do # ten scripts
	# shellcheck disable=SC2086
	set -- $names
	shift $((i % 3))
	sender "s$i" "$1" &
	senders="$senders $!"
done
for i in 1 2 3 4 5; do
	old=$(keeper)
	"$IAPEER_BIN" supervise --replace 2>"replace.$i.log" &
	E2E_OWNED+=($!)
	# Between the two a sender may have started one of its own: that one is replaced as well.
	check_soon "replacement $i keeps" 15 keeper_is $!
	[ -z "$old" ] || check "replacement $i: the old one has left" not pid_alive "$old"
done
# shellcheck disable=SC2086
wait $senders
check_eq "every send was delivered" "" "$(cat failed)"
for name in $names; do must iapeer ask "$name" true; done
check_eq "80 arrived" 80 "$(wc -l <got | tr -d ' ')"
check_eq "80 different ones" 80 "$(sort -u got | wc -l | tr -d ' ')"
for i in $(seq 1 10); do
	check_eq "those of script $i in its order" "$(seq -f "s$i-%g" 1 8)" "$(grep "^s$i-" got)"
done
check_eq "no session has ended" "$before" "$(servers)"
check_eq "no death was recorded" 0 "$(count_lines ev=server-exit "$LOGS/exits.log")"

# ---- SIGTERM
old=$(keeper)
kill -TERM "$old"
check_soon "SIGTERM: it has left within a second" 1 not pid_alive "$old"
wait "$old" 2>/dev/null
check_eq "with status 0" 0 $?
check_eq "the sessions live on" "$before" "$(servers)"
check_exit "list works without it" 0 iapeer list
check_exit "a send works, with a new keeper" 0 iapeer send ann true
check "it runs" has_keeper
check_eq "in the same session" "$before" "$(servers)"
pid=$(session_of shell-ann)
kill -KILL "$pid"
check_soon "the next death is recorded" 3 has_deaths shell-ann 1
check_has "with its pid" "$(cat "$LOGS/exits.log")" "server_pid=$pid"

# ---- a death while there is no keeper
must iapeer supervise --stop
check "supervise --stop: it has left" no_keeper
check_exit "again: nothing to stop" 0 iapeer supervise --stop
pid=$(session_of shell-ben)
kill -KILL "$pid"
check_exit "the next message wakes the peer" 0 iapeer send ben true --json
check_eq "woke" true "$(json woke)"
check_soon "and the death is on record" 3 has_deaths shell-ben 1
check_has "late" "$(grep shell-ben "$LOGS/exits.log")" "late=true"

# ---- one that is run for good stays, and takes over from one on demand
must iapeer stop --all
check_soon "the one on demand leaves" 5 no_keeper
"$IAPEER_BIN" supervise 2>good.log &
good=$!
E2E_OWNED+=("$good")
check_soon "one for good" 5 has_keeper
check_eq "is it" "$good" "$(keeper)"
must iapeer start ann
check_exit "serves" 0 iapeer send ann true
must iapeer stop ann
sleep 3 # longer than one on demand would stay: it is its presence that is looked for
check_eq "and stays when nothing is live" "$good" "$(keeper)"
must iapeer supervise --stop
check_not "until it is told to leave" pid_alive "$good"
e2e_end
