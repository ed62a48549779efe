#!/usr/bin/env bash
# A turn that goes wrong without a word of a hook is seen though nobody waits for it: in its conversation's file, or on its screen
# while it tries again. Nothing is started for a turn that goes well.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin
need_fake

fake_runtime filed 's/"proof": "submitted"/"proof": "recorded", "hooks": "always", "failed_line": ["\\"type\\":\\"end\\"", "\\"error\\":\\"" ]/'
fake_runtime shown 's/"proof": "submitted"/"proof": "recorded", "hooks": "always", "retry_any": ["· retrying in"]/'
HOOK="--hook $IAPEER_ROOT/bin/iapeer"
printf '{"on_attention": ["sh", "-c", "echo \\"$IAPEER_PEER $IAPEER_STATUS\\" >>%s"]}\n' "$E2E_DIR/told" >"$IAPEER_ROOT/config.json"

does() { case "$(iapeer show "$1" --json)" in *"\"status\":{\"status\":\"$2\""*) true ;; *) false ;; esac } # name status
told() { grep -q -x -F -e "$1" "$E2E_DIR/told" 2>/dev/null; }
receipt_says() { grep -h "id=$1 " "$LOGS/delivery.log" | tail -n 1 | grep -q -F -e "$2"; } # id text
says() { printf '%s\n' "$1" >>"$E2E_DIR/file.jsonl"; }
reports() { grep -c "$1" "$STATE/shown-bob.reports"; }

# ---- in its conversation's file
export FAKE_RUNTIME=filed
echo '{"type":"end","error":"401 of an earlier day"}' >"$E2E_DIR/file.jsonl"
fake_peer ann "$HOOK --busy-ms 60000 --transcript $E2E_DIR/file.jsonl"
must iapeer send ann "one" --id a-1
check_soon "a turn runs" 5 does ann working
says '{"type":"end","last":"fine"}'
printf '{"type":"end","error":"401 dead' >>"$E2E_DIR/file.jsonl"
check "what is still being written is not read" does ann working
says '"}'
check_soon "its credentials are dead, and nobody waited" 5 does ann auth
check_soon "its owner was told" 5 told "ann auth"
check_soon "the receipt says so" 5 receipt_says a-1 'reason="its turn failed: auth: 401 dead"'
check_lacks "an earlier day's failure is not this turn's" "$(cat "$STATE/filed-ann.reports")" "earlier day"

# ---- on its screen
export FAKE_RUNTIME=shown
fake_peer bob "$HOOK --busy-ms 60000"
must iapeer send bob "one" --id b-1
check_soon "a turn runs" 5 does bob working
paint() { # text: into the line above the composer, as the program would
	local row
	row=$(tmux_of shown-bob capture-pane -p -t shown-bob: | grep -n '^────' | head -n 1 | cut -d: -f1)
	printf '\0337\033[%d;1H\033[K%s\0338' $((row - 1)) "$1" >"$(tmux_of shown-bob display-message -p -t shown-bob: '#{pane_tty}')"
}
paint "* working along"
check "nothing is looked at while nothing is wrong" does bob working
paint "* 529 busy · retrying in 1s"
check_soon "it tries again" 5 grep -q '"detail":"overload"' "$STATE/shown-bob.reports"
check "that is still work" does bob working
paint "* 401 no key · retrying in 2s"
check_soon "its credentials are dead" 8 does bob auth
check_soon "its owner was told" 5 told "bob auth"
run iapeer send bob "two" --id b-2 --wait turn --timeout 1
check_has "who waits for the turn is told" "$err" "it is auth"
check "what is queued meanwhile changes nothing" does bob auth
paint "* working along again"
check_soon "the turn goes on" 8 does bob working
check_eq "each reason was reported once" "1 1" "$(reports '"detail":"overload"') $(reports '"detail":"auth"')"

e2e_end
