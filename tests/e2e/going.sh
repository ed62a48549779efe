#!/usr/bin/env bash
# A peer that is removed or renamed while somebody sends to it: the sender is told that it is gone, in the same words
# whenever it happens, and nothing of the peer comes back.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
need_proc
command -v flock >/dev/null || skip "no flock(1)"
e2e_begin

lock_of() { echo "$IAPEER_ROOT/state/iapeer/locks/shell-$1.queue"; }
waits_for() { # pid file: it has that lock's file open
	find "/proc/$1/fd" -lname "$2" 2>/dev/null | grep -q .
}
told() { # who name: exit status 3 and one line
	check_eq "$1: exit status" 3 "$rc"
	check_has "$1: is told" "$(cat "said.$1")" "$2 was renamed or removed meanwhile"
	check_eq "$1: in one line" 1 "$(wc -l <"said.$1" | tr -d ' ')"
}
waits() { [ "$(queue_of fake-cyn)" = 1 ]; }
nothing_left() { # name
	check_eq "nothing of $1 is left" "" "$(find "$STATE" -name "*-$1.*")"
}

# ---- both wait for the lock under which messages are accepted
for _ in 1 2 3; do
	for how in send start; do
		must iapeer create bob --runtime shell
		must iapeer start bob # its locks are there
		case $how in
		send) set -- send bob 'echo never' --timeout 20 ;;
		start) set -- start bob --now ;;
		esac
		: >>"$(lock_of bob)"
		exec 9<>"$(lock_of bob)"
		flock 9
		"$IAPEER_BIN" "$@" >"said.$how" 2>&1 9>&- &
		sender=$!
		check_soon "$how waits" 10 waits_for "$sender" "$(lock_of bob)"
		"$IAPEER_BIN" remove bob >removed 2>&1 9>&- &
		remover=$!
		check_soon "so does remove" 10 waits_for "$remover" "$(lock_of bob)"
		exec 9>&-
		wait "$remover"
		check_eq "it is removed" 0 "$?"
		wait "$sender"
		rc=$?
		told "$how" bob
		nothing_left bob
	done
done

# ---- its message waits already
fake_peer cyn "--dialog login"
"$IAPEER_BIN" send cyn hello --timeout 60 >said.waits 2>&1 &
sender=$!
check_soon "a message waits" 20 waits
from=$SECONDS
check_exit "remove" 0 iapeer remove cyn --force
check_has "says that it went along" "$out" "1 undelivered message went with it"
wait "$sender"
rc=$?
told waits cyn
check "soon" test $((SECONDS - from)) -le $((10 * E2E_PATIENCE))
nothing_left cyn
e2e_end
