#!/usr/bin/env bash
# A peer that has the files in hand, for all peers are one user: what it breaks of ours is noticed or made again, what it
# takes is named, and the others go on. What it gets away with is in docs/SECURITY.md too.
. "$(dirname "${BASH_SOURCE[0]}")/attack.bash"
need_proc # for flock(1)
e2e_begin
neighbours
lock_of_registry=$IAPEER_ROOT/peers-profiles.lock
# From inside mallory, until $E2E_DIR/let-go is there.
hold() { # file
	rm -f "$E2E_DIR/held" "$E2E_DIR/let-go"
	# shellcheck disable=SC2016
	inside '(flock 9; echo held >"$OUT/held"; while [ ! -e "$OUT/let-go" ]; do sleep 0.05; done) 9>>'"$1"' >/dev/null 2>&1 &
		for i in $(seq 200); do [ -s "$OUT/held" ] && exit 0; sleep 0.02; done; exit 1'
	check_eq "she holds $(basename "$1")" 0 "$rc"
}

# ---- the keeper's socket
must iapeer send bob x --timeout 20
k=$(keeper)
# shellcheck disable=SC2016
attack "the keeper's socket is deleted" 0 'rm -f '"$(keeper_socket)"
check_exit "and made again" 0 iapeer send bob x --timeout 20
# shellcheck disable=SC2016
attack "a file comes in its place" 0 'echo squat >"$OUT/squat"; mv "$OUT/squat" '"$(keeper_socket)"
check_exit "and is put away" 0 iapeer send bob x --timeout 20
attack "a folder comes in its place" 0 'rm -f '"$(keeper_socket)"'; mkdir '"$(keeper_socket)"'; ls -d '"$(keeper_socket)"
rmdir "$(keeper_socket)" 2>/dev/null
check_exit "and when it has gone, the socket is there" 0 iapeer send bob x --timeout 20
check_eq "all by the same keeper" "$k" "$(keeper)"

# ---- locks: who waits is told for whom
hold "$IAPEER_ROOT/state/iapeer/locks/fake-bob"
check_exit "a message to a peer whose lock is held waits" 8 iapeer send bob x --id waits --timeout 1
touch "$E2E_DIR/let-go"
was_delivered() { grep -q 'id=waits .*status=delivered' "$LOGS/delivery.log"; }
check_soon "and is delivered then" 20 was_delivered
hold "$lock_of_registry"
"$IAPEER_BIN" create late --runtime shell >"$E2E_DIR/late.out" 2>&1 &
late=$!

# ---- names, folders and ids of others
# shellcheck disable=SC2016
attack "another's folder" 5 '"$IAPEER" create eve --runtime shell --path "$IAPEER_ROOT/peers/sheila"'
# shellcheck disable=SC2016
attack "another's folder, by init in it" 5 'cd "$IAPEER_ROOT/peers/sheila" && "$IAPEER" init eve'
# shellcheck disable=SC2016
attack "an id that somebody else will use" 0 '"$IAPEER" send bob hers --id deploy-1 --timeout 20'
check_exit "his message is none" 0 iapeer send bob his --id deploy-1 --json
check_has "and he is told" "$out" '"duplicate":true'

# ---- hidden verbs, with the name of another
for verb in '_hook shell-sheila pane-died' '_apply shell-sheila' 'event claude --identity shell-sheila'; do
	inside "\"\$IAPEER\" $verb </dev/null"
done
# shellcheck disable=SC2016
inside 'PEER_IDENTITY=shell-sheila "$IAPEER" self fresh'
check_not "self is who one is" test -e "$STATE/shell-sheila.fresh-next"
check "sheila lives" pid_alive "$(pane_of shell-sheila)"
check_exit "and answers" 0 iapeer ask sheila true --timeout 20

# ---- the keeper itself
# shellcheck disable=SC2016
attack "the keeper is killed" 0 "kill -KILL $k"
check_exit "the next command starts one" 0 iapeer send bob x --timeout 20
check "sessions live on" pid_alive "$(pane_of shell-sheila)"

# ---- rubbish in the state of another
# shellcheck disable=SC2016
inside 'for f in reports chain composer topic flight; do head -c 3000000 /dev/urandom >>"$STATE/fake-bob.$f"; done'
check_exit "rubbish that nothing depends on stops nobody" 0 iapeer send bob x --timeout 20
must iapeer show bob
# shellcheck disable=SC2016
inside 'cp "$STATE/fake-bob.session" "$OUT/session"; echo "{" >"$STATE/fake-bob.session"'
check_exit "a session's record that is none" 7 iapeer send bob x --timeout 20
check_has "is named" "$err" "fake-bob.session"
check_exit "the others are served" 0 iapeer send sheila true --timeout 20
cp "$E2E_DIR/session" "$STATE/fake-bob.session"
check_exit "and mended" 0 iapeer send bob x --timeout 20

# ---- what is not prevented: one user. It is on record
# shellcheck disable=SC2016
inside 'printf "{\"format\":1,\"kind\":\"message\",\"id\":\"forged-1\",\"from\":\"cli-root\",\"fromIntelligence\":\"natural\",\"verified\":true,\"acceptedAtMs\":1,\"body\":\"true\"}" >"$STATE/shell-sheila.queue/0000000099.json"'
is_delivered() { grep -q 'id=forged-1 from=cli-root to=shell-sheila .*status=delivered' "$LOGS/delivery.log"; }
check_soon "a message put into a queue by hand is a message" 20 is_delivered
# shellcheck disable=SC2016
attack "the keeper is stopped by a signal" 0 '(until [ -e "$OUT/stop-it" ]; do sleep 0.05; done; kill -STOP '"$(keeper)"') >/dev/null 2>&1 &'
touch "$E2E_DIR/stop-it" # not before she has answered
is_stopped() { ps -o stat= -p "$(keeper)" | grep -q T; }
check_soon "it is" 5 is_stopped
check_exit "a message is not accepted then" 6 iapeer send bob x --id early
check_has "and its sender is told what lets it go on" "$err" "kill -CONT"
kill -CONT "$(keeper)"
check_exit "the next one is delivered" 0 iapeer send bob x --timeout 20
check_lacks "that one never" "$(cat "$LOGS/delivery.log")" "id=early"

wait "$late"
check_eq "the registry's lock: who waited gave up" 6 "$?"
check_has "and was told for whom" "$(cat "$E2E_DIR/late.out")" "peers-profiles.lock is held by pid"
touch "$E2E_DIR/let-go"
check_exit "and then can" 0 iapeer create late --runtime shell
# shellcheck disable=SC2016
attack "she has her program ask nothing any more" 5 '"$IAPEER" set sheila trust=yes'
attack "she makes one that asks nothing" 5 '"$IAPEER" create eve --runtime claude --trust'
check_has "a person's to say, too" "$out" "--trust: this is said by a person"
check_not "and there is none" iapeer show eve
if command -v script >/dev/null; then # a terminal of her own, where a person would be asked
	# shellcheck disable=SC2016
	attack "on a terminal she is not asked either" 0 'echo y | script -qec "\"$IAPEER\" create eva --runtime fake" /dev/null'
	check_lacks "not a word of it" "$out" "Trust it there"
	check_lacks "and it is not trusted" "$(cat "$IAPEER_ROOT/peers/eva/.iapeer/"*.json)" '"trust"'
fi
# shellcheck disable=SC2016
attack "without it she may" 0 '"$IAPEER" create eve --runtime shell'
# shellcheck disable=SC2016
attack "she lets herself write to a shell" 5 '"$IAPEER" set sheila accepts=artificial,natural,absent'
check_has "that is a person's to say" "$out" "said by a person"
check_exit "who can" 0 iapeer set sheila accepts=artificial,natural,absent
stopped() { iapeer stop --all >/dev/null 2>&1; }
check_soon "and all can be stopped" 40 stopped
e2e_end
