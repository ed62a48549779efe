#!/usr/bin/env bash
# Many senders, many sleepers: one server a peer, messages in the order of acceptance, none lost, none twice.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin

# A shell that takes its time to boot: it says when it begins and ends, and waits for leave to end.
cat >slow-bash <<EOF
#!/bin/bash
printf 'begin %s\n' "\$PEER_IDENTITY" >>"$E2E_DIR/boots"
while [ ! -e "$E2E_DIR/go" ]; do sleep 0.02; done
sleep 0.1
printf 'end %s\n' "\$PEER_IDENTITY" >>"$E2E_DIR/boots"
exec /bin/bash "\$@"
EOF
chmod +x slow-bash
export IAPEER_SHELL_BIN=$E2E_DIR/slow-bash

wakes() { cat "$LOGS/lifecycle.log" | grep -c 'ev=wake '; }
lines_of() { wc -l <"$1" 2>/dev/null | tr -d ' '; }
has_lines() { [ "$(lines_of "$1")" = "$2" ]; }
has_queued() { [ "$(queue_of "$1")" = "$2" ]; }
count_in() { # pattern file...
	local pattern=$1
	shift
	cat "$@" | grep -c -e "$pattern"
}
result() { printf '%s/result.%s' "$E2E_DIR" "$1"; }

# ---- twenty at once to one sleeping peer
must iapeer create bob --runtime shell
for i in $(seq 1 20); do
	{
		iapeer send bob "echo n-$i >>$E2E_DIR/arrived" --id "n-$i" --json >"$(result "$i")" 2>"$(result "$i").err"
		echo $? >"$(result "$i").rc"
	} &
done
check_soon "twenty accepted while it boots" 20 has_queued shell-bob 20
check_eq "nothing has arrived yet" "" "$(cat arrived 2>/dev/null)"
# The number in the name of its file is its place.
find "$STATE/shell-bob.queue" -name '*.json' | sort | while IFS= read -r file; do
	sed -n 's/.*"id": *"\(n-[0-9]*\)".*/\1/p' "$file" | sed -n 1p
done >order
check_eq "twenty places" 20 "$(lines_of order)"
touch go
wait
check_soon "twenty arrive" 10 has_lines arrived 20
check_eq "in the order of acceptance" "$(cat order)" "$(cat arrived)"
check_eq "twenty different ones" 20 "$(sort -u arrived | wc -l | tr -d ' ')"
check_eq "every send said 0" 20 "$(cat result.*.rc | grep -c -x 0)"
check_eq "and delivered" 20 "$(count_in '"status":"delivered"' result.[0-9] result.[0-9][0-9])"
check_eq "one of them says that it woke" 1 "$(count_in '"woke":true' result.[0-9] result.[0-9][0-9])"
check_eq "it is the first that was accepted" "$(sed -n 1p order)" "$(cat result.* | grep '"woke":true' | sed 's/.*"id":"\([^"]*\)".*/\1/')"
check_eq "one wake" 1 "$(wakes)"
check_eq "one boot" 1 "$(count_in begin boots)"
[ ! -d /proc/self ] || check_eq "one tmux server" 1 "$(server_count)"
check_eq "twenty deliveries in the log" 20 "$(count_lines 'status=delivered' "$LOGS/delivery.log")"
check_eq "in the same order" "$(cat order)" "$(sed -n '/status=delivered/s/.* id=\([^ ]*\) .*/\1/p' "$LOGS/delivery.log")"
check "the queue is empty" queue_empty shell-bob

# Again, now that it lives.
rm -f arrived result.*
for i in $(seq 1 20); do
	iapeer send bob "echo n-$i >>$E2E_DIR/arrived" --json >"$(result "$i")" 2>"$(result "$i").err" &
done
wait
check_soon "twenty at once to a live peer" 10 has_lines arrived 20
check_eq "none twice" 20 "$(sort -u arrived | wc -l | tr -d ' ')"
check_eq "all delivered" 20 "$(count_in '"status":"delivered"' result.[0-9] result.[0-9][0-9])"
check_eq "nobody woke it" 20 "$(count_in '"woke":false' result.[0-9] result.[0-9][0-9])"

# ---- twenty sleeping peers, a message each, at once
must iapeer stop --all
rm -f arrived boots result.*
peers=$(seq -f 'p%g' 1 20)
for name in $peers; do
	must iapeer create "$name" --runtime shell
done
for name in $peers; do
	iapeer send "$name" "echo \$PEER_PERSONALITY >>$E2E_DIR/arrived" --json >"$(result "$name")" 2>"$(result "$name").err" &
done
wait
check_soon "twenty arrive" 10 has_lines arrived 20
check_eq "each at its peer" "$(printf '%s\n' "$peers" | sort)" "$(sort arrived)"
check_eq "all delivered" 20 "$(count_in '"status":"delivered"' result.p*)"
check_eq "each woke its own" 20 "$(count_in '"woke":true' result.p*)"
check_eq "twenty boots" 20 "$(count_in begin boots)"
most=$(awk '$1 == "begin" { n++ } $1 == "end" { n-- } n > most { most = n } END { print most }' boots)
check_eq "two at a time (IAPEER_BOOT_PARALLEL)" 2 "$most"
[ ! -d /proc/self ] || check_eq "twenty tmux servers" 20 "$(server_count)"
check_exit "stop --all" 0 iapeer stop --all
[ ! -d /proc/self ] || check_eq "no tmux server is left" 0 "$(server_count)"
check_eq "no death was recorded" 0 "$(count_lines ev=server-exit "$LOGS/exits.log")"
check_soon "the keeper leaves" 5 no_keeper
e2e_end
