#!/usr/bin/env bash
# The real programs say that they took this very message, and what they answered.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
agents_begin

send() { run iapeer send "$1" "$2" --json --id "$3" "${@:4}"; }
of_receipt() { # identity field: of the receipts, smallest first
	cat "$IAPEER_ROOT/state/lifecycle/$1.receipts/"*.json | sed -n "s/^.*\"$2\": \([0-9]*\).*$/\1/p"
}
latency() { # identity: submitted to recorded, the median in ms
	paste <(of_receipt "$1" submittedAtMs) <(of_receipt "$1" recordedAtMs) | awk '{ print $2 - $1 }' | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] ", at most " v[NR] }'
}

for kind in claude codex; do
	name=${kind:0:2}
	agent "$name" "$kind"
	send "$name" "one" "$name-1"
	check_eq "$kind, asleep: recorded" "delivered recorded" "$(json status) $(json rung)"
	check_exit "$kind: ask" 0 iapeer ask "$name" "what is it" --id "$name-2" --timeout 20
	check_has "$kind: the answer is the turn's last message" "$out" "heard: "
	check_exit "$kind: read" 0 iapeer read "$name"
	check_has "$kind: has it too" "$out" "heard: "
	for i in 3 4 5 6 7 8; do
		send "$name" "and $i" "$name-$i"
		check_eq "$kind: $i" "delivered recorded" "$(json status) $(json rung)"
	done
	note "$kind: submitted to recorded: $(latency "$kind-$name") ms"
done
agent wk claude
send wk "model:delay=4000 long" w-1
send wk "while it works" w-2
check_eq "claude at work: recorded at once" "delivered recorded" "$(json status) $(json rung)"
agents_end
