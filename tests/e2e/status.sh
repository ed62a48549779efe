#!/usr/bin/env bash
# What a live peer does, as others see it: each status with a program that is in it, `wait` for each of them, and how
# soon it shows.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin
need_fake

status_of() { # name: its word, then its source
	iapeer show "$1" --json >.status 2>&1
	echo "$(json status "$(sed 's/.*"status":{//' .status)") $(json source "$(sed 's/.*"status":{//' .status)")"
}
is_status() { [ "$(status_of "$1")" = "$2" ]; } # name "word source"
event() { printf '%s' "$2" | iapeer event fake --identity "fake-$1"; } # name hook's-object
hook() { event "$1" "{\"hook_event_name\":\"$2\",\"session_id\":\"s\"${3:-}}"; } # name event more
types() { # identity tmux-keys...
	local identity=$1
	shift
	tmux_of "$identity" send-keys -t "$identity:" "$@"
}
sees() { tmux_of "$1" capture-pane -p -t "$1:" 2>/dev/null | grep -q -F -e "$2"; } # identity text
is_so() { check_exit "$1: wait says so at once" 0 iapeer wait "$2" --for "$3" --timeout 0; }
is_not() { check_exit "$1: wait for $3 times out" 6 iapeer wait "$2" --for "$3" --timeout 0; }

check_exit "wait: nobody of that name" 3 iapeer wait nobody --for idle
must iapeer create bob --runtime shell
check_exit "wait: for what?" 2 iapeer wait bob
check_exit "wait: not that" 2 iapeer wait bob --for tea
is_so "asleep" bob gone
is_not "asleep" bob idle

# ---- a shell, by its terminal
must iapeer start bob --now
check_soon "a shell at its prompt is idle" 3 is_status bob "idle process"
is_so "a shell at its prompt" bob idle
is_not "a shell at its prompt" bob gone
must iapeer send bob "sleep 1.2"
check "with something in the foreground it works" is_status bob "working process"
run iapeer show bob
check_has "and show says with what" "$out" "working: sleep (process)"
run iapeer list
check_has "list says it" "$out" "shell working"
is_not "a shell that works" bob idle
check_exit "wait until it is done" 0 iapeer wait bob --for idle --timeout 10 --json
check_has "what it saw" "$out" '"reached":true'
check_eq "its state" live "$(json state)"
check "it waited for it" [ "$(json waited_ms)" -gt 200 ]
check_exit "nothing to interrupt" 0 iapeer interrupt bob --json
check_eq "and it says so" idle "$(json action)"
must iapeer send bob "sleep 60"
check_exit "interrupt a shell" 0 iapeer interrupt bob --json
check_eq "interrupted" interrupted "$(json action)"
check_exit "then it is idle" 0 iapeer wait bob --for idle --timeout 5
for builtin in 'read line' 'while :; do :; done' 'sleep 7 & wait' 'echo "no end'; do
	must iapeer send bob "$builtin"
	[ "${builtin%% *}" = echo ] || check_soon "it runs a builtin: $builtin" 3 is_status bob "working process"
	check_exit "which can be interrupted" 0 iapeer interrupt bob --json
	check_eq "and is: $builtin" interrupted "$(json action)"
	check_exit "then it is idle" 0 iapeer wait bob --for idle --timeout 5
done
must iapeer send bob "echo still here >interrupted"
check_soon "its shell goes on" 3 grep -q here "$IAPEER_ROOT/peers/bob/interrupted"
check_exit "a shell cannot compact" 5 iapeer compact bob
iapeer wait bob --for gone --timeout 10 >gone.out 2>&1 &
waiter=$!
must iapeer stop bob
check "who waits for its end is told" wait $waiter
check_has "in words" "$(cat gone.out)" "bob (shell): stopped"

# ---- a program with a composer, seen from outside
fake_peer slow "--delay-ms 1500"
check_exit "sent, not waited for" 0 iapeer send slow hello --wait accepted
check_soon "booting" 5 is_status slow "booting session"
check_soon "then it works on it" 5 is_status slow "working screen"
check_exit "one without hooks is waited for by its screen" 0 iapeer wait slow --for idle --timeout 10
check_eq "and others see it" "idle screen" "$(status_of slow)"
fake_peer long "--busy-ms 1500"
must iapeer send long "a turn of 1.5 s"
check_exit "a turn is waited for" 0 iapeer wait long --for idle --timeout 10 --json
check "to its end" [ "$(json waited_ms)" -ge 800 ]

fake_peer free ""
must iapeer start free --now
check "ready is idle" is_status free "idle screen"
is_so "idle" free idle
is_not "idle" free attention

fake_peer odd "--dialog unknown"
check_exit "an unknown question at boot" 8 iapeer send odd "hello" --timeout 0
check_exit "wait until a person is needed" 0 iapeer wait odd --for attention --timeout 15 --json
check_eq "blocked" "blocked screen" "$(status_of odd)"
check_has "by what is on its screen" "$out" "Enter to paint"
check_exit "no key for a program that starts" 6 iapeer interrupt odd
types fake-odd Enter
check_soon "answered by hand, it goes on" 10 not is_status odd "blocked screen"
is_not "answered" odd attention

# ---- what its hooks say
hook free UserPromptSubmit ',"prompt":"x"'
check_eq "a prompt taken: working" "working hook" "$(status_of free)"
is_not "working" free idle
hook free PreToolUse ',"tool_name":"Bash"'
run iapeer show free
check_has "with which tool" "$out" "Bash (hook)"
(iapeer wait free --for attention --timeout 10 --json >attention.out) &
waiter=$!
hook free PermissionRequest ',"tool_name":"Bash"'
check "who waits is told of the question" wait $waiter
check_eq "waiting" "waiting hook" "$(status_of free)"
check_has "the waiter saw it" "$(cat attention.out)" '"status":"waiting"'
is_so "waiting" free attention
hook free Stop ',"last_assistant_message":"done"'
check_eq "the turn is over: idle" "idle hook" "$(status_of free)"
check_lacks "the answer is not shown" "$(iapeer show free; iapeer list --json)" "done"
hook free StopFailure ',"error":"authentication_failed"'
check_eq "dead credentials" "auth hook" "$(status_of free)"
is_so "dead credentials" free attention
run iapeer list
check_has "list shows it" "$out" "fake auth"
hook free UserPromptSubmit ',"prompt":"x"'
check_eq "it works again" "working hook" "$(status_of free)"
decayed() { IAPEER_STATUS_DECAY_SECS=1 iapeer show "$1" --json | grep -q '"status":"unknown"'; } # name
check_soon "what is old is not believed" 5 decayed free

# ---- a runtime that keeps a status file of its own, as claude does
fake_runtime filed 's|"compact"|"data_folder": ["$FAKE_DATA", "~/.fake"], "process_file": "*.json", "compact"|'
FAKE_RUNTIME=filed fake_peer esc ""
must iapeer start esc --now
mkdir -p "$HOME/.fake"
says() { printf '{"pid":1,"status":"%s","waitingFor":"%s"}' "$1" "${2:-}" >"$HOME/.fake/x" && mv "$HOME/.fake/x" "$HOME/.fake/$(pane_of filed-esc).json"; }
filed_hook() { printf '{"hook_event_name":"%s"}' "$1" | iapeer event filed --identity filed-esc; }
filed_hook UserPromptSubmit
check_eq "a hook says working" "working hook" "$(status_of esc)"
(iapeer wait esc --for idle --timeout 10 --json >idle.out) &
waiter=$!
says idle
check "Esc by a person: its file says idle, and who waits is told" wait $waiter
check_has "by the file" "$(cat idle.out)" '"source":"file"'
says waiting "permission prompt"
check_eq "its file says waiting" "waiting file" "$(status_of esc)"
run iapeer show esc
check_has "for what" "$out" "s: permission prompt (file)"
filed_hook UserPromptSubmit
check_eq "a newer hook wins" "working hook" "$(status_of esc)"
printf 'not json' >"$HOME/.fake/$(pane_of filed-esc).json"
check_eq "a broken file says nothing" "working hook" "$(status_of esc)"

# ---- interrupt and compact
fake_peer busy "--busy-ms 60000"
must iapeer send busy "a long turn"
check_eq "it works" "working screen" "$(status_of busy)"
check_exit "interrupt it" 0 iapeer interrupt busy --json
check_eq "interrupted" interrupted "$(json action)"
check_soon "its screen says so" 3 sees fake-busy "Interrupted"
check_eq "and its status" "idle verb" "$(status_of busy)"
check_exit "twice presses no key" 0 iapeer interrupt busy --json
check_eq "nothing to interrupt" idle "$(json action)"
must iapeer start free --now
check_exit "compact" 0 iapeer compact free --json
check_eq "it does" compacting "$(json action)"
check_has "it was typed" "$(cat rec.free)" '"/compact"'
types fake-free "half a thought"
check_soon "somebody types" 3 sees fake-free "half a thought"
check_exit "compact does not type over a draft" 6 iapeer compact free
check_has "and says why" "$err" "typed into it"
check_lacks "the draft is left" "$(cat rec.free)" "half"
fake_peer deaf "--swallow-enter 3"
must iapeer start deaf --now
compacts() { exec "$IAPEER_BIN" compact deaf >/dev/null 2>&1; }
compacts &
compact=$!
check_soon "compact types" 10 sees fake-deaf "/compact"
kill -KILL $compact
wait $compact
check_exit "what it left when it was killed is no draft" 0 iapeer send deaf "and now this" --timeout 50
check_eq "it is submitted, once" 1 "$(count_lines '"/compact"' rec.deaf)"
check_has "and the message behind it" "$(tail -n 1 rec.deaf)" "and now this"
check_not "nothing is left of it" test -e "$STATE/fake-deaf.stray"
must iapeer stop free
check_exit "compact needs a live peer" 1 iapeer compact free

# ---- the owner is told, once
told() { wc -l <told 2>/dev/null | tr -d ' ' || echo 0; }
told_is() { [ "$(told)" = "$1" ]; }
touch told
fake_peer cry ""
must iapeer start cry --now
hook cry PermissionRequest ',"tool_name":"Bash"'
hook cry Stop
# shellcheck disable=SC2016
printf '{"on_attention": ["sh", "-c", "echo $IAPEER_PEER $IAPEER_RUNTIME $IAPEER_STATUS \\"$IAPEER_DETAIL\\" >>%s/told"]}\n' "$E2E_DIR" \
	>"$IAPEER_ROOT/config.json"
hook cry PermissionRequest ',"tool_name":"Bash $(touch oops)"'
check_soon "a question: the owner's command runs" 3 told_is 1
check_has "with what it must know" "$(cat told)" 'cry fake waiting Bash'
check_not "and nothing of it is a command" test -e "$IAPEER_ROOT/oops"
hook cry Notification ',"notification_type":"permission_prompt"'
must iapeer supervise --stop
must iapeer start slow --now
check_soon "another keeper" 5 has_keeper
hook cry Notification ',"notification_type":"permission_prompt"'
hook cry UserPromptSubmit ',"prompt":"x"'
hook cry PermissionRequest ',"tool_name":"Bash"'
hook cry StopFailure ',"error":"authentication_failed"'
check_soon "another need: again" 3 told_is 2
check_eq "but not twice for one, within a minute, or by another keeper" "cry fake auth auth" "$(sed -n 2p told)"
printf '{"on_attention": ["no-such-program"]}\n' >"$IAPEER_ROOT/config.json"
hook cry StopFailure ',"error":"rate_limit"'
check_soon "a command that is not there is named" 3 grep -q "no-such-program" "$LOGS/supervise.log"
printf '{"on_attention": "notify-send"}\n' >"$IAPEER_ROOT/config.json"
hook cry PermissionRequest ',"tool_name":"Edit"'
check_soon "a line in place of a list too" 3 grep -q "on_attention: expected" "$LOGS/supervise.log"
check "nobody else was told" told_is 2
rm "$IAPEER_ROOT/config.json"

# ---- how soon
fake_peer quick ""
must iapeer start quick --now
late=0
for _ in 1 2 3 4 5 6 7 8 9 10; do
	hook quick UserPromptSubmit ',"prompt":"x"'
	[ "$(status_of quick)" = "working hook" ] || late=$((late + 1))
	hook quick Stop
	[ "$(status_of quick)" = "idle hook" ] || late=$((late + 1))
done
check_eq "a change shows in the next look, twenty times" 0 "$late"
e2e_end
