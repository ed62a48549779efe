#!/usr/bin/env bash
# kill -9 of whatever works, at any moment, again and again: what was accepted arrives once or is said to be ambiguous,
# the registry stays readable, no server is left behind, and the next command works.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
need_proc
e2e_begin
RANDOM=${E2E_SEED:-$$}
echo "# E2E_SEED=${E2E_SEED:-$$}"

rounds=${E2E_ROUNDS:-40}
names="ann ben cyn"
for name in $names; do
	must iapeer create "$name" --runtime shell
	: >"got.$name"
done

sleep_ms() { sleep "$(printf '0.%03d' "$1")"; } # the moment of a blow, not a wait
times_got() { grep -c -x -e "$2" "got.$1"; }                          # name id
is_ambiguous() { grep -q -e "id=$2 .*to=shell-$1 .*status=ambiguous" "$LOGS/delivery.log"; }
was_accepted() { grep -q -e "id=$2 .*to=shell-$1 .*rung=accepted status=queued" "$LOGS/delivery.log"; }
workers() {
	local pid
	for pid in $(child_pids "$1"); do
		case $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null) in *" _apply "*) echo "$pid" ;; esac
	done
}
one_worker() { worker=$(workers "$(keeper)" 2>/dev/null | sed -n 1p) && [ -n "$worker" ]; }

n=0
kills=0
: >killed
for round in $(seq 1 "$rounds"); do
	sends=
	for name in $names; do
		n=$((n + 1))
		iapeer send "$name" "echo c-$n >>'$E2E_DIR/got.$name'" --id "c-$n" --timeout 20 >"result.c-$n" 2>&1 &
		eval "pid_$name=$!"
		echo "$name c-$n" >>sent
		sends="$sends $!"
	done
	case $((RANDOM % 4)) in
	0) # a send, right after its message was accepted
		wait_for 5 eval '[ "$(queue_of shell-ben)" != 0 ] || ! kill -0 $pid_ben 2>/dev/null'
		# shellcheck disable=SC2154
		if { kill -KILL "$pid_ben" && wait "$pid_ben"; [ $? -eq 137 ]; } 2>/dev/null; then
			kills=$((kills + 1))
			grep '^ben ' sent | tail -n 1 >>killed
		fi
		;;
	1) # a worker
		sleep_ms $((RANDOM % 80))
		if wait_for 0 one_worker; then kill -KILL "$worker" 2>/dev/null && kills=$((kills + 1)); fi
		;;
	2) # the keeper
		sleep_ms $((RANDOM % 80))
		pid=$(keeper)
		[ -z "$pid" ] || { kill -KILL "$pid" 2>/dev/null && kills=$((kills + 1)); }
		;;
	3) # a worker and the keeper, and now and then a server
		sleep_ms $((RANDOM % 60))
		one_worker
		pid=$(keeper)
		# shellcheck disable=SC2086
		kill -KILL ${worker:-} $pid 2>/dev/null && kills=$((kills + 1))
		if [ $((round % 8)) = 0 ]; then
			pid=$(session_of shell-cyn)
			[ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null
		fi
		;;
	esac
	iapeer list --json >list.json 2>list.err || fail "round $round: list works" "$(cat list.err)"
	json_valid list.json || fail "round $round: list is JSON" "$(cat list.json)"
	json_valid "$IAPEER_ROOT/peers-profiles.json" || fail "round $round: the registry is readable"
	# shellcheck disable=SC2086
	wait $sends 2>/dev/null
done
pass "$rounds rounds, $n messages, $kills blows"

# The next command works, and what still waits is carried out.
for name in $names; do
	check_exit "$name takes the next message" 0 iapeer send "$name" true --timeout 30
	check_soon "$name: the queue is empty" 10 queue_empty "shell-$name"
done
for name in $names; do # their last commands have been run when this is answered
	check_exit "$name answers" 0 iapeer ask "$name" "echo done" --timeout 20
done

lost='' doubled='' ambiguous=0 once=0 never=0
while read -r name id; do
	got=$(times_got "$name" "$id")
	if [ "$got" -gt 1 ]; then
		doubled="$doubled $name/$id"
	elif is_ambiguous "$name" "$id"; then
		ambiguous=$((ambiguous + 1))
	elif [ "$got" = 1 ]; then
		once=$((once + 1))
	elif ! was_accepted "$name" "$id" && grep -q -x -e "$name $id" killed; then
		never=$((never + 1)) # its send was killed before it was accepted
	else
		lost="$lost $name/$id"
	fi
done <sent
check_eq "none twice" "" "$doubled"
check_eq "none lost" "" "$lost"
pass "$once once, $ambiguous ambiguous, $never never accepted"
check "ambiguous is the exception" test "$ambiguous" -le $((n / 3))
mixed=$(cat got.* | grep -v -x -e 'c-[0-9]*')
check_eq "nothing else arrived" "" "$mixed"
for name in $names; do
	check_not "$name: no unsettled delivery" test -e "$STATE/shell-$name.sending"
done

# Every server is somebody's.
orphans=
for pid in $(servers_of_root); do
	known=
	for name in $names; do
		[ "$(session_of "shell-$name")" != "$pid" ] || known=1
	done
	[ "$known" ] || orphans="$orphans $pid"
done
check_eq "no orphan server" "" "$orphans"
check_eq "one death a killed server, at most" "$(grep -e ev=server-exit "$LOGS/exits.log" 2>/dev/null | sed 's/.*death_id=\([^ ]*\).*/\1/' | sort -u | wc -l | tr -d ' ')" \
	"$(count_lines ev=server-exit "$LOGS/exits.log")"
check_exit "stop --all" 0 iapeer stop --all
check_eq "no server is left" 0 "$(server_count)"
check_soon "the keeper leaves" 6 no_keeper
echo "# $(find "$IAPEER_ROOT" -name '.*.tmp' | grep -c '') temporary files of killed writers"
e2e_end
