#!/usr/bin/env bash
# iapeer mcp as an agent uses it: a program inside a peer's session calls send_to_peer. And agents that only answer each
# other are stopped.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin

# A client: says the lines of a file, waits until all requests but those of $HOLD have their answer, closes the input.
cat >client <<'CLIENT'
#!/bin/bash
# client NAME: NAME.say -> NAME.heard, NAME.rc; HOLD: how many answers not to wait for
name=$1
rm -f "$name.fifo" "$name.heard"
mkfifo "$name.fifo"
: >"$name.heard"
"$IAPEER_BIN" mcp <"$name.fifo" >"$name.heard" 2>"$name.err" &
exec 3>"$name.fifo"
cat "$name.say" >&3
want=$(($(grep -c '"id"' "$name.say") - ${HOLD:-0}))
tries=0
while [ "$(wc -l <"$name.heard")" -lt $want ] && [ $((tries += 1)) -lt 1500 ]; do sleep 0.02; done
exec 3>&-
wait $!
echo $? >"$name.rc.new"
mv "$name.rc.new" "$name.rc"
CLIENT
chmod +x client
E2E_HELLO='{"jsonrpc":"2.0","id":"probe","method":"server/discover"}
{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"e2e","version":"1"}}}
{"jsonrpc":"2.0","method":"notifications/initialized"}'
call() { # id arguments
	printf '{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":"send_to_peer","arguments":%s,"_meta":{"claudecode/toolUseId":"t"}}}\n' "$1" "$2"
}
# Have it run inside the peer's session; HOLD and ENV are put before it.
inside() { # peer name   (the lines on standard input)
	{ printf '%s\n' "$E2E_HELLO"; cat; } >"$2.say"
	rm -f "$2.rc"
	must iapeer send "$1" "cd $E2E_DIR; ${ENV:-} IAPEER_BIN=$IAPEER_BIN HOLD=${HOLD:-0} ./client $2"
	wait_for 40 test -e "$2.rc" || fail "the client has ended" "$(cat "$2.heard" "$2.err")"
	heard=$(cat "$2.heard")
}
reply() { printf '%s\n' "$heard" | grep "\"id\":$1,"; } # id

must iapeer create alice --runtime shell
must iapeer create bob --runtime shell --description "runs things"
fake_peer carol ""

# ---- a call wakes the peer, delivers in the caller's name, and ends
inside alice first < <(call 1 '{"personality":"bob","message":"echo one >one"}')
check_eq "the server ended well" 0 "$(cat first.rc)"
check_has "an unknown first request is an error and no end" "$(reply '"probe"')" '"code":-32601'
check_has "initialize" "$(reply 0)" '"protocolVersion":"2025-11-25"'
check_has "delivered" "$(reply 1)" '"status":"delivered","rung":"submitted","woke":true,"mode":"fresh"'
check_lacks "no failure" "$(reply 1)" isError
check_soon "bob did it" 5 test -e "$IAPEER_ROOT/peers/bob/one"
last=$(grep 'to=shell-bob .*status=delivered' "$LOGS/delivery.log" | tail -n 1)
check_eq "the log has alice as sender" shell-alice "$(field from "$last")"
check_lacks "verified" "$last" unverified

# ---- an agent sees the envelope
inside alice envelope < <(call 1 '{"personality":"carol","message":"a ]]> b","topic":"t \"1\""}')
check_has "delivered" "$(reply 1)" '"status":"delivered"'
check_soon "carol has it" 5 grep -q 'from-personality=\\"alice\\" from-runtime=\\"shell\\"' rec.carol
check "its text cannot close it" grep -q -F 'a ]]]]><![CDATA[> b' rec.carol

# ---- wait_secs brings the answer
inside alice answer < <(call 1 '{"personality":"bob","message":"echo 6*7=$((6*7))","wait_secs":20}')
check_has "the answer" "$(reply 1)" '"answer":"6*7=42'
check_has "in words" "$(reply 1)" '"text":"bob answered:\n\n6*7=42'

# ---- what an agent can do wrong, it is told
mistakes() {
	call 1 '{"personality":"bop","message":"x"}'
	call 2 '{"personality":"alice","message":"x"}'
	call 3 '{"personality":"bob","message":"x","wait":1}'
	call 4 '{"personality":"bob","message":"x","attachments":["/no/such"]}'
}
inside alice wrong < <(mistakes)
check_has "the nearest name" "$(reply 1)" 'no such peer: bop. Did you mean bob? There are: alice, bob, carol.'
check_has "a failed call" "$(reply 1)" '"isError":true'
check_has "itself" "$(reply 2)" 'a peer does not send to itself'
check_has "an argument" "$(reply 3)" 'unknown argument \"wait\"'
check_has "an attachment" "$(reply 4)" 'attachment /no/such: No such file'
must iapeer stop bob
inside alice stopped < <(call 1 '{"personality":"bob","message":"x"}')
check_has "whom to ask for what" "$(reply 1)" 'Not sent: bob is stopped. Ask the person you work for to run `iapeer start bob`.'
must iapeer start bob

# ---- who calls is seen from the processes above, not from the environment
ENV="env -i HOME=$HOME PATH=$PATH TERM=$TERM IAPEER_ROOT=$IAPEER_ROOT IAPEER_SOCK_DIR=$IAPEER_SOCK_DIR IAPEER_TEST_SANDBOX=1"
ENV=$ENV inside alice bare < <(call 1 '{"personality":"bob","message":"true bare"}')
check_has "with codex's environment" "$(reply 1)" '"status":"delivered"'
last=$(grep 'to=shell-bob .*status=delivered' "$LOGS/delivery.log" | tail -n 1)
check_eq "as alice" shell-alice "$(field from "$last")"
check_lacks "verified" "$last" unverified
ENV="env PEER_IDENTITY=shell-bob" inside alice lie < <(call 1 '{"personality":"bob","message":"true lie"}')
check_has "a contradiction is refused" "$(reply 1)" 'PEER_IDENTITY says shell-bob, but this runs inside the session of shell-alice'
printf '%s\n' "$E2E_HELLO" "$(call 1 '{"personality":"carol","message":"claimed"}')" >claim.say
IAPEER_BIN=$IAPEER_BIN PEER_IDENTITY=shell-bob ./client claim
heard=$(cat claim.heard)
check_has "outside, the environment will do" "$(reply 1)" '"status":"delivered"'
check "and the log says what that is worth" grep -q 'from=shell-bob to=fake-carol .*status=delivered .*sender=unverified' "$LOGS/delivery.log"

# ---- a call that waits holds nothing up, and ends with its client
patience() {
	call 1 '{"personality":"bob","message":"read line","wait_secs":300}'
	call 2 '{"personality":"bob","message":"never mind","wait_secs":300}'
	printf '%s\n' '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}' '{"jsonrpc":"2.0","id":3,"method":"ping"}'
}
HOLD=2 inside alice held < <(patience)
check_eq "it ended with its input" 0 "$(cat held.rc)"
check_has "a ping is answered meanwhile" "$(reply 3)" '"result":{}'
check_has "what waits is answered by what is known" "$(reply 1)" '"id":1,"result":'
check_eq "what was cancelled is not" "" "$(reply 2)"
must iapeer interrupt bob

# ---- two that answer each other: stopped by the chain, and told so
cat >bounce <<'BOUNCE'
#!/bin/bash
# bounce ME OTHER: answer the other one
cd "$(dirname "$0")" || exit
echo "$1" >>bounced
"$IAPEER_BIN" send "$2" "IAPEER_BIN=$IAPEER_BIN $PWD/bounce $2 $1" >>bounce.log 2>&1 || echo "$1 $?" >>broken
BOUNCE
chmod +x bounce
must iapeer create dora --runtime shell
must iapeer create emil --runtime shell
must iapeer send dora "IAPEER_BIN=$IAPEER_BIN $E2E_DIR/bounce dora emil"
check_soon "the loop is broken" 60 test -s broken
check_eq "after eight messages of agents" 9 "$(wc -l <bounced | tr -d ' ')"
check_eq "refused" "dora 5" "$(cat broken)"
check "loudly" grep -q 'is it a loop? more than 8 messages .* without a word from a person' bounce.log
check "with what lets them go on" grep -q '^  iapeer send dora "go on"$' bounce.log
must iapeer send dora "IAPEER_BIN=$IAPEER_BIN $E2E_DIR/bounce dora emil"
check_soon "a person's message begins anew" 60 eval '[ "$(wc -l <broken)" -eq 2 ]'
check_eq "and is followed by eight more" 18 "$(wc -l <bounced | tr -d ' ')"

# ---- too many messages between two
printf '{"IAPEER_PAIR_MAX": 3}\n' >"$IAPEER_ROOT/config.json"
: >flooded
must iapeer create fred --runtime shell
must iapeer create gina --runtime shell
cat >flood <<'FLOOD'
for i in 1 2 3 4; do "$IAPEER_BIN" send gina true --wait accepted >>flood.log 2>&1; echo $? >>flooded; done
FLOOD
must iapeer send fred "cd $E2E_DIR; IAPEER_BIN=$IAPEER_BIN bash flood"
check_soon "four were tried" 20 eval '[ "$(wc -l <flooded)" -eq 4 ]'
check_eq "the fourth is refused" "0 0 0 5" "$(tr '\n' ' ' <flooded | sed 's/ $//')"
check "and why" grep -q 'fred and gina have sent each other 3 messages within 600 s' flood.log
check_exit "a person is never counted" 0 iapeer send gina true
: >flooded
must iapeer send fred "cd $E2E_DIR; IAPEER_BIN=$IAPEER_BIN bash flood"
check_soon "and lets them go on" 20 eval '[ "$(wc -l <flooded)" -eq 4 ]'
check_eq "for three more" "0 0 0 5" "$(tr '\n' ' ' <flooded | sed 's/ $//')"
check_exit "remove" 0 iapeer remove gina --force
check_eq "takes the memory of it along" "" "$(find "$STATE" -name 'shell-gina.*')"

e2e_end
