#!/usr/bin/env bash
# Whatever ends every worker of a peer before it can say a word: the sender is told so, and it is tried less and less often.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
need_proc
e2e_begin

# A shell that does not come up before it may: its worker waits, and can be killed.
# shellcheck disable=SC2016
printf '#!/bin/sh\nuntil [ -e "%s" ]; do sleep 0.1; done\nexec /bin/bash "$@"\n' "$E2E_DIR/let" >slow
chmod +x slow
export IAPEER_SHELL_BIN=$E2E_DIR/slow
wordless() { count_lines "identity=shell-bob its worker ended without a word" "$LOGS/supervise.log"; }
kill_workers() { # until there is that file
	local pid
	while [ ! -e "$1" ]; do
		for pid in $(child_pids "$(keeper)"); do
			case $(tr '\0' ' ' <"/proc/$pid/cmdline") in *" _apply shell-bob "*) kill -KILL "$pid" ;; esac
		done
		sleep 0.02
	done 2>/dev/null
}

must iapeer create bob --runtime shell
kill_workers "$E2E_DIR/enough" &
E2E_OWNED+=($!)
check_exit "each worker is killed: the message waits" 8 iapeer send bob "echo yes >'$E2E_DIR/got'" --timeout 5 --json
check_has "its sender is told the true reason" "$(json reason)" "its worker ended without a word (signal 9)"
n=$(wordless)
check "it is tried less and less often ($n times)" test "$n" -ge 2 -a "$n" -le 8
touch "$E2E_DIR/enough" "$E2E_DIR/let"
check_soon "when they live again it is delivered" 40 test -e "$E2E_DIR/got"
check_exit "and the next one at once" 0 iapeer send bob true
must iapeer stop --all
e2e_end
