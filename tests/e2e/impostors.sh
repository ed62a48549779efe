#!/usr/bin/env bash
# Who sends? A peer that wants to be somebody else: by a name, by an environment, as an orphan that left its session.
. "$(dirname "${BASH_SOURCE[0]}")/attack.bash"
e2e_begin
neighbours

# ---- by a name
# shellcheck disable=SC2016
attack "--from a neighbour" 5 '"$IAPEER" send bob x --from shell-sheila'
check_has "is told who it is" "$out" "shell-mallory"
# shellcheck disable=SC2016
attack "PEER_IDENTITY of a neighbour" 5 'PEER_IDENTITY=shell-sheila "$IAPEER" send bob x'
# shellcheck disable=SC2016
attack "--from a person" 3 '"$IAPEER" send bob x --from cli-root'
# shellcheck disable=SC2016
attack "an empty environment" 0 'env -i HOME="$HOME" IAPEER_TEST_SANDBOX=1 IAPEER_ROOT="$IAPEER_ROOT" IAPEER_SOCK_DIR="$SOCKS" PATH="$PATH" "$IAPEER" send bob x'
check_eq "is mallory all the same" shell-mallory "$(field from "$(last_delivery)")"
check_lacks "verified" "$(last_delivery)" unverified
if [ -d /proc/self ]; then # setsid(1)
	# shellcheck disable=SC2016
	attack "a process that left the session, its environment kept" 0 \
		'(setsid "$IAPEER" send bob detached --id detached-1 >/dev/null 2>&1 &); for i in $(seq 200); do grep -qs "id=detached-1 .*status=delivered" "$IAPEER_ROOT/logs/iapeer/delivery.log" && exit 0; sleep 0.05; done; exit 1'
	check_eq "is mallory" shell-mallory "$(field from "$(last_delivery)")"
fi
# An orphan: its parents have gone, and it waits until another has it. $1 what becomes of its session, then a command.
printf '%s\n' 'old=$1; out=$2; shift 2' \
	'for i in $(seq 400); do now=$(ps -o ppid= -p $$ | tr -d " "); [ "$now" = "$old" ] || break; sleep 0.02; done' \
	'"$@" >"$out.said" 2>&1; echo $? >"$out.rc"' >"$E2E_DIR/orphan.sh"
# shellcheck disable=SC2016
orphan() { # name setsid|env command...
	local name=$1 how=$2
	shift 2
	rm -f "$E2E_DIR/$name.rc"
	printf -v words '%q ' "$@"
	inside 'clean="env -i HOME=$HOME IAPEER_TEST_SANDBOX=1 IAPEER_ROOT=$IAPEER_ROOT IAPEER_SOCK_DIR=$SOCKS PATH=$PATH"
		bash -c '\''$1 $2 bash $3/orphan.sh $$ $3/$4 "${@:5}" & exit'\'' x "$clean" '"$how"' "$OUT" '"$name"' '"$words"
	wait_for 20 test -s "$E2E_DIR/$name.rc"
	rc=$(cat "$E2E_DIR/$name.rc")
	out=$(cat "$E2E_DIR/$name.said")
}
orphan same-session env "$IAPEER_BIN" send bob x
check_eq "an orphan without environment, still in the session" 0 "$rc"
check_eq "is mallory" shell-mallory "$(field from "$(last_delivery)")"
check_lacks "verified" "$(last_delivery)" unverified
if [ -d /proc/self ]; then # elsewhere nobody adopts orphans but launchd
	orphan left setsid "$IAPEER_BIN" send bob x
	check_eq "an orphan that left session and environment" 0 "$rc"
	check_has "is not verified" "$(last_delivery)" "sender=unverified"
	orphan drives setsid "$IAPEER_BIN" send sheila "touch $E2E_DIR/pwned"
	check_eq "drives no shell" 5 "$rc"
	orphan as-person setsid env PEER_IDENTITY=shell-sheila "$IAPEER_BIN" send sheila "touch $E2E_DIR/pwned"
	check_eq "nor under another name" 5 "$rc"
	# shellcheck disable=SC2016
	deep='n=$1; shift; [ "$n" = 0 ] || { bash -c "$0" "$0" $((n - 1)) "$@"; exit; }; "$@"; exit'
	inside "bash -c '$deep; :' '$deep; :' 260 \"\$IAPEER\" send sheila 'touch pwned'"
	check_eq "nor does one below 260 others" 5 "$rc"
	kill -KILL "$(keeper)"
	wait_for 5 no_keeper
	orphan after-keeper setsid "$IAPEER_BIN" send bob x
	check_eq "an orphan whose keeper was killed" 0 "$rc"
	check_has "is not verified either" "$(last_delivery)" "sender=unverified"
fi
# Where each peer has a control group, that is left too.
groups=$(sed -n 's/^[^ ]* \([^ ]*\) cgroup2 .*/\1/p' /proc/mounts 2>/dev/null | sed -n 1p)
group=${groups:-/nowhere}/iapeer-e2e-$$
if mkdir "$group" "$group/iapeer.service" 2>/dev/null && (echo 0 >"$group/iapeer.service/cgroup.procs") 2>/dev/null; then
	must iapeer stop mallory
	must iapeer start mallory
	must iapeer supervise --stop
	(echo 0 >"$group/iapeer.service/cgroup.procs" && exec "$IAPEER_BIN" start mallory --now) || fail "start in a group"
	check "her program has a group" grep -q '/iapeer.service/shell-mallory$' "/proc/$(pane_of shell-mallory)/cgroup"
	orphan grouped setsid "$IAPEER_BIN" send bob x
	check_eq "an orphan in it" 0 "$rc"
	check_eq "is mallory" shell-mallory "$(field from "$(last_delivery)")"
	check_has "not verified: one may go to another group" "$(last_delivery)" "sender=unverified"
	must iapeer stop --all
	must iapeer start --all
	must iapeer supervise --stop
	empty_group() { rmdir "$group"/iapeer.service/* "$group/iapeer.service" "$group" 2>/dev/null; [ ! -e "$group" ]; }
	check_soon "nobody is left in it" 10 empty_group
else
	rmdir "$group/iapeer.service" "$group" 2>/dev/null
	echo "# not tried, no control groups of version 2 to make: an orphan in its peer's group"
fi
must iapeer send bob x --timeout 20
check_eq "a person" "cli-$(id -un)" "$(field from "$(last_delivery)")"
check_lacks "is verified" "$(last_delivery)" unverified

stopped() { iapeer stop --all >/dev/null 2>&1; }
check_soon "and all can be stopped" 40 stopped
e2e_end
