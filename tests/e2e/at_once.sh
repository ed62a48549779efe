#!/usr/bin/env bash
# Keeper and a hundred servers die in one instant; of some the host is said to have been restarted; the clock is set:
# one record each, none missing, none twice.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
need_proc
e2e_begin
logs=$E2E_DIR/logs
names=$(seq -f 'x-%g' 1 100)

# A server that is no peer's, watched all the same: cheaper than a hundred peers, and recorded by the same code.
watched() { # name
	local sock=$E2E_DIR/s/$1.sock
	tmux -S "$sock" -f /dev/null new-session -d -P -F '#{pid}' -s "$1" 'exec sleep 600' >"$1.pid" &&
		iapeer canary ensure --identity "$1" --socket "$sock" --log-dir "$logs" >/dev/null
}
pid_of() { cat "$1.pid"; }
line_of() { grep -e "ev=server-exit identity=$1 " "$logs/exits.log"; }
recorded() { [ "$(count_lines ev=server-exit "$logs/exits.log")" -ge "$1" ]; }

failed=
for name in $names; do watched "$name" || failed="$failed $name"; done
check_eq "a hundred servers are watched" "" "$failed"
# shellcheck disable=SC2046
kill -KILL "$(keeper)" $(cat x-*.pid)
gone() { local one; for one in $names; do not pid_alive "$(pid_of "$one")" || return 1; done; }
check_soon "keeper and servers are gone" 10 gone
for name in $(seq -f 'x-%g' 91 100); do
	sed 's/"boot_id": *"[^"]*"/"boot_id": "of-another-boot"/' "$STATE/$name.canary" >edited && mv edited "$STATE/$name.canary"
done
"$IAPEER_BIN" supervise 2>keeper.log &
E2E_OWNED+=($!)
check_soon "the next keeper records them" 20 recorded 100
nothing_armed() { [ -z "$(find "$STATE" -name '*.canary')" ]; }
check_soon "and then watches none of them" 10 nothing_armed
wrong=
for name in $names; do
	line=$(line_of "$name")
	case $(field cause "$line")/$(field evidence "$line")/$name in
	host-restart/inferred/x-9[1-9] | host-restart/inferred/x-100) ;;
	*/x-9[1-9] | */x-100) wrong="$wrong $name" ;;
	sigkill/observed/* | unknown/inferred/*) ;;
	*) wrong="$wrong $name" ;;
	esac
	[ "$(printf '%s\n' "$line" | grep -c .)" = 1 ] && [ "$(field server_pid "$line")" = "$(pid_of "$name")" ] &&
		[ "$(field late "$line")" = true ] && [ -s "$logs/server-deaths/$(field forensics "$line")" ] ||
		wrong="$wrong $name"
done
check_eq "each once, with its pid, late, a cause that is known or none" "" "$wrong"
check_eq "no line more" 100 "$(count_lines ev=server-exit "$logs/exits.log")"
must iapeer supervise --stop

# ---- the clock is set while servers die
lib=$(find /usr/lib /usr/local/lib -name 'libfaketime*.so.1' 2>/dev/null | sort | sed -n 1p)
if [ -z "$lib" ] || grep -q __asan_init "$E2E_BIN"; then
	echo "# no libfaketime, or a build with sanitizers: a clock that is set is not tried"
	e2e_end
fi
set_clock() { printf '%s\n' "$1" >clock.new && mv clock.new "$E2E_DIR/clock"; }
rm -f "$logs/exits.log"
set_clock +0
LD_PRELOAD="$lib" FAKETIME_TIMESTAMP_FILE="$E2E_DIR/clock" FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 \
	FAKETIME_FORCE_MONOTONIC_FIX=0 NO_FAKE_STAT=1 "$IAPEER_BIN" supervise 2>keeper.log &
E2E_OWNED+=($!)
check_soon "a keeper with a clock of its own" 10 has_keeper
for name in y-1 y-2 y-3 y-4; do watched "$name" || fail "$name is watched"; done
set_clock +1h
kill -KILL "$(pid_of y-1)"
check_soon "an hour ahead: recorded" 5 recorded 1
set_clock -1h
kill -KILL "$(pid_of y-2)"
check_soon "an hour back: recorded" 5 recorded 2
set_clock +1d
kill -KILL "$(pid_of y-3)"
kill -KILL "$(keeper)"
set_clock +0
must iapeer canary ensure --identity y-4 --socket "$E2E_DIR/s/y-4.sock" --log-dir "$logs" # a keeper comes
check_soon "a day ahead, and the keeper with it: recorded" 5 recorded 3
kill -KILL "$(pid_of y-4)"
check_soon "by the next one too" 5 recorded 4
for name in y-1 y-2 y-3 y-4; do
	check_eq "$name: once, with its pid" "$(pid_of "$name")" "$(field server_pid "$(line_of "$name")")"
done
check_eq "no line more" 4 "$(count_lines ev=server-exit "$logs/exits.log")"
e2e_end
