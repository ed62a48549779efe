#!/usr/bin/env bash
# Control groups: one a peer where a group is delegated to us, none elsewhere; and what service managers are given.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
need_proc
e2e_begin
unset XDG_CONFIG_HOME XDG_DATA_HOME

group_of() { sed -n 's/^0:://p' "/proc/$1/cgroup"; } # pid: its group of version 2

# ---- nothing is delegated: nothing is made, and nobody is told off
must iapeer create bob --runtime shell
must iapeer send bob true
check_eq "a peer stays in the group that it came from" "$(group_of "$(keeper)")" "$(group_of "$(session_of shell-bob)")"
run iapeer doctor
check_has "doctor says so" "$out" "peers share the keeper's control group"
must iapeer stop --all
must iapeer supervise --stop

# ---- what service managers are given is what they take
iapeer supervise --print launchd >job.plist
if command -v plistutil >/dev/null; then
	check "plistutil reads the plist" plistutil -i job.plist -o job.bin
	check "it holds what it should" test -s job.bin
fi
iapeer supervise --print systemd >iapeer.service
check_has "its unit asks for a group of its own" "$(cat iapeer.service)" "Delegate=yes"
if command -v systemd-analyze >/dev/null; then
	run systemd-analyze --user verify "$PWD/iapeer.service"
	check_lacks "systemd-analyze finds no fault in it" "$err" "iapeer.service:"
fi

# ---- a group like the one of that unit
root=$(awk '$0 ~ / - cgroup2 / && $4 == "/" { print $5; exit }' /proc/self/mountinfo)
slice=$root/iapeer-test-$$.slice
if [ -z "$root" ] || ! mkdir -p "$slice/iapeer.service" 2>/dev/null; then
	echo "# no group can be made here: the rest is not tried"
	e2e_end
fi
group=$slice/iapeer.service
empty() { # whoever was in them has ended
	local dir
	for dir in "$group"/*/ "$group" "$slice"; do
		wait_for 5 rmdir "$dir"
	done
} 2>/dev/null
trap '(e2e_exit); s=$?; empty; exit "$s"' EXIT

"$IAPEER_BIN" supervise >kept 2>&1 &
E2E_OWNED+=("$!")
check_soon "a keeper" 5 has_keeper
pid=$(keeper)
echo "$pid" >"$group/cgroup.procs"
must iapeer create eve --runtime shell
must iapeer start bob
must iapeer send bob true
must iapeer send eve true
path=${group#"$root"}
check_eq "bob has a group" "$path/shell-bob" "$(group_of "$(session_of shell-bob)")"
check_eq "his program too" "$path/shell-bob" "$(group_of "$(pane_of shell-bob)")"
check_eq "eve has hers" "$path/shell-eve" "$(group_of "$(session_of shell-eve)")"
check_eq "the keeper stays where it was" "$path" "$(group_of "$(keeper)")"
run iapeer doctor
check_has "doctor says so" "$out" "a control group of its own in $group"
must iapeer stop bob
# Whoever was in it may still be on its way out: the log's writer reads until its server has closed the pipe.
nobody_in_it() { [ ! -e "$group/shell-bob" ] || grep -qsx 'populated 0' "$group/shell-bob/cgroup.events"; }
check_soon "after a stop nobody is in it" 10 nobody_in_it
pid=$(keeper)
kill "$pid"
check_soon "the keeper leaves" 5 not pid_alive "$pid"
check "eve lives on" is_live shell-eve
"$IAPEER_BIN" supervise >kept 2>&1 &
E2E_OWNED+=("$!")
echo "$!" >"$group/cgroup.procs"
check_soon "the next one" 5 has_keeper
kill -HUP "$(keeper)"
must iapeer start bob
must iapeer send bob true
check_eq "goes on as before" "$path/shell-bob" "$(group_of "$(session_of shell-bob)")"
e2e_end
