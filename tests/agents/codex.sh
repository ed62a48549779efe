#!/usr/bin/env bash
# Codex takes what it is sent: asleep, idle; while it works the message waits for the end of the turn.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
agents_begin

send() { run iapeer send "$1" "$2" --json --id "$3" "${@:4}"; }
said_to_model() { was_asked "r.ids.includes('$1')"; } # id
filler() { head -c "$1" /dev/zero | tr '\0' 'x'; }    # bytes

agent co codex
from=$(ms)
send co "hello from the shell" first
note "asleep to recorded: $(($(ms) - from)) ms"
check_eq "asleep: delivered, and woken for it" "delivered recorded true fresh" "$(json status) $(json rung) $(json woke) $(json mode)"
check_soon "the model was asked with it" 5 said_to_model first
check_soon "and its answer is on the screen" 5 sees codex-co "• heard: hello from the shell"
from=$(ms)
send co "once more" second
note "live to recorded: $(($(ms) - from)) ms"
check_eq "live: delivered" "delivered recorded false" "$(json status) $(json rung) $(json woke)"
check_soon "the model was asked with it" 5 said_to_model second

send co '!touch shell-was-here' bang
check_eq "a ! at the front: delivered" delivered "$(json status)"
send co '/compact' slash
check_eq "a / at the front: delivered" delivered "$(json status)"
send co "$(printf 'lines\n\n\twith a tab\n]]> and the end of a CDATA: grüße 日本')" lines
check_eq "lines, a tab, other alphabets: delivered" delivered "$(json status)"
for id in bang slash lines; do
	check_soon "$id: the model has it" 5 said_to_model "$id"
done
check "nothing was run by a shell" test ! -e "$IAPEER_ROOT/peers/co/shell-was-here"

# ---- at work: it waits for the end of the turn, and whoever sends is told
send co "work model:delay=4000" work
check_soon "it works" 5 said_to_model work
send co "not before you are done" waits --timeout 1
check_eq "at work: the message waits" "8 queued accepted" "$rc $(json status) $(json rung)"
check_has "for the end of its turn" "$(json reason)" "works"
check_soon "then it is delivered" 15 said_to_model waits
check_eq "in a turn of its own, after the answer" "assistant: heard: work model:delay=4000" \
	"$(last_asked 'r.said.filter((s) => s.role === "assistant").map((s) => `${s.role}: ${s.text}`).pop()' "r.ids.includes('waits')")"

sizes=(1 100 900 2100 15500)
for i in $(seq 1 15); do
	send co "$i $(filler "${sizes[$((i % 5))]}")" "many-$i"
	[ "$(json rung)" = recorded ] || fail "message $i is recorded" "status $rc: $out"
done
check_soon "the model was asked with the last" 20 said_to_model many-15
wanted=$(for i in $(seq 1 15); do echo "many-$i"; done | tr '\n' ' ')
check_eq "15 of mixed size reached the model once, in order" "${wanted% }" "$(last_asked 'r.ids.filter((id) => /^many-/.test(id)).join(" ")')"

agents_end
