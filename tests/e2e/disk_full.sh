#!/usr/bin/env bash
# No room: no message is accepted and nothing half-written stays, a peer can be stopped, a death is on record as soon
# as there is room again, a pane's log stops first, doctor says so. On a small file system of its own.
if [ "$(id -u)" != 0 ] && [ -z "${DISK_FULL_AGAIN:-}" ]; then
	DISK_FULL_AGAIN=1 unshare --user --map-root-user --mount true 2>/dev/null &&
		DISK_FULL_AGAIN=1 exec unshare --user --map-root-user --mount bash "$0"
	echo "skipped: needs to mount a file system"
	exit 77
fi
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
need_proc
e2e_begin
disk=$E2E_DIR/disk
small_disk "$disk" 2m || { echo "skipped: may not mount a file system"; exit 77; }
use_root "$disk/r" "$E2E_DIR/s"

fill() { dd if=/dev/zero of="$disk/fill" bs=4k >/dev/null 2>&1; dd if=/dev/zero bs=1 count=4096 >>"$disk/fill" 2>/dev/null; }
empty() { rm -f "$disk/fill"; }
litter() { find "$IAPEER_ROOT" -name '*.tmp' -o -name '*.bad'; }
has_death() { grep -q "ev=server-exit identity=$1 " "$LOGS/exits.log" 2>/dev/null; }
whole_lines() { ! cat "$LOGS"/*.log | grep -v '^ts=\|^[0-9-]*T\|^iapeer: ' | grep .; } # supervise.log has lines of its own kinds

for peer in bob eve zed loud; do must iapeer create "$peer" --runtime shell; done
must iapeer ask bob "echo hi"
must iapeer start eve --now
must iapeer start loud --now

# ---- a pane's log stops before the disk is full
tmux_of shell-loud send-keys -t shell-loud: -l 'while :; do echo "a line of a loud program, again and again"; done' 2>/dev/null
tmux_of shell-loud send-keys -t shell-loud: Enter
log_grows() { local was; was=$(stat -c %s "$IAPEER_ROOT/logs/lifecycle/shell-loud.log"); sleep 0.3; [ "$was" != "$(stat -c %s "$IAPEER_ROOT/logs/lifecycle/shell-loud.log")" ]; }
check_soon "a loud program's log stops" 20 not log_grows
left=$(df -k --output=avail "$disk" | tail -n 1)
check "while there is room ($left KiB)" test "$left" -ge 20
check "it lives" is_live shell-loud
check_exit "a message is not accepted, before the last block is taken" 1 iapeer send zed true --timeout 5
tmux_of shell-loud send-keys -t shell-loud: C-c
must iapeer stop loud
rm -f "$IAPEER_ROOT"/logs/lifecycle/shell-loud.log*

# ---- not a byte is left
fill
check_exit "send" 1 iapeer send bob x --timeout 5
check_eq "one line, which says so" "iapeer: send to bob: not accepted: No space left on device" "$(sed -n 1p <<<"$err")"
check_exit "with --json" 1 iapeer send zed x --timeout 5 --json
check_eq "failed" failed "$(json status)"
check_eq "no rung" "" "$(json rung)"
check_eq "nothing waits" 0 "$(queue_of shell-bob)$(queue_of shell-zed | tr -d 0)"
check_eq "nothing half-written is left" "" "$(litter)"
check_exit "create says why" 1 iapeer create new --runtime shell
check_has "in a line" "$err" "No space left on device"
check_exit "set does" 1 iapeer set zed description=x
check_exit "list works" 0 iapeer list
check_exit "doctor finds it" 1 iapeer doctor
check_has "with figures" "$out" "disk: 0 of 2 MiB free"
check_eq "nothing half-written is left" "" "$(litter)"
pid=$(session_of shell-eve)
check_exit "a live peer is stopped" 0 iapeer stop eve
check_not "its server has ended" pid_alive "$pid"
check "it stays stopped" test -e "$STATE/shell-eve.stopped"
check "its session is forgotten" is_gone shell-eve
fill # what that gave back
check_exit "one that sleeps too" 0 iapeer stop zed
check_exit "and started" 0 iapeer start zed

# ---- a death
fill
kill -KILL "$(session_of shell-bob)"
keeps_record() { for _ in $(seq 15); do [ -s "$STATE/shell-bob.canary" ] || return 1; sleep 0.02; done; }
check "keeps its record, while the keeper tries in vain" keeps_record
check_not "is on no record yet" has_death shell-bob
empty
check_soon "is on record when there is room" 20 has_death shell-bob
check_eq "once" 1 "$(count_lines 'ev=server-exit identity=shell-bob ' "$LOGS/exits.log")"
check_has "with its cause" "$(grep 'identity=shell-bob ' "$LOGS/exits.log")" "cause=sigkill evidence=observed"
check_not "the stopped one was no death" has_death shell-eve
check_soon "its session is forgotten" 10 is_gone shell-bob
check "no line of a log is cut" whole_lines
check_exit "all goes on" 0 iapeer ask bob 'echo again' --timeout 20
check_eq "as ever" again "$out"
check_exit "doctor finds nothing wrong with the disk" 0 iapeer doctor
stopped() { iapeer stop --all >/dev/null 2>&1; }
check_soon "and all can be stopped" 20 stopped
iapeer supervise --stop >/dev/null
e2e_end
