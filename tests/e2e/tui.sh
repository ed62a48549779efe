#!/usr/bin/env bash
# Programs with a composer, as they are on a bad day: questions with the cursor on the wrong row, slow starts, a lost
# Enter, drafts, long turns, a death at boot.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin
need_fake

screen_of() { tmux_of "$1" capture-pane -p -t "$1:" 2>/dev/null; }
sees() { screen_of "$1" | grep -q -F -e "$2"; } # identity text
types() { # identity tmux-keys...
	local identity=$1
	shift
	tmux_of "$identity" send-keys -t "$identity:" "$@"
}
took() { [ "$(recorded "$1")" = "$2" ]; } # name: so many texts
delivered_times() { [ "$(count_lines "id=$1 .*status=delivered" "$LOGS/delivery.log")" = "$2" ]; }
send() { # name id more...
	local name=$1 id=$2
	shift 2
	iapeer send "$name" "message $id" --id "$id" --json "$@"
}
check_delivered() { # what name id
	check_eq "$1: delivered" "delivered submitted" "$(json status) $(json rung)"
	check_soon "$1: the program has it" 3 took "$2" 1
	check_has "$1: this message" "$(cat "$E2E_DIR/rec.$2")" "[message $3]"
}

# ---- questions
fake_peer trusts "--dialog trust" --trust
check_exit "trust, allowed: sent" 0 send trusts q-1
check_delivered "trust, allowed" trusts q-1
check "the right row was chosen" sees fake-trusts "answered trust: Yes, I trust this folder"
check_eq "woke" true "$(json woke)"

fake_peer asks "--dialog trust"
check_exit "trust, not allowed: waits" 8 send asks q-2 --timeout 1
check_eq "queued" "queued accepted" "$(json status) $(json rung)"
check_has "for this question" "$out" 'question \"trust\"'
check_exit "list" 0 iapeer list --json
check_has "it lives" "$out" '"state":"live"'
check "no key was pressed" sees fake-asks "❯ 1. No, exit"
types fake-asks Down
types fake-asks Enter
check_soon "answered by hand, it is delivered" 10 delivered_times q-2 1
check_soon "the program has it" 3 took asks 1

fake_peer two "--dialog resume --dialog notes --delay-ms 300"
check_exit "two questions after a while: sent" 0 send two q-3
check_delivered "two questions" two q-3
check "resumed in full" sees fake-two "answered resume: Resume full session as-is"

fake_peer login "--dialog login"
check_exit "one that only a person can answer: waits" 8 send login q-4 --timeout 1
check_has "and says so" "$out" 'question \"login\"'
must iapeer stop login

fake_peer odd "--dialog unknown"
check_exit "an unknown question: waits" 8 send odd q-5 --timeout 6
check_has "and says what the screen shows" "$(json reason)" "Enter to paint"
check "no key was pressed" sees fake-odd "❯ 1. Red"
check_exit "a second message behind it" 8 send odd q-6 --timeout 0
types fake-odd Enter
check_soon "answered by hand, the first is delivered" 10 delivered_times q-5 1
check_soon "then the second" 5 delivered_times q-6 1
check_soon "the program has both" 3 took odd 2
check_has "in this order" "$(sed -n 2p rec.odd)" "[message q-6]"

fake_peer odder "--dialog unknown"
check_exit "another one that is just starting" 8 send odder q-7 --timeout 0
check_soon "it is there" 5 sees fake-odder "Red"
check_exit "can be stopped" 0 iapeer stop odder

# ---- slow, deaf, haunted
fake_peer slow "--delay-ms 1500"
check_exit "a slow start: sent" 0 send slow s-1
check_delivered "a slow start" slow s-1
fake_peer deaf "--swallow-enter 1"
check_exit "the first Enter is lost: sent" 0 send deaf s-2
check_delivered "the first Enter is lost" deaf s-2
fake_peer stone "--swallow-enter 99"
check_exit "every Enter is lost: failed" 6 send stone s-3
check_eq "as it is" "failed pasted" "$(json status) $(json rung)"
check_soon "our text was taken back" 3 not sees fake-stone "message s-3"
check "it was never submitted" took stone 0
fake_peer ghost "--ghost suggestions"
check_exit "dim text is no draft: sent" 0 send ghost s-4
check_delivered "dim text" ghost s-4

# ---- a draft
fake_peer drafts "--draft unfinished"
check_exit "a draft: waits" 8 send drafts d-1 --timeout 1
check_has "and says why" "$(json reason)" "typed"
check "the draft is untouched" sees fake-drafts "unfinished"
types fake-drafts -l " business"
types fake-drafts Enter
check_soon "after the person's Enter, it is delivered" 10 delivered_times d-1 1
check_soon "two texts" 3 took drafts 2
check_eq "the draft alone" '"unfinished business"' "$(sed -n 1p rec.drafts)"
check_lacks "the message without it" "$(sed -n 2p rec.drafts)" unfinished
types fake-drafts -l "once more"
wait_for 3 sees fake-drafts "once more"
check_exit "a draft again" 8 send drafts d-2 --timeout 1
types fake-drafts C-u
check_soon "cleared by its owner, it is delivered" 10 delivered_times d-2 1
check_soon "alone" 3 took drafts 3
check_lacks "without the draft" "$(sed -n 3p rec.drafts)" "once more"

# ---- at work
fake_peer busy "--busy-ms 2500"
check_exit "busy: the first" 0 send busy b-1
check "it works" sees fake-busy "esc to interrupt"
check_exit "a second meanwhile (busy: paste)" 0 send busy b-2
check "it works still" sees fake-busy "esc to interrupt"
fake_runtime fakeq 's/"busy": "paste"/"busy": "queue"/'
FAKE_RUNTIME=fakeq fake_peer patient "--busy-ms 2500"
check_exit "busy, policy queue: the first" 0 send patient b-3
check_exit "a second meanwhile waits" 8 send patient b-4 --timeout 1
check_has "and says why" "$(json reason)" "works"
check_soon "after the turn it is delivered" 10 delivered_times b-4 1
check_soon "both were taken" 3 took patient 2
check_exit "a third, forced" 8 send patient b-5 --timeout 0
check_exit "queue --force-next" 0 iapeer queue patient --force-next
check_soon "does not wait for the turn" 2 delivered_times b-5 1
check "it works still" sees fakeq-patient "esc to interrupt"
check_exit "interrupt" 0 iapeer interrupt patient
check_soon "ends the turn" 3 sees fakeq-patient "Interrupted"

# ---- dies at boot
fake_peer dies "--die-at-boot 3"
check_exit "dies at boot" 5 send dies x-1 --timeout 20
check_eq "refused" refused "$(json status)"
check_has "a crash loop" "$(json reason)" "crash loop"
check_has "with its cause" "$(json reason)" "exit-3"
check_has "and what clears it" "$err" "iapeer start dies"
check_has "with its last words" "$(json reason)" "no luck"
check_has "which are on record, too" "$(cat "$LOGS/lifecycle.log")" "no luck"
check "nothing of it is left" is_gone fake-dies
check "nothing waits" queue_empty fake-dies
check_not "no server" test -e "$(socket_of fake-dies)"
check_eq "three ends, each with its status" 3 "$(count_lines 'ev=session-exit identity=fake-dies .*status=3' "$LOGS/exits.log")"
check_exit "sent again" 5 send dies x-2 --timeout 20
check_eq "it is not tried again" 3 "$(count_lines 'ev=session-exit identity=fake-dies' "$LOGS/exits.log")"
fake_args dies ""
check_exit "repaired, and started" 0 iapeer start dies
check_exit "it wakes" 0 send dies x-3
check_delivered "repaired" dies x-3
check_not "what was refused never arrives" grep -q -e x-1 -e x-2 rec.dies

# ---- dies at its first message
fake_peer brittle "--die-after 1 --die-how kill"
run send brittle y-1 --timeout 10
check "a program that dies of a message: delivered or ambiguous ($(json status))" test "$rc" -eq 0 -o "$rc" -eq 9
check_eq "it had it once" 1 "$(recorded brittle)"
check_soon "put in order" 5 is_gone fake-brittle
check_eq "its end was recorded" 1 "$(count_lines 'ev=session-exit identity=fake-brittle .*signal=' "$LOGS/exits.log")"
check_eq "no server death in all of this" 0 "$(count_lines ev=server-exit "$LOGS/exits.log")"
e2e_end
