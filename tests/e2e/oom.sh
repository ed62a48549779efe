#!/usr/bin/env bash
# Was it memory? A server that the kernel killed for memory is recorded as that, with its proof; one that somebody killed
# is not, also when memory had run out in its group before. In a memory cgroup of our own, with a limit.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
need_proc

GROUP=
leave_group() {
	local status=$? pid _
	if [ -n "$GROUP" ]; then
		for _ in 1 2 3 4 5 6 7 8 9 10; do
			while read -r pid; do kill -KILL "$pid" 2>/dev/null; done <"$GROUP/cgroup.procs"
			rmdir "$GROUP" 2>/dev/null && break
			read -r -t 0.1 <> <(:) # what was killed needs a moment to leave
		done
	fi
	(exit "$status")
	e2e_exit
}

make_group() {
	local dir
	for dir in /sys/fs/cgroup/memory /sys/fs/cgroup; do
		[ -e "$dir/memory.limit_in_bytes" ] || grep -qs memory "$dir/cgroup.subtree_control" || continue
		mkdir "$dir/iapeer-test-$$" 2>/dev/null || continue
		GROUP=$dir/iapeer-test-$$
		return 0
	done
	return 1
}

limit() { # bytes
	if [ -e "$GROUP/memory.limit_in_bytes" ]; then
		echo "$1" >"$GROUP/memory.limit_in_bytes"
	else
		echo "$1" >"$GROUP/memory.max" && echo 0 >"$GROUP/memory.swap.max"
	fi 2>/dev/null
}

kills() { sed -n 's/^oom_kill //p' "$GROUP/memory.events" "$GROUP/memory.oom_control" 2>/dev/null | head -n 1; }
killed_more_than() { [ "$(kills)" -gt "$1" ]; }
hog() { bash -c 'echo $$ >"$1/cgroup.procs" && echo "$2" >/proc/self/oom_score_adj && exec tail /dev/zero' _ "$GROUP" "$1"; }
death_of() { grep -s -e "ev=server-exit identity=$1 server_pid=$2 " "$LOGS/exits.log"; }
has_death() { death_of "$@" >/dev/null; }
evidence_of() { cat "$LOGS/server-deaths/$(field forensics "$1")"; }

e2e_begin
trap leave_group EXIT
make_group || skip "no memory cgroup can be made here"
limit $((96 << 20)) || skip "a memory cgroup here takes no limit"
: <>/dev/kmsg || skip "the kernel's log may not be read"
[ "$(readlink /proc/self/ns/pid)" = "pid:[4026531836]" ] || skip "the kernel's log names other pids than ours"

must iapeer create bob --runtime shell

# ---- it was memory: of two hogs and a server that is marked to go first, the server goes first ----
must iapeer send bob true
pid=$(session_of shell-bob)
echo "$pid" >"$GROUP/cgroup.procs"
echo 1000 >"/proc/$pid/oom_score_adj"
hog 0 2>/dev/null &
other=$!
hog 0 2>/dev/null
wait "$other" 2>/dev/null
check_soon "killed for memory: recorded" 5 has_death shell-bob "$pid"
line=$(death_of shell-bob "$pid")
check_eq "its cause" oom-kill "$(field cause "$line")"
check_eq "its proof" kernel-log "$(field proof "$line")"
check_eq "its signal" SIGKILL "$(field signal "$line")"
check_has "the evidence says so" "$(evidence_of "$line")" "oom: proven; kernel log: names it"
check_has "why says so" "$(iapeer why bob)" "memory had run out"

# ---- the same of its program: its server lives to tell
must iapeer send bob true
pid=$(pane_of shell-bob)
echo "$pid" >"$GROUP/cgroup.procs"
echo 1000 >"/proc/$pid/oom_score_adj"
hog 0 2>/dev/null &
other=$!
hog 0 2>/dev/null
wait "$other" 2>/dev/null
end_of() { grep -s -e "ev=session-exit identity=shell-bob pid=$1 " "$LOGS/exits.log"; }
has_end() { end_of "$1" >/dev/null; }
check_soon "its program killed for memory: recorded" 5 has_end "$pid"
check_eq "its cause" oom-kill "$(field cause "$(end_of "$pid")")"
check_eq "its proof" kernel-log "$(field proof "$(end_of "$pid")")"
check_has "deaths says so" "$(iapeer deaths bob | tail -n 1)" "program  oom-kill"
check_has "why says so" "$(iapeer why bob)" "The kernel killed its program, for memory had run out."
must iapeer send bob true --json
check_has "that is not held against it" "$(json cause)" "resume-after-oom-kill"
pid=$(pane_of shell-bob)
kill -KILL "$pid"
check_soon "killed by hand: recorded" 5 has_end "$pid"
check_eq "no cause but its signal" "" "$(field cause "$(end_of "$pid")")"

# ---- it was not: thirty that look like it are killed for memory, and then somebody types kill -9
must iapeer send bob true
pid=$(session_of shell-bob)
echo "$pid" >"$GROUP/cgroup.procs"
cp "$(command -v tail)" "$E2E_DIR/tmux: server"
before=$(kills)
for _ in $(seq 30); do
	bash -c 'echo $$ >"$1/cgroup.procs" && echo 900 >/proc/self/oom_score_adj && exec "$2/tmux: server" /dev/zero' _ "$GROUP" "$E2E_DIR" 2>/dev/null
done
check "thirty decoys were killed for memory" killed_more_than $((before + 29))
kill -KILL "$pid"
check_soon "killed by hand after them: recorded" 5 has_death shell-bob "$pid"
check_eq "it is none of them" sigkill "$(field cause "$(death_of shell-bob "$pid")")"

# ---- it was not: a child of it was killed for memory, and later somebody typed kill -9 ----
must iapeer send bob true
pid=$(session_of shell-bob)
echo "$pid" >"$GROUP/cgroup.procs"
before=$(kills)
hog 500 2>/dev/null
check "a process of its group was killed for memory" killed_more_than "$before"
check "the server was not" pid_alive "$pid"
kill -KILL "$pid"
check_soon "killed by hand: recorded" 5 has_death shell-bob "$pid"
line=$(death_of shell-bob "$pid")
check_eq "its cause" sigkill "$(field cause "$line")"
check_eq "it has no proof" "" "$(field proof "$line")"
check_has "the evidence says why not" "$(evidence_of "$line")" "oom: not proven; kernel log: does not name it"
e2e_end
