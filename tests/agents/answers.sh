#!/usr/bin/env bash
# A question from a shell and the model's answer to it; and what is heard when the model does not answer any more.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
agents_begin

send() { run iapeer send "$1" "$2" --json --id "$3" "${@:4}"; }
told() { grep -q -x -F -e "$1" "$E2E_DIR/told" 2>/dev/null; } # name status
does() { [ "$(status_of "$1")" = "$2" ]; }                    # name status
# The same id again gives the receipt as it stands by now.
receipt_has() { run iapeer send "$1" again --id "$2" --json --timeout 1; case $out in *"$3"*) true ;; *) false ;; esac } # name id text

for runtime in claude codex; do
	name=an$runtime
	agent "$name" "$runtime"
	[ -e "$IAPEER_ROOT/config.json" ] ||
		printf '{"on_attention": ["sh", "-c", "echo \\"$IAPEER_PEER $IAPEER_STATUS\\" >>%s"]}\n' "$E2E_DIR/told" >"$IAPEER_ROOT/config.json"

	# ---- answers
	check_exit "$runtime: asked while it sleeps" 0 iapeer ask "$name" "a question" --timeout 30
	check_eq "$runtime: the model's answer, and nothing else" "heard: a question" "$out"
	check_exit "$runtime: asked while it lives, and after some work" 0 iapeer ask "$name" "another model:delay=1500" --timeout 30
	check_eq "$runtime: the answer to this" "heard: another model:delay=1500" "$out"
	check_exit "$runtime: an answer that comes word by word" 0 iapeer ask "$name" "model:stream=5 model:say=done" --timeout 30
	check_has "$runtime: whole" "$out" "word1 word2 word3 word4 word5 done"
	check_exit "$runtime: one that takes a tool" 0 iapeer ask "$name" 'use it: model:tool=Bash {"command":"echo from the tool","description":"say"}' --timeout 30
	[ "$runtime" = codex ] || check_has "$runtime: is the one after the tool" "$out" "tool said: from the tool"
	run iapeer read "$name"
	check_has "$runtime: read shows the last" "$out" "tool said:"
	check_soon "$runtime: then it is idle" 5 does "$name" idle

	# ---- dead credentials
	model_fails 401
	from=$(ms)
	run iapeer ask "$name" "are you there" --id "dead-$runtime" --timeout 30
	note "$runtime: dead credentials are told after $(($(ms) - from)) ms: $err"
	check_not "$runtime: dead credentials: ask fails" test "$rc" -eq 0
	check_has "$runtime: and says why" "$out$err" "auth"
	check "$runtime: within a turn's time" test "$(($(ms) - from))" -lt 15000
	check_soon "$runtime: its status is auth" 2 does "$name" auth
	check_soon "$runtime: its owner was told" 5 told "$name auth"
	check_soon "$runtime: the receipt knows it" 5 receipt_has "$name" "dead-$runtime" auth
	send "$name" "only a word" "dead2-$runtime" --wait turn --timeout 30
	check_has "$runtime: send says so too" "$out" "auth"

	# ---- and back
	model_works
	check_exit "$runtime: new credentials: it answers" 0 iapeer ask "$name" "and now" --timeout 30
	check_eq "$runtime: this" "heard: and now" "$out"
	check_soon "$runtime: and is idle" 5 does "$name" idle
	check_eq "$runtime: its owner was told once" 1 "$(grep -c -x "$name auth" "$E2E_DIR/told")"
	iapeer stop "$name" >/dev/null
done

agents_end
