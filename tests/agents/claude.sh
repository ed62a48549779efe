#!/usr/bin/env bash
# Claude Code takes what it is sent: asleep, idle, at work, with a question in the way.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
agents_begin

send() { run iapeer send "$1" "$2" --json --id "$3" "${@:4}"; }
said_to_model() { was_asked "r.ids.includes('$1')"; } # id
filler() { head -c "$1" /dev/zero | tr '\0' 'x'; }    # bytes

# ---- asleep, then live
agent cl claude
from=$(ms)
send cl "hello from the shell" first
note "asleep to recorded: $(($(ms) - from)) ms"
check_eq "asleep: delivered, and woken for it" "delivered recorded true fresh" "$(json status) $(json rung) $(json woke) $(json mode)"
check_soon "the model was asked with it" 5 said_to_model first
check_soon "and its answer is on the screen" 5 sees claude-cl "● heard: hello from the shell"
from=$(ms)
send cl "once more" second
note "live to recorded: $(($(ms) - from)) ms"
check_eq "live: delivered" "delivered recorded false" "$(json status) $(json rung) $(json woke)"
check_soon "the model was asked with it, once" 5 said_to_model second

# ---- words that would be something else to a terminal or to claude
send cl '!touch shell-was-here' bang
check_eq "a ! at the front: delivered" delivered "$(json status)"
send cl '/compact' slash
check_eq "a / at the front: delivered" delivered "$(json status)"
send cl 'a backslash at the end \' backslash
check_eq "a backslash at the end: delivered" delivered "$(json status)"
send cl "$(printf 'lines\n\n\twith a tab\n]]> and the end of a CDATA: grüße 日本')" lines
check_eq "lines, a tab, other alphabets: delivered" delivered "$(json status)"
for id in bang slash backslash lines; do
	check_soon "$id: the model has it" 5 said_to_model "$id"
done
check "nothing was run by a shell" test ! -e "$IAPEER_ROOT/peers/cl/shell-was-here"

# ---- 50, while it works and while it idles
sizes=(1 100 900 2100 15500)
for i in $(seq 1 50); do
	work=
	[ $((i % 10)) -ne 1 ] || work="model:delay=1500 "
	send cl "$work$i $(filler "${sizes[$((i % 5))]}")" "many-$i"
	[ "$(json rung)" = recorded ] || fail "message $i is recorded" "status $rc: $out"
done
check_soon "the model was asked with the last" 20 said_to_model many-50
wanted=$(for i in $(seq 1 50); do echo "many-$i"; done | tr '\n' ' ')
got=$(last_asked 'r.ids.filter((id) => /^many-/.test(id)).join(" ")')
check_eq "all 50 reached the model once, in order" "${wanted% }" "$got"
# shellcheck disable=SC2046
taken=$(cat $(transcripts claude) | grep -E '"type":"(user|attachment)"' | grep -o 'id=\\"many-[0-9]*\\"' | grep -o 'many-[0-9]*' | awk '!seen[$0]++' | tr '\n' ' ')
check_eq "and are in claude's own record in this order" "$wanted" "$taken"
check_eq "with nothing left in the queue" 0 "$(queue_of claude-cl)"

agents_end
