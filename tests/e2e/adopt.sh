#!/usr/bin/env bash
# A server that somebody has started by hand on a peer's socket is the peer's from then on: it is adopted, it becomes ready by
# what its screen shows, it gets its messages, and its end is recorded.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin
need_fake

by_hand() { # identity command...
	local identity=$1
	shift
	tmux -f /dev/null -S "$IAPEER_SOCK_DIR/tmux-iap-$identity.sock" new-session -d -s "$identity" -x 220 -y 50 "$@"
}
sees() { tmux_of "$1" capture-pane -p -t "$1:" 2>/dev/null | grep -q -F -e "$2"; } # identity text
does() { case "$(iapeer show "$1" --json)" in *"\"status\":{\"status\":\"$2\""*) true ;; *) false ;; esac }
send() { run iapeer send "$1" "$2" --json "${@:3}"; }
has() { grep -q -x -F -e "$2" "$1" 2>/dev/null; } # file line

# ---- a shell
must iapeer create bob --runtime shell
by_hand shell-bob "cd $E2E_DIR; PS1='mine> ' exec bash --norc"
check_soon "a shell of somebody's own" 5 sees shell-bob "mine>"
server=$(tmux_of shell-bob display-message -p '#{pid}')
send bob "echo adopted >said" --timeout 15
check_eq "a message to it is delivered" "delivered submitted false" "$(json status) $(json rung) $(json woke)"
check_soon "and was typed" 3 has "$E2E_DIR/said" adopted
check_eq "into that very server" "$server" "$(tmux_of shell-bob display-message -p '#{pid}')"
check_exit "ask" 0 iapeer ask bob 'echo $((6*7))' --timeout 10
check_eq "its output, and not its prompt" 42 "$out"
check "it is idle" does bob idle
check_soon "its first words are in its log" 3 grep -q -F 'mine>' "$IAPEER_ROOT/logs/lifecycle/shell-bob.log"
kill -KILL "$server"
check_soon "its death is recorded" 5 grep -q "ev=server-exit identity=shell-bob .*cause=sigkill" "$LOGS/exits.log"

# ---- one that works when it is found
must iapeer create busy --runtime shell
by_hand shell-busy "PS1='mine> ' exec bash --norc"
check_soon "a shell of somebody's own" 5 sees shell-busy "mine>"
tmux_of shell-busy send-keys -t shell-busy: 'sleep 600' Enter
check_soon "sleeps" 5 sees shell-busy "sleep 600"
send busy "echo later" --timeout 4
check_eq "a message to one that works waits" "queued accepted" "$(json status) $(json rung)"
tmux_of shell-busy send-keys -t shell-busy: C-c
check_soon "until it is done" 20 sees shell-busy later
check "and it was not ended for that" sees shell-busy "sleep 600"

# ---- a program with a composer
fake_runtime fake
must iapeer create ann --runtime fake
by_hand fake-ann "exec $FAKE_TUI --record $E2E_DIR/ann.txt"
check_soon "a program of somebody's own" 5 sees fake-ann "fake mode on"
send ann "hello" --timeout 15
check_eq "its message is delivered" "delivered submitted" "$(json status) $(json rung)"
check_soon "and taken" 3 grep -q hello "$E2E_DIR/ann.txt"

e2e_end
