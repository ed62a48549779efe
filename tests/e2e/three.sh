#!/usr/bin/env bash
# Descriptors. Three ends of its own in a row: refused, and said what clears it. Three kills from outside: woken each time. The keeper
# killed while it parks; the binary replaced under a running keeper.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
need_proc
e2e_begin

deaths_of() { count_lines "ev=server-exit identity=$1 " "$LOGS/exits.log"; }
ends_of() { count_lines "ev=session-exit identity=$1 " "$LOGS/exits.log"; }

# ---- descriptors: more for the keeper, for peers what was given
ulimit -S -n 256
must iapeer create lim --runtime shell
check_exit "a peer's limit is its starter's" 0 iapeer ask lim 'ulimit -S -n'
check_eq "not the keeper's" 256 "$(printf '%s' "$out" | tr -d '[:space:]')"
files_of() { sed -n 's/^Max open files *\([0-9a-z]*\) .*/\1/p' "/proc/$1/limits"; }
check "which is higher" test "$(files_of "$(keeper)")" -gt 256
check_eq "its tmux server's is not" 256 "$(files_of "$(session_of shell-lim)")"
must iapeer remove lim --force

# ---- three ends of its own
must iapeer create bob --runtime shell
for n in 1 2 3; do
	check_exit "end $n: it wakes before it" 0 iapeer send bob true
	run iapeer send bob "exit 7" --wait accepted
	check_soon "end $n: noticed" 5 is_gone shell-bob
	check_eq "end $n: one line" "$n" "$(ends_of shell-bob)"
done
check_eq "with its status" 3 "$(count_lines 'ev=session-exit .* status=7' "$LOGS/exits.log")"
check_exit "the next message is refused" 5 iapeer send bob true
check_has "and says why" "$err" "ended by itself 3 times"
check_has "and what clears it" "$err" "iapeer start bob"
check_exit "so it stays" 5 iapeer send bob true
check_exit "start clears it" 0 iapeer start bob
check_exit "and it takes messages" 0 iapeer send bob true

# ---- three kills from outside
must iapeer create cyn --runtime shell
for n in 1 2 3 4; do
	check_exit "kill $n: it wakes" 0 iapeer send cyn true
	pid=$(session_of shell-cyn)
	kill -KILL "$pid"
	check_soon "kill $n: noticed" 5 is_gone shell-cyn
	check_eq "kill $n: one line" "$n" "$(deaths_of shell-cyn)"
done
check_exit "and is woken again" 0 iapeer send cyn true
for n in 1 2 3 4; do
	kill -KILL "$(pane_of shell-cyn)"
	check_soon "its program, kill $n: noticed" 5 is_gone shell-cyn
	check_exit "its program, kill $n: woken" 0 iapeer send cyn true
done
check_eq "each end once" 4 "$(count_lines 'ev=session-exit identity=shell-cyn .* signal=SIGKILL' "$LOGS/exits.log")"

# ---- the keeper killed while a worker parks
must iapeer supervise --stop
must iapeer stop --all
parked='' twice=''
for n in 1 2 3 4 5 6; do
	must iapeer start cyn
	must iapeer send cyn true --timeout 20
	pid=$(session_of shell-cyn)
	must iapeer supervise --stop
	IAPEER_IDLE_SECS=1 "$IAPEER_BIN" supervise --interval 1 2>>park.log &
	k=$!
	E2E_OWNED+=("$k")
	parking() { [ -e "$STATE/shell-cyn.ending" ] || is_gone shell-cyn; }
	wait_for 10 parking || fail "round $n: it is parked" "nothing ends"
	sleep "0.0$((n * 2 - 2))" # not always at the same step
	kill -KILL "$k" 2>/dev/null
	wait "$k" 2>/dev/null
	must iapeer send cyn "echo round-$n >>'$E2E_DIR/got'" --timeout 20
	must iapeer ask cyn true
	[ "$(session_of shell-cyn)" != "$pid" ] && ! pid_alive "$pid" || parked="$parked $n"
	[ "$(server_count)" = 1 ] || twice="$twice $n"
done
check_eq "parked each time, and another session then" "" "$parked"
check_eq "never two servers" "" "$twice"
check_eq "each message once" "$(seq -f 'round-%g' 1 6)" "$(cat got)"
check_eq "no death of a parked one" 4 "$(deaths_of shell-cyn)"
check_eq "and no end of its program" 4 "$(ends_of shell-cyn)"

# ---- the binary is replaced under a running keeper
must iapeer stop --all
must iapeer supervise --stop
use_root "$E2E_DIR/r2"
mkdir "$E2E_DIR/bin"
cp "$IAPEER_BIN" "$E2E_DIR/bin/iapeer"
built=$IAPEER_BIN
IAPEER_BIN=$E2E_DIR/bin/iapeer
id=$(iapeer version | sed -n 's/.*(build \([0-9a-f]*\)).*/\1/p')
must iapeer create dan --runtime shell
must iapeer create eve --runtime shell
check_exit "a live peer" 0 iapeer send dan true
old=$(keeper)
pid=$(session_of shell-dan)
other=$(printf %s "$id" | tr '0-9a-f' '1-9a-f0') # another build, as far as it can tell itself
LC_ALL=C sed "s/$id/$other/g" "$built" >"$E2E_DIR/bin/new"
chmod +x "$E2E_DIR/bin/new"
mv "$E2E_DIR/bin/new" "$IAPEER_BIN"
check_has "another build" "$(iapeer version)" "$other"
check "the keeper goes on" pid_alive "$old"

# Whom nobody but the old keeper and tmux looks after: hook and worker, by the path of the new file.
kill -KILL "$(pane_of shell-dan)"
check_soon "a program's end: its hook runs" 5 is_gone shell-dan
check_eq "and has written its line" 1 "$(ends_of shell-dan)"
check_eq "by the old keeper" "$old" "$(keeper)"
check_exit "the next command" 0 iapeer ask dan 'echo here-again'
check_has "is answered" "$out" here-again
check_has "and says that the old one hands over" "$err" "hands over"
check_soon "it has left" 5 not pid_alive "$old"
check "another keeps" has_keeper
check_exit "and wakes peers" 0 iapeer send eve true
pid=$(session_of shell-dan)
check_exit "the live one answers" 0 iapeer ask dan 'echo once-more'
check_eq "in the same session" "$pid" "$(session_of shell-dan)"
check_has "whose pane is logged" "$(cat "$IAPEER_ROOT/logs/lifecycle/shell-dan.log")" once-more

# Its file is gone altogether.
rm "$IAPEER_BIN"
kill -KILL "$(pane_of shell-dan)"
check_soon "a program's end is noticed without the file" 5 is_gone shell-dan
IAPEER_BIN=$built
check_exit "a command of another file, which tmux finds from then on" 0 iapeer send dan true
must iapeer stop --all
check_soon "the keeper leaves in the end" 6 no_keeper
check_eq "no server is left" 0 "$(server_count)"
e2e_end
