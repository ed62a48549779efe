#!/usr/bin/env bash
# A question stands in the way of a message; an Enter is lost.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
agents_begin

send() { run iapeer send "$1" "$2" --json --id "$3" "${@:4}"; }
said_to_model() { was_asked "r.ids.includes('$1')"; } # id
at_once() { check_eq "$1: delivered" delivered "$(json status)"; }

# ---- claude asks before it runs a command: nobody gave this one the permission to do without
mkdir "$E2E_DIR/w"
home_trusts "$E2E_DIR/w"
must iapeer create cl --runtime claude --workdir "$E2E_DIR/w"
agents_environment
launch_env cl claude "PEER_START_ARGS=--permission-mode default"
send cl 'run model:tool=Bash {"command":"curl http://127.0.0.1/","description":"fetch"}' asks
at_once "a message that leads to a question"
check_soon "claude asks for a permission" 10 sees claude-cl "Do you want to proceed?"
send cl "behind the question" behind --timeout 2
check_eq "a question in the way: the message waits" "8 queued accepted" "$rc $(json status) $(json rung)"
check_has "and the sender is told for what" "$(json reason)" "permission"
run iapeer send cl "behind the question, for a person" --timeout 1 --id told
check_eq "told in words too" 8 "$rc"
check_has "with the question's name" "$out$err" "permission"
check "the question still stands" sees claude-cl "Do you want to proceed?"
check_not "the model has not seen it" said_to_model behind
types claude-cl Escape
check_soon "answered with no: it is delivered" 20 said_to_model behind
check_soon "and what came after it" 20 said_to_model told
check_eq "in order" "asks behind told" "$(last_asked 'r.ids.join(" ")')"
iapeer stop cl >/dev/null

# ---- its own way of going without questions, and no server behind it that could look after it
mkdir "$E2E_DIR/w2"
home_trusts "$E2E_DIR/w2"
must iapeer create auto --runtime claude --workdir "$E2E_DIR/w2"
send auto 'run model:tool=Bash {"command":"curl http://127.0.0.1/","description":"fetch"}' auto
at_once "a message that leads to another question"
check_soon "auto mode asks what to do" 10 sees claude-auto "Auto mode can't check actions"
send auto "behind it" auto-behind --timeout 2
check_eq "the message waits" "8 queued" "$rc $(json status)"
check_has "for this question" "$(json reason)" "auto-mode"
types claude-auto Escape
check_soon "answered: it is delivered" 20 said_to_model auto-behind
iapeer stop auto >/dev/null

# ---- the first Enter is lost, as it is when it comes too early
lossy=$E2E_DIR/tmux
cat >"$lossy" <<SH
#!/bin/sh
case "\$*" in
*send-keys*Enter*) if rm "$E2E_DIR/lose" 2>/dev/null; then touch "$E2E_DIR/lost"; exit 0; fi ;;
esac
exec $(command -v tmux) "\$@"
SH
chmod +x "$lossy"
must iapeer supervise --stop
for runtime in claude codex; do
	rm -f "$E2E_DIR/lost"
	touch "$E2E_DIR/lose"
	export IAPEER_TMUX_BIN=$lossy
	agent "early$runtime" "$runtime"
	send "early$runtime" "an Enter too early" "early-$runtime"
	check "$runtime: the first Enter at boot was lost" test -e "$E2E_DIR/lost"
	at_once "$runtime: repaired, and"
	check_soon "$runtime: the model has it" 5 said_to_model "early-$runtime"
	check_eq "$runtime: once" 1 "$(last_asked "r.ids.filter((id) => id === 'early-$runtime').length")"
	iapeer stop "early$runtime" >/dev/null
done
unset IAPEER_TMUX_BIN

agents_end
