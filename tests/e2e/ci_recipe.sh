#!/usr/bin/env bash
# The recipe of docs/CI.md, run as it stands there: its answer, its exit statuses, and that nothing is left running.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin
need_proc # to find what was left

awk '/^```sh$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$E2E_SOURCE/docs/CI.md" >ci-ask
chmod +x ci-ask
check "the recipe is there" grep -q 'supervise --stop' ci-ask
mkdir bin work
ln -s "$E2E_BIN" bin/iapeer
PATH=$E2E_DIR/bin:$PATH
unset IAPEER_SOCK_DIR # as in a job: below its root
cd work || exit 1

# A mark in the environment of all that the job starts; its peers have their root's.
left() { grep -lszF "IAPEER_CI_MARK=$E2E_DIR" /proc/[0-9]*/environ 2>/dev/null; }
servers() { # tmux servers whose root is a recipe's
	grep -lszE '^IAPEER_ROOT=/tmp/iapeer-ci\.' /proc/[0-9]*/environ 2>/dev/null | while IFS=/ read -r _ _ pid _; do
		grep -qszF "HOME=$HOME" "/proc/$pid/environ" && echo "$pid"
	done
}
nothing_runs() { [ -z "$(left)" ] && [ -z "$(servers)" ]; }
roots() { find /tmp -maxdepth 1 -name 'iapeer-ci.*' -newer "$E2E_DIR/ci-ask" -user "$(id -u)" 2>/dev/null | while read -r root; do
	[ -d "$root/peers/worker" ] && grep -qsF "$PWD" "$root/peers/worker/.iapeer/peer-profile.json" && echo "$root"
done; }
job() { env IAPEER_CI_MARK="$E2E_DIR" "$E2E_DIR/ci-ask" "$@"; }

# shellcheck disable=SC2016
check_exit "a job that goes well" 0 job 30 'echo $((6*7)); pwd'
check_eq "the answer alone is its output" "42
$PWD" "$out"
check_soon "nothing of it runs" 5 nothing_runs
check_eq "nor is a file left" "" "$(roots)"

check_exit "one whose time is over" 6 job 1 'sleep 60'
check_has "says what happened" "$err" "sleep 60"
check_soon "ends what it began" 5 nothing_runs
check_eq "and its files" "" "$(roots)"

RUNTIME=none check_exit "a runtime that is not there" 2 job 5 true
check_eq "leaves nothing" "" "$(roots)"

# Cancelled by its runner, in the middle.
env IAPEER_CI_MARK="$E2E_DIR" "$E2E_DIR/ci-ask" 60 "touch begun; sleep 60" >cancelled.out 2>cancelled.err &
pid=$!
E2E_OWNED+=("$pid")
check_soon "a job is at work" 15 test -e begun
kill -TERM "$pid" # env has become the script
wait "$pid"
check_eq "cancelled, it ends by that" 143 "$?"
check_soon "with all that it began" 5 nothing_runs
check_eq "and its files" "" "$(roots)"
e2e_end
