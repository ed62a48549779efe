#!/usr/bin/env bash
# The main job: a sleeping peer is woken by a message, answers, and everything that the verbs say about it is so.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin

screen() { iapeer read "$1" --screen; }
screen_has() { screen "$1" | grep -q -F -e "$2"; }                 # identity text
screen_line() { screen "$1" | grep -q -x -e "$2"; }                # identity pattern of a whole line
delivered_once() { [ "$(count_lines "id=$1 .*status=delivered" "$LOGS/delivery.log")" = 1 ]; }

# ---- create, send, read, ask, list
check_exit "create bob" 0 iapeer create bob --runtime shell --json
check_eq "create says created" created "$(json action)"
check_exit "list before the first message" 0 iapeer list --json
check_eq "bob is asleep" asleep "$(json state)"
check "no keeper runs before it is needed" no_keeper

# shellcheck disable=SC2016
check_exit "send to a sleeping peer" 0 iapeer send bob 'echo hi-$((20+3))' --json
check_eq "delivered" delivered "$(json status)"
check_eq "rung submitted" submitted "$(json rung)"
check_eq "it woke" true "$(json woke)"
check_eq "mode fresh" fresh "$(json mode)"
check_eq "cause first-wake" first-wake "$(json cause)"
check_eq "no duplicate" false "$(json duplicate)"
check_eq "peer" bob "$(json peer)"
check_eq "runtime" shell "$(json runtime)"
check "it has an id" test -n "$(json id)"
check "a keeper runs now" has_keeper
check_soon "the answer is on the screen" 5 screen_line bob hi-23

# shellcheck disable=SC2016
check_exit "ask" 0 iapeer ask bob 'echo $((6*7))'
check_eq "ask prints the answer" 42 "$out"
# shellcheck disable=SC2016
check_exit "ask --json" 0 iapeer ask bob 'echo $((6*7))' --json
check_eq "its answer field" '42\n' "$(json answer)"
check_eq "woke no more" false "$(json woke)"
check_exit "list" 0 iapeer list
check_has "list shows the live shell" "$out" "● shell"
check_exit "list --json" 0 iapeer list --json
check_eq "its state" live "$(json state)"
check_eq "its server" "$(session_of shell-bob)" "$(json server_pid)"
check_eq "nothing queued" 0 "$(json queue)"
printf '%s\n' "$out" >list.json
check "list --json parses" json_valid list.json
check_exit "show --json" 0 iapeer show bob --json
check_has "show knows the last wake" "$out" '"cause":"first-wake"'

# ---- where a text comes from
printf 'echo from-stdin-%s\n' 1 >text
"$IAPEER_BIN" send bob <text >/dev/null
check_eq "send from standard input" 0 $?
check_soon "it arrived" 5 screen_line bob from-stdin-1
check_exit "send --message-file" 0 iapeer send bob --message-file text
"$IAPEER_BIN" send bob --message-file - <text >/dev/null
check_eq "send --message-file -" 0 $?
check_exit "send --message" 0 iapeer send bob --message "echo by-option"
check_soon "it arrived" 5 screen_line bob by-option
check_exit "several words" 0 iapeer send bob echo two words
check_soon "are joined by a blank" 5 screen_line bob "two words"
check_exit "a leading dash behind --" 0 iapeer send bob -- -n-is-no-command
check_soon "it arrived as text" 5 screen_has bob "-n-is-no-command: command not found"
check_exit "without --: usage" 2 iapeer send bob -n-is-no-command
check_exit "no text: usage" 2 iapeer send bob
check_exit "two texts: usage" 2 iapeer send bob one --message two

# ---- ids
check_exit "send --id" 0 iapeer send bob 'echo once-only' --id e2e-1 --json
check_eq "not a duplicate" false "$(json duplicate)"
check_eq "that id" e2e-1 "$(json id)"
check_exit "the same id again" 0 iapeer send bob 'echo once-only' --id e2e-1 --json
check_eq "duplicate" true "$(json duplicate)"
check_eq "the first receipt" delivered "$(json status)"
check "delivered once" delivered_once e2e-1
iapeer ask bob true >/dev/null
check_eq "printed once" 1 "$(screen bob | grep -c -x once-only)"

# ---- a draft
must iapeer ask bob true
tmux_of shell-bob send-keys -t shell-bob: -l 'echo a-draft'
wait_for 5 screen_has bob 'echo a-draft'
check_exit "a draft is in the composer: waits" 8 iapeer send bob 'echo behind-the-draft' --id e2e-2 --timeout 1 --json
check_eq "queued" queued "$(json status)"
check_eq "rung accepted" accepted "$(json rung)"
check_has "and says why" "$(json reason)" "typed"
check_exit "queue list" 0 iapeer queue bob --json
check_has "it is in the queue" "$out" '"id":"e2e-2"'
check_exit "list counts it" 0 iapeer list --json
check_eq "one queued" 1 "$(json queue)"
check_exit "--wait accepted behind a draft" 0 iapeer send bob 'echo second-behind' --id e2e-3 --wait accepted --json
check_eq "is accepted" accepted "$(json rung)"
check_exit "queue drop" 0 iapeer queue bob drop e2e-3
check_exit "drop again: not there" 1 iapeer queue bob drop e2e-3
check_eq "one left" 1 "$(queue_of shell-bob)"
iapeer queue bob retry e2e-2 >/dev/null 2>&1 &
retry=$!
wait_for 1 screen_has bob behind-the-draft
check_not "queue retry does not go past the draft" screen_has bob behind-the-draft
tmux_of shell-bob send-keys -t shell-bob: Enter
check_soon "when the person has pressed Enter, it is delivered" 10 delivered_once e2e-2
wait "$retry"
check_eq "and queue retry, which waited for that, is content" 0 $?
check_soon "the draft alone was run first" 5 screen_line bob a-draft
check_soon "then the message" 5 screen_line bob behind-the-draft
check "the queue is empty" queue_empty shell-bob

must iapeer ask bob true
tmux_of shell-bob send-keys -t shell-bob: -l ': draft2 '
wait_for 5 screen_has bob ': draft2'
run iapeer send bob 'echo forced' --id e2e-4 --timeout 0
check_eq "queued again" 8 "$rc"
# Not while somebody is at the peer: what he takes from the queue must not come back.
if [ -d /proc/self ]; then # flock(1)
	mkfifo let-go
	flock "$IAPEER_ROOT/state/iapeer/locks/shell-bob" sh -c 'echo yes >held; cat let-go' >/dev/null &
	holder=$!
	check_soon "somebody is at the peer" 5 test -s held
	"$IAPEER_BIN" queue bob --force-next >forced.out 2>&1 &
	forcing=$!
	waits_for_lock() { find "/proc/$forcing/fd" -lname "*/locks/shell-bob" | grep -q .; }
	check_soon "queue --force-next waits for whoever is at the peer" 5 waits_for_lock
	check_eq "and has changed nothing" 0 "$(grep -l '"force"' "$STATE"/shell-bob.queue/*.json | grep -c .)"
	echo >let-go
	wait "$holder"
	wait "$forcing"
else
	"$IAPEER_BIN" queue bob --force-next >forced.out 2>&1
fi
check_eq "queue --force-next" 0 $?
check_soon "goes past the draft" 5 delivered_once e2e-4
check_exit "no queue any more" 0 iapeer queue bob --json
check_has "empty" "$out" '"queue":[]'

# ---- waiting
check_exit "--wait accepted" 0 iapeer send bob 'echo no-wait' --wait accepted --json
check_eq "says accepted or more" 1 "$(printf '%s' "$out" | grep -c -e '"rung":"\(accepted\|submitted\)"')"
check_exit "--wait submitted" 0 iapeer send bob 'echo submitted' --wait submitted --json
check_exit "--wait recorded is more than a shell can prove" 2 iapeer send bob 'echo x' --wait recorded
check_exit "--wait turn" 0 iapeer send bob 'sleep 0.2; echo turned' --wait turn --json
check "the turn is over when it returns" screen_line bob turned
check_exit "ask that takes too long: 6" 6 iapeer ask bob 'sleep 3' --timeout 1 --json
check_eq "but it was delivered" delivered "$(json status)"

# ---- what a program prints is no draft, however much it is and however the prompt looks afterwards
must iapeer create vera --runtime shell
check_exit "the first message changes the prompt" 0 iapeer send vera "PS1='> '"
check_exit "the next one is delivered" 0 iapeer ask vera 'echo fine' --timeout 10
check_eq "and answered" fine "$out"
check_exit "a long answer" 0 iapeer ask vera 'seq 1 20000; echo the-end' --timeout 20
check_eq "is whole" "20001 the-end" "$(printf '%s\n' "$out" | grep -c '') $(printf '%s\n' "$out" | tail -n 1)"
check_exit "one that is too long for an answer" 0 iapeer ask vera 'seq 1 200000' --timeout 20
check_has "says so" "$out" "answer is longer"
check_exit "the next one is delivered" 0 iapeer ask vera 'echo fine too' --timeout 10
check_eq "and answered" "fine too" "$out"
must iapeer remove vera --force

# ---- refusals that start nothing
check_exit "unknown peer" 3 iapeer send bobb hello --json
check_has "nearest name" "$out" "bob"
check_eq "code" not-found "$(json code)"
check_exit "unknown verb" 2 iapeer sned bob hello
check_has "nearest verb" "$err" "send"
check_exit "help anywhere runs nothing" 0 iapeer send bob hello --help

# ---- stop, start, and the keeper leaves
check_exit "stop --all" 0 iapeer stop --all --json
check_eq "stopped" stopped "$(json action)"
check "no session is left" is_gone shell-bob
check_soon "the keeper leaves when nothing is live" 5 no_keeper
check_exit "list works without a keeper" 0 iapeer list --json
check_eq "stopped" stopped "$(json state)"
check_exit "a stopped peer takes no message" 4 iapeer send bob 'echo no' --json
check_eq "refused" refused "$(json status)"
check "nothing was queued" queue_empty shell-bob
check "no keeper was started for that" no_keeper
check_exit "start" 0 iapeer start bob --json
check_eq "started" started "$(json action)"
check_exit "asleep again" 0 iapeer list --json
check_eq "asleep" asleep "$(json state)"
check_exit "start --now wakes" 0 iapeer start bob --now --json
check "live" is_live shell-bob
check_exit "new" 0 iapeer new bob --json
check_eq "fresh" fresh "$(json action)"
check_exit "remove of a live peer" 5 iapeer remove bob --json
check_eq "refused-live" refused-live "$(json action)"
check_exit "stop" 0 iapeer stop bob
must iapeer create bob --runtime claude
check_exit "start --now of one with two runtimes" 0 iapeer start bob --now
check_eq "wakes its default one" "bob (shell): live
bob (claude): asleep, wakes with the next message" "$out"
check_exit "its last message" 0 iapeer show bob --json
check_eq "is not that wake" submitted "$(json rung)"
check_exit "stop" 0 iapeer stop bob
check_exit "remove" 0 iapeer remove bob --json
check_eq "removed" removed "$(json action)"
check_exit "list is empty" 0 iapeer list --json
check_eq "no peers" '{"peers":[]}' "$out"
check_soon "the keeper has left" 5 no_keeper
check_eq "no death was recorded" 0 "$(count_lines ev=server-exit "$LOGS/exits.log")"
e2e_end
