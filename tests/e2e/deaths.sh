#!/usr/bin/env bash
# Every death of a tmux server is recorded exactly once, with its pid and cause; a deliberate end never is.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
export IAPEER_BOOT_PARALLEL=8
e2e_begin
export IAPEER_BOOT_PARALLEL=8 # the keeper takes it from whoever starts it

exits() { cat "$LOGS"/exits.log "$LOGS"/exits.log.* 2>/dev/null; }
death_lines() { exits | grep -e "ev=server-exit identity=$1 " || true; } # identity
death_count() { death_lines "$1" | grep -c . || true; }
has_death() { [ "$(death_count "$1")" -ge 1 ]; }
session_ends() { exits | grep -e "ev=session-exit identity=$1 " || true; }
has_session_end() { [ -n "$(session_ends "$1")" ]; }
evidence_files() { find "$LOGS/server-deaths" -name "$1-*.txt" 2>/dev/null | wc -l | tr -d ' '; }
wake() { must iapeer send "$1" true; }
make() {
	must iapeer create "$1" --runtime shell
	wake "$1"
}

# One line of the right server with the right fields, one evidence file that begins as it should.
check_death() { # what identity pid field=value...
	local what=$1 identity=$2 pid=$3 line want file
	shift 3
	check_soon "$what: recorded" 3 has_death "$identity"
	line=$(death_lines "$identity")
	check_eq "$what: one line" 1 "$(death_count "$identity")"
	check_eq "$what: its pid" "$pid" "$(field server_pid "$line")"
	for want; do
		check_eq "$what: ${want%%=*}" "${want#*=}" "$(field "${want%%=*}" "$line")"
	done
	check_eq "$what: one evidence file" 1 "$(evidence_files "$identity")"
	file=$LOGS/server-deaths/$(field forensics "$line")
	check_has "$what: which names the server" "$(sed -n 1p "$file" 2>/dev/null)" "server-death identity=$identity ts=$(field ts "$line") server_pid=$pid"
	check_eq "$what: 0600" 600 "$(mode_of "$file")"
}

# ---- signals and kill-server
for how in KILL SEGV TERM kill-server; do
	name=d-$(printf '%s' "$how" | tr '[:upper:]' '[:lower:]')
	make "$name"
	pid=$(session_of "shell-$name")
	case $how in
	kill-server) tmux_of "shell-$name" kill-server ;;
	*) kill -s "$how" "$pid" ;;
	esac
	case $how in
	KILL) check_death "SIGKILL" "shell-$name" "$pid" cause=sigkill evidence=observed signal=SIGKILL exit= late= ;;
	SEGV) check_death "SIGSEGV" "shell-$name" "$pid" cause=sigsegv evidence=observed signal=SIGSEGV exit= late= ;;
	TERM) check_death "SIGTERM" "shell-$name" "$pid" cause=exited evidence=observed signal= exit=0 late= ;;
	kill-server) check_death "kill-server" "shell-$name" "$pid" cause=kill-server evidence=observed exit=0 late= command=kill-server ;;
	esac
done
check_exit "deaths --json" 0 iapeer deaths d-kill --json
check_has "names the server" "$out" '"class":"server-dead","cause":"sigkill","evidence":"observed","signal":"SIGKILL"'
printf '%s\n' "$out" >deaths.json
check "and parses" json_valid deaths.json

# ---- a new server on the same socket at once
old=$(session_of shell-d-kill)
check_eq "a dead session is forgotten" "" "$old"
check_exit "the next message wakes it again" 0 iapeer send d-kill true --json
check_eq "woke" true "$(json woke)"
old=$(session_of shell-d-kill)
check_has "show says it in a sentence" "$("$IAPEER_BIN" show d-kill)" "Its tmux server was killed by SIGKILL."
kill -KILL "$old"
check_exit "killed, and a message at the same moment" 0 iapeer send d-kill true --json
new=$(session_of shell-d-kill)
check_not "it has a new server" test "$old" = "$new"
check "that lives" pid_alive "$new"
check_eq "both deaths are on record, one line each" 2 "$(death_count shell-d-kill)"
check_eq "the second with its own pid" "$old" "$(field server_pid "$(death_lines shell-d-kill | sed -n 2p)")"
check_eq "and signal" SIGKILL "$(field signal "$(death_lines shell-d-kill | sed -n 2p)")"
check "the new one is watched" grep -q "\"server_pid\": $new" "$STATE/shell-d-kill.canary"
sleep 1 # a second of nothing: it is the absence of a line that is looked for
check_eq "nothing more is recorded" 2 "$(death_count shell-d-kill)"

# ---- what is deliberate, and the program's own end
make stopped
must iapeer stop stopped
make renewed
must iapeer new renewed
make removed
must iapeer remove removed --force
for how in 'exit 0' 'exit 3' 'kill -9 $$'; do
	name=own-$(printf '%s' "$how" | tr -cd '0-9')
	make "$name"
	iapeer send "$name" "$how" >/dev/null 2>&1
	check_soon "own end ($how): recorded" 3 has_session_end "shell-$name"
	check_soon "own end ($how): put in order" 5 is_gone "shell-$name"
	check_eq "own end ($how): one line" 1 "$(session_ends "shell-$name" | grep -c .)"
	case $how in
	exit*) check_eq "own end ($how): its status" "${how#exit }" "$(field status "$(session_ends "shell-$name")")" ;;
	*) check_eq "own end ($how): its signal" 9 "$(field signal "$(session_ends "shell-$name")" | sed 's/SIGKILL/9/')" ;;
	esac
done
for name in stopped renewed removed own-0 own-3 own-9; do
	check_eq "$name: no server death" 0 "$(death_count "shell-$name")"
	check_eq "$name: no evidence" 0 "$(evidence_files "shell-$name")"
done

# ---- server and keeper in the same instant
make both
pid=$(session_of shell-both)
kill -KILL "$(keeper)" "$pid"
wait_for 3 not pid_alive "$pid"
must iapeer list
check_exit "the next message wakes it" 0 iapeer send both true --json
check_eq "woke" true "$(json woke)"
check_death "server and keeper" shell-both "$pid" late=true
check_exit "and once more" 0 iapeer send both true
check_eq "still one line" 1 "$(death_count shell-both)"
check_eq "the servers that lived have none" 0 "$(death_count shell-renewed)"
check "and live" is_live shell-renewed

# A server that lost its reaper: watched all the same.
pid=$(session_of shell-renewed)
kill -KILL "$pid"
check_death "after a new keeper" shell-renewed "$pid" late=

# ---- a host that was restarted
make hosted
must iapeer supervise --stop
pid=$(session_of shell-hosted)
kill -KILL "$pid"
wait_for 3 not pid_alive "$pid"
for file in "$STATE/shell-hosted.session" "$STATE/shell-hosted.canary"; do
	sed -e 's/\("boot_\{0,1\}[iI]d": "\)[0-9a-f]*/\100000000/' "$file" >edited && cat edited >"$file"
done
check_exit "the next message wakes it" 0 iapeer send hosted true --json
check_has "and says why it is fresh" "$(json cause)" "host-restart"
check_death "host restart" shell-hosted "$pid" cause=host-restart evidence=inferred late=true signal=

# ---- fifty at once
must iapeer stop --all
must iapeer supervise --stop
peers=
for i in $(seq 1 50); do
	must iapeer create "m$i" --runtime shell
	peers="$peers m$i"
done
for name in $peers; do
	iapeer send "$name" true --timeout 50 >/dev/null 2>&1 &
done
wait
pids=
for name in $peers; do
	pids="$pids $(session_of "shell-$name")"
done
check_eq "fifty servers" 50 "$(for pid in $pids; do pid_alive "$pid" && echo; done | grep -c '')"
# shellcheck disable=SC2086
kill -KILL $pids
fifty() { [ "$(exits | grep -c -e 'ev=server-exit identity=shell-m[0-9]* ')" -ge 50 ]; }
check_soon "fifty at once: recorded" 5 fifty
wrong=
set -- $pids
for name in $peers; do
	line=$(death_lines "shell-$name")
	[ "$(death_count "shell-$name")" = 1 ] && [ "$(field server_pid "$line")" = "$1" ] && [ "$(field signal "$line")" = SIGKILL ] &&
		[ "$(evidence_files "shell-$name")" = 1 ] || wrong="$wrong $name"
	shift
done
check_eq "one line and one evidence file each, its pid, its signal" "" "$wrong"
check_has "as one event" "$(exits | grep 'identity=shell-m')" "burst="
check_soon "nothing is live: the keeper leaves" 6 no_keeper

# ---- the hidden verbs, on a server that is no peer's
use_root "$E2E_DIR/r2" # made as needed
sock=$E2E_DIR/s/foreign.sock
logs=$E2E_DIR/foreign-logs
foreign() { # session
	tmux -S "$sock" -f /dev/null new-session -d -s "$1" 'exec sleep 600'
	tmux -S "$sock" display-message -p '#{pid}'
}
canary() { # verb more...
	local verb=$1
	shift
	iapeer canary "$verb" --identity other-one --socket "$sock" "$@"
}
foreign_deaths() { cat "$logs/exits.log" 2>/dev/null | grep -c 'ev=server-exit'; }
foreign_death() { [ "$(foreign_deaths)" = "$1" ]; }

check_exit "ensure without a server" 1 canary ensure --log-dir "$logs"
check_eq "says failed" failed "$out"
pid=$(foreign other-one)
check_exit "status before" 0 canary status
check_eq "none" none "$out"
check_exit "ensure without --log-dir" 0 canary ensure
check_eq "skipped" skipped "$out"
IAPEER_CANARY=off run canary ensure --log-dir "$logs"
check_eq "IAPEER_CANARY=off: skipped" skipped "$out"
check_exit "disarm before" 0 canary disarm
check_eq "none" none "$out"
check_exit "ensure" 0 canary ensure --log-dir "$logs"
check_eq "spawned" spawned "$out"
check_exit "ensure again" 0 canary ensure --log-dir "$logs"
check_eq "already" already "$out"
check_exit "status" 0 canary status
check_eq "watching" watching "$out"
kill -KILL "$pid"
check_soon "its death is recorded in that folder" 5 foreign_death 1
check_eq "with its pid" "$pid" "$(field server_pid "$(cat "$logs/exits.log")")"
check_eq "one evidence file there" 1 "$(find "$logs/server-deaths" -name '*.txt' | wc -l | tr -d ' ')"
check_eq "and nothing in the root" 0 "$(count_lines server-exit "$LOGS/exits.log")"
check_exit "status after" 0 canary status
check_eq "none" none "$out"
rm -f "$sock"
pid=$(foreign other-one)
check_exit "ensure for the next server" 0 canary ensure --log-dir "$logs"
check_eq "spawned" spawned "$out"
check_exit "disarm" 0 canary disarm
check_eq "disarmed" disarmed "$out"
tmux -S "$sock" kill-server
wait_for 3 not pid_alive "$pid"
pid=$(foreign other-one)
check_exit "ensure for a third" 0 canary ensure --log-dir "$logs"
mkdir "$E2E_DIR/mine"
printf '#!/bin/sh\necho "$@" >>"%s/calls"\nexec "%s" "$@"\n' "$E2E_DIR" "$(command -v tmux)" >"$E2E_DIR/mine/tmux"
chmod +x "$E2E_DIR/mine/tmux"
PATH=$E2E_DIR/mine:$PATH check_exit "end-session" 0 canary end-session
check "by the tmux of who asks: another release may not speak to that server" grep -q kill-ses "$E2E_DIR/calls"
check "its server is gone" not pid_alive "$pid"
check_not "and its socket" test -e "$sock"
check_exit "status at last" 0 canary status
check_eq "none" none "$out"
check_soon "the keeper leaves" 6 no_keeper
check_eq "one death in all" 1 "$(foreign_deaths)"

# ---- a death that cannot be written down is owed, said once, and written when it can be
make owed
pid=$(session_of shell-owed)
must mkdir "$LOGS/exits.log"
kill -KILL "$pid"
said() { count_lines 'record a death: ' "$LOGS/supervise.log"; }
says_so() { [ "$(said)" -ge 1 ]; }
says_more() { [ "$(said)" -gt 1 ]; }
check_soon "the keeper says that it cannot" 10 says_so
check_not "and says it once" wait_for 3 says_more
check "the armed record is kept" test -e "$STATE/shell-owed.canary"
must rmdir "$LOGS/exits.log"
wake owed
check_eq "whoever asks for that peer has it written first" 1 "$(death_count shell-owed)"
check_has "with what only the keeper saw" "$(death_lines shell-owed)" "cause=sigkill evidence=observed"
e2e_end
