#!/usr/bin/env bash
# A tmux server that does not go on (SIGSTOP): its peer is unknown, nothing is sent to it, marked or ended; everybody
# else is parked in time; after SIGCONT all is as it was.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
need_proc
e2e_begin
export IAPEER_IDLE_SECS=3 IAPEER_BOOT_PARALLEL=8

make() { # name
	must iapeer create "$1" --runtime shell
	must iapeer start "$1" --now
}
is_parked() { is_gone "shell-$1" && [ -e "$STATE/shell-$1.idle-reaped" ]; }
action_of() { printf '%s\n' "$out" | tr '{' '\n' | sed -n "s/.*\"identity\":\"shell-$1\",\"action\":\"\([^\"]*\)\".*/\1/p"; }
state_of() { iapeer list --json | tr '{' '\n' | sed -n "/\"personality\":\"$1\"/,\$s/.*\"runtime\":\"shell\",\"state\":\"\([a-z]*\)\".*/\1/p" | sed -n 1p; }
is_stopped() { case $(sed 's/^.*) //' "/proc/$1/stat") in [Tt]*) ;; *) false ;; esac; }
clients_of() { # tmux clients that talk to that peer's socket, whoever started them
	local pid
	for pid in $(grep -lszF "tmux-iap-shell-$1.sock" /proc/[0-9]*/cmdline | cut -d/ -f3); do
		case $(cat "/proc/$pid/comm" 2>/dev/null) in *server*) ;; tmux*) echo "$pid" ;; esac
	done
}

"$IAPEER_BIN" supervise --interval 1 2>keeper.log &
E2E_OWNED+=($!)
check_soon "a keeper" 10 has_keeper
for name in cold bob; do make "$name"; done
pid=$(session_of shell-cold)
kill -STOP "$pid"
check_soon "a server is stopped" 3 is_stopped "$pid"

# ---- the tick goes on
check_soon "another peer is parked in time" 8 is_parked bob
must iapeer start bob --now
check_soon "and once more" 8 is_parked bob
must iapeer supervise --once --json
check_eq "the tick calls it unknown" unknown "$(action_of cold)"
check_eq "so does list" unknown "$(state_of cold)"
check "it is there" pid_alive "$pid"
check "and stopped as it was" is_stopped "$pid"
check_eq "its session is on record" "$pid" "$(session_of shell-cold)"
check "its server is watched" test -e "$STATE/shell-cold.canary"
check_not "no end of it was begun" test -e "$STATE/shell-cold.ending"
check_not "it is not parked" test -e "$STATE/shell-cold.idle-reaped"
check_not "it has no death" test -e "$STATE/shell-cold.deaths"
check_lacks "nothing was done to it" "$(cat "$LOGS/lifecycle.log")" "identity=shell-cold action=reaped"

# ---- nor does anybody else touch it
check_exit "a message waits" 8 iapeer send cold 'echo waited >>waited' --id late --timeout 1
check_has "and its sender is told why" "$err" "does not answer"
check_exit "list" 0 iapeer list
check_exit "stop says that it does not answer" 6 iapeer stop cold
check_has "and what to do" "$err" "kill -CONT $pid"
must iapeer start cold # takes back the wish
check_has "start does not call it asleep" "$out" "its tmux server does not answer"
check_exit "new, too" 6 iapeer new cold
check "it lives" pid_alive "$pid"
check_not "no end was begun" test -e "$STATE/shell-cold.ending"
check_eq "no client waits for it" "" "$(clients_of cold)"

# ---- it goes on
kill -CONT "$pid"
check_soon "its message arrives" 40 test -s "$IAPEER_ROOT/peers/cold/waited"
check_eq "once" 1 "$(wc -l <"$IAPEER_ROOT/peers/cold/waited" | tr -d ' ')"
check_eq "in the same session" "$pid" "$(session_of shell-cold)"
check_eq "no death" 0 "$(count_lines 'shell-cold' "$LOGS/exits.log")"
check_soon "idle, it is parked like the others" 8 is_parked cold
check_soon "its server is gone" 2 not pid_alive "$pid"
must iapeer stop --all
e2e_end
