#!/usr/bin/env bash
# `events`: one stream of what happens, merged by time, as lines of JSON, across rotation, and without a word of what
# was said.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin
need_fake

hook() { printf '{"hook_event_name":"%s"%s}' "$2" "${3:-}" | iapeer event fake --identity "fake-$1"; } # name event more
streams() { grep -q -e "$1" stream 2>/dev/null; } # pattern
lines_valid() { # file: is every line of it an object?
	local line
	while IFS= read -r line; do
		printf '%s' "$line" >.line
		json_valid .line || return 1
	done <"$1"
}
dead() { ! pid_alive "$1"; }

fake_peer bob ""
check_exit "nothing happened yet" 0 iapeer events
check_exit "nobody of that name" 3 iapeer events nobody
check_exit "what is no name" 2 iapeer events Bob!
must iapeer send bob "the secret word"
check_exit "what happened" 0 iapeer events --json
printf '%s\n' "$out" >all
check "is one object a line" lines_valid all
check_has "its wake" "$out" '"event":"wake","identity":"fake-bob","mode":"fresh"'
check_has "its delivery" "$out" '"status":"delivered"'
check_has "what was seen of it" "$out" '"event":"status","identity":"fake-bob","status":"working"'
check_lacks "and not what it was sent" "$out" "secret"
check_eq "in order" "$out" "$(printf '%s\n' "$out" | sort -s -t'"' -k4,4)"
check_eq "the last two" 2 "$(iapeer events --last 2 | wc -l | tr -d ' ')"
run iapeer events bob
check_has "for people too" "$out" "fake-bob"

"$IAPEER_BIN" events -f --json --last 0 >stream 2>stream.err &
follower=$!
E2E_OWNED+=("$follower")
fake_peer eve ""
check_soon "the follower runs" 5 test -e stream
must iapeer start eve --now
check_soon "a wake is streamed" 5 streams '"event":"wake","identity":"fake-eve"'
hook eve PermissionRequest ',"tool_name":"Bash"'
check_soon "a question, from a peer that is new to it" 2 streams '"identity":"fake-eve","status":"waiting","report":"asks","source":"hook","detail":"Bash"'
hook eve Stop ',"last_assistant_message":"the secret answer"'
check_soon "the end of a turn" 2 streams '"status":"idle","report":"turn"'
check_lacks "without what was answered" "$(cat stream)" "secret"
mv "$LOGS/lifecycle.log" "$LOGS/lifecycle.log.1"
mv "$LOGS/delivery.log" "$LOGS/delivery.log.1"
must iapeer send eve "another message" --id after-rotation
check_soon "a journal that was rotated goes on" 5 streams '"id":"after-rotation".*"status":"delivered"'
must iapeer stop eve
check_soon "a park" 5 streams '"event":"action","identity":"fake-eve","action":"parked"'
kill -KILL "$(pane_of fake-bob)"
check_soon "a death" 5 streams '"event":"death","class":"session-gone","identity":"fake-bob"'
check "every line is whole and valid" lines_valid stream
check_eq "nothing twice" "$(grep -c '"id":"after-rotation".*"status":"delivered"' stream)" 1
ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat" 2>/dev/null || echo 0; }
before=$(ticks $follower)
check_not "it sleeps meanwhile" wait_for 1 false
check_eq "without using the processor" "$before" "$(ticks $follower)"
kill -TERM $follower
check_soon "it ends when told" 3 dead $follower
check_eq "with nothing to say" "" "$(cat stream.err)"

mkfifo pipe
"$IAPEER_BIN" events -f --json bob >pipe 2>pipe.err &
follower=$!
E2E_OWNED+=("$follower")
head -n 1 pipe >first
check_soon "it ends when nobody reads, though nothing happens" 3 dead $follower
check_eq "and calls that no error" "" "$(cat pipe.err)"
check_has "the first line was read" "$(cat first)" '"identity":"fake-bob"'
e2e_end
