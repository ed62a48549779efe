#!/usr/bin/env bash
# Who killed it: each way to end a tmux server, from outside and from inside another peer's pane, gives one record with
# the right cause; the asker is named where somebody saw him, and nothing is invented where nobody did.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
need_proc
e2e_begin

exits() { cat "$LOGS"/exits.log "$LOGS"/exits.log.* 2>/dev/null; }
death_of() { exits | grep -e "ev=server-exit identity=$1 server_pid=$2 "; } # identity pid
deaths_of() { death_of "$1" "$2" | grep -c .; }
has_death() { [ "$(deaths_of "$1" "$2")" -ge 1 ]; }
asker_in() { printf '%s\n' "$1" | sed -n 's/.* asker="\([^"]*\)".*/\1/p'; }

# What a way of killing must be recorded as: cause, and the command that a witness saw.
wanted() { # way
	case $1 in
	KILL) echo "sigkill" ;;
	SEGV) echo "sigsegv" ;;
	ABRT) echo "sigabrt" ;;
	TERM | kill-ser) echo "exited" ;;
	kill-server | kill-session | kill-window | kill-pane) echo "kill-server $1" ;;
	killp) echo "kill-server kill-pane" ;;
	esac
}

# The command line that does it; run here, or typed into another peer's shell.
killing() { # way pid socket
	case $1 in
	[A-Z]*) echo "kill -s $1 $2" ;;
	*) echo "tmux -S $3 $1" ;;
	esac
}

must iapeer create bob --runtime shell
must iapeer create alice --runtime shell
must iapeer send alice true
sock=$(socket_of shell-bob)

for from in outside inside; do
	for way in KILL SEGV ABRT TERM kill-server kill-session kill-window kill-pane killp kill-ser; do
		must iapeer send bob true
		pid=$(session_of shell-bob)
		if [ "$from" = outside ]; then
			bash -c "$(killing "$way" "$pid" "$sock"); exit 0"
		else
			must iapeer send alice "$(killing "$way" "$pid" "$sock")"
		fi
		check_soon "$way from $from: recorded" 5 has_death shell-bob "$pid"
		line=$(death_of shell-bob "$pid")
		# shellcheck disable=SC2046
		set -- $(wanted "$way")
		check_eq "$way from $from: cause" "$1" "$(field cause "$line")"
		check_eq "$way from $from: seen by the kernel" observed "$(field evidence "$line")"
		check_eq "$way from $from: command" "${2:-}" "$(field command "$line")"
		asker=$(asker_in "$line")
		case $from/${2:+witness} in
		outside/witness) check_has "$way from $from: asker" "$asker" "tmux < bash < " ;;
		inside/witness) check_eq "$way from $from: asker" "shell-alice: tmux < bash" "$asker" ;;
		*) check_eq "$way from $from: no asker" "" "$asker" ;;
		esac
		wait_for 5 is_gone shell-bob
		check_eq "$way from $from: one line" 1 "$(deaths_of shell-bob "$pid")"
	done
done
check_exit "deaths --json" 0 iapeer deaths bob --json
check_has "has the asker" "$out" '"asker":"shell-alice: tmux < bash"'
check_has "evidence has the witness" "$(cat "$LOGS"/server-deaths/*.txt)" "witness: kill-window asked by shell-alice: tmux < bash, pids "
check "alice lives through it all" is_live shell-alice

# ---- told as a story, and followed
COLUMNS=500 check_exit "why" 0 iapeer why bob
check_has "says who did it" "$out" "was ended by \`tmux kill-window\`, asked for from inside alice (tmux < bash)"
check_has "and what is so now" "$out" "shell-bob is asleep now."
"$IAPEER_BIN" logs bob -f >followed 2>&1 &
E2E_OWNED+=($!)
wait_for 3 test -s followed
must iapeer send bob true
pid=$(session_of shell-bob)
kill -s KILL "$pid"
check_soon "logs -f tells of a death as it comes" 5 grep -q "server_pid=$pid cause=sigkill" followed
wait_for 5 is_gone shell-bob

# ---- SIGHUP does not end a server, and is no death
must iapeer send bob true
pid=$(session_of shell-bob)
kill -s HUP "$pid"
check_exit "SIGHUP: it goes on" 0 iapeer ask bob 'echo here'
check_eq "as it was" "$pid" "$(session_of shell-bob)"
check_eq "no record" 0 "$(deaths_of shell-bob "$pid")"

# ---- a kill that ended something else, or nothing, explains no later death
witness() { [ -e "$STATE/shell-bob.witness" ]; }
tmux -S "$sock" new-session -d -s hers 'exec sleep 600'
tmux -S "$sock" kill-session -t hers
check "another session is killed: noted" witness
check_soon "and taken back" 4 not witness
check_not "a kill that is refused" tmux -S "$sock" kill-session -t nobody
check_soon "is taken back too" 4 not witness
tmux -S "$sock" split-window -t '=shell-bob:' 'exec sleep 600'
tmux -S "$sock" kill-pane -t '=shell-bob:.1'
check_soon "and a pane of a person's" 4 not witness
check_eq "the server is the same" "$pid" "$(session_of shell-bob)"
kill -s TERM "$pid"
check_soon "then a SIGTERM: recorded" 5 has_death shell-bob "$pid"
line=$(death_of shell-bob "$pid")
check_eq "as what it was" exited "$(field cause "$line")"
check_eq "asked by nobody" "" "$(asker_in "$line")"

# ---- what we end ourselves leaves no trace
must iapeer send bob true
must iapeer stop bob
must iapeer start bob
check_not "stop: no witness" witness
must iapeer send bob true
must iapeer new bob
check_not "new: no witness" witness
must iapeer send bob 'exit 0'
check_soon "its own end" 5 is_gone shell-bob
check_not "its own end: no witness" witness

# ---- asked while nobody keeps watch: the hint is there all the same
must iapeer send bob true
pid=$(session_of shell-bob)
kill -KILL "$(keeper)"
must tmux -S "$sock" kill-server
wait_for 3 not pid_alive "$pid"
must iapeer send bob true
line=$(death_of shell-bob "$pid")
check_eq "without a keeper: one line" 1 "$(deaths_of shell-bob "$pid")"
check_eq "found late" true "$(field late "$line")"
check_eq "with the command" kill-server "$(field command "$line")"
check_has "and the asker" "$(asker_in "$line")" "tmux < bash"

# ---- a server that somebody started by hand on our socket is watched within a tick
must iapeer create carol --runtime shell
tmux -S "$(socket_of shell-carol)" -f /dev/null new-session -d -s shell-carol 'exec bash --norc'
watched() { [ -e "$STATE/$1.canary" ] && [ -e "$STATE/$1.session" ]; }
must iapeer supervise --once
check_soon "by hand: watched" 5 watched shell-carol
pid=$(session_of shell-carol)
aliased() { tmux_of shell-carol show-options -s command-alias | grep -q 'kill-asked'; }
check_soon "by hand: with a witness" 5 aliased
tmux_of shell-carol kill-session
check_soon "by hand: its end is recorded" 5 has_death shell-carol "$pid"
line=$(death_of shell-carol "$pid")
check_eq "by hand: cause" kill-server "$(field cause "$line")"
check_has "by hand: asker" "$(asker_in "$line")" "tmux < bash"
wait_for 5 is_gone shell-carol
tmux -S "$(socket_of shell-carol)" -f /dev/null new-session -d -s shell-carol 'exec bash --norc'
must iapeer supervise --once
check_soon "by hand again: watched" 5 watched shell-carol
check_soon "by hand again: with a hook" 5 aliased
tmux_of shell-carol send-keys 'exit 4' Enter
check_soon "by hand again: put in order" 5 is_gone shell-carol
check_has "its program's own end is told as such" "$(exits | grep 'session-exit identity=shell-carol')" "status=4"

# ---- the binary is gone: the kill goes on, and nothing is made up
pid=$(session_of shell-bob)
mv "$IAPEER_ROOT/bin/iapeer" "$IAPEER_ROOT/bin/gone"
must tmux -S "$sock" kill-server
check_soon "no binary: the server has ended" 3 not pid_alive "$pid"
check_soon "recorded" 5 has_death shell-bob "$pid"
check_eq "as an exit" exited "$(field cause "$(death_of shell-bob "$pid")")"
mv "$IAPEER_ROOT/bin/gone" "$IAPEER_ROOT/bin/iapeer"
e2e_end
