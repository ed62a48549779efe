#!/usr/bin/env bash
# Servers that are not well: the socket file deleted, the server stopped by a signal, the hook's binary gone.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin

stands() { [ "$(ps -o stat= -p "$1" | cut -c1)" = T ]; }
arrived() { [ "$(cat got 2>/dev/null)" = "$1" ]; }

# ---- a cleaner of temporary files took the socket
must iapeer create bob --runtime shell
must iapeer send bob true
pid=$(session_of shell-bob)
rm -f "$(socket_of shell-bob)"
check_exit "the socket file is deleted: a message" 0 iapeer ask bob 'echo healed'
check_eq "is answered" healed "$out"
check_eq "by the same server" "$pid" "$(session_of shell-bob)"
check "whose socket is back" test -S "$(socket_of shell-bob)"

# ---- the server is stopped
if [ -r /proc/self/stat ]; then
	kill -STOP "$pid"
	check_soon "it is stopped" 5 stands "$pid"
	check_exit "a stopped server: list" 0 iapeer list --json
	check_eq "unknown" unknown "$(json state)"
	check_exit "a message waits" 8 iapeer send bob "echo one >>'$E2E_DIR/got'" --timeout 1 --json
	check_has "and says why" "$(json reason)" "does not answer"
	check_exit "stop: not now" 6 iapeer stop bob --json
	check_has "says what helps" "$err" "kill -CONT $pid"
	check_exit "start" 0 iapeer start bob
	check_exit "another message waits behind it" 8 iapeer send bob "echo two >>'$E2E_DIR/got'" --timeout 0
	check_exit "remove: refused" 5 iapeer remove bob --json
	check "nothing was ended" pid_alive "$pid"
	kill -CONT "$pid"
	check_soon "goes on: both arrive, in order" 30 arrived "one
two"
	check "the queue is empty" wait_for 5 queue_empty shell-bob
	check_exit "it answers" 0 iapeer ask bob 'echo awake'
	check_eq "as ever" awake "$out"
	check_eq "in the same server" "$pid" "$(session_of shell-bob)"
fi

# ---- the hook cannot run: the keeper finds the end all the same
mv "$IAPEER_ROOT/bin/iapeer" "$IAPEER_ROOT/bin/gone"
check_exit "the hook's binary is gone, and the program ends" 0 iapeer send bob 'exit 5'
check_soon "its end is found" 8 is_gone shell-bob
check_not "and its server has ended" pid_alive "$pid"
mv "$IAPEER_ROOT/bin/gone" "$IAPEER_ROOT/bin/iapeer"
check_exit "when it is back, the peer wakes again" 0 iapeer send bob true --json
check_eq "woke" true "$(json woke)"

# ---- a tmux that is too old is refused, and the message waits for a better one
must iapeer stop bob
must iapeer supervise --stop
must iapeer start bob
printf '#!/bin/sh\necho tmux 3.1c\n' >old-tmux
chmod +x old-tmux
IAPEER_TMUX_BIN=$E2E_DIR/old-tmux check_exit "an old tmux" 8 iapeer send bob "echo late >>'$E2E_DIR/got'" --timeout 3 --json
check_has "says which, and what is needed" "$(json reason)" "3.2 or later is needed"
must iapeer supervise --stop
check_exit "with a new one" 0 iapeer send bob true
check "the one that waited has arrived" wait_for 5 grep -q late "$E2E_DIR/got"

# ---- what cannot start now is said at once, and is not tried behind one's back
mkdir lost
must iapeer create amy --runtime shell --workdir "$E2E_DIR/lost"
rmdir lost
began=$SECONDS
check_exit "start --now without its folder" 1 iapeer start amy --now
check_has "says why" "$err" "lost is not there"
check "at once" test $((SECONDS - began)) -lt 30
check_eq "and nothing waits" 0 "$(queue_of shell-amy)"
mkdir lost
check_exit "with it" 0 iapeer start amy --now
e2e_end
