#!/usr/bin/env bash
# A conversation comes back by its own id: after a park, after kill -9 of the server, with others at work in the same folder;
# and not where somebody else has it open. What the model is asked with is what counts.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
agents_begin

send() { run iapeer send "$1" "$2" --json --id "$3" "${@:4}"; }
said_to_model() { was_asked "r.ids.includes('$1')"; } # id
told_prompt() { last_asked "String(r.system.includes('$1'))" "r.ids.includes('$2')"; }
started_as() { # name runtime fresh|resume text
	check_eq "$1: $4" "$3" "$(json mode)"
}
reported() { grep -q '"kind":"turn"' "$STATE/$1.reports" 2>/dev/null; }
conversation() { # identity: what its program says it is in
	sed -n 's/.*"kind":"taken".*"conversation":"\([^"]*\)".*/\1/p' "$STATE/$1.reports" | tail -n 1
}
is_in() { [ "$(conversation "$1")" = "$2" ]; } # identity id
by_hand() { # runtime id
	case $1 in
	claude) echo "env CLAUDE_CODE_SANDBOXED=1 claude --resume $2" ;;
	codex) echo "codex resume $2 --no-daemon --no-alt-screen" ;;
	esac
}
someone_else() { # runtime: a conversation of its own, in the same folder
	case $1 in
	claude) with_model CLAUDE_CODE_SANDBOXED=1 claude -p "somebody else was here" ;;
	codex) with_model codex exec --skip-git-repo-check "somebody else was here" ;;
	esac >/dev/null 2>&1 </dev/null
}

mkdir -p "$IAPEER_ROOT"
for runtime in claude codex; do
	name=peer$runtime id=$runtime-$name folder="$E2E_DIR/$runtime b'\"\$(touch x)"
	mkdir "$folder"
	agent "$name" "$runtime" --path "$folder"
	echo "The word of the day is XYZZY." >"$IAPEER_ROOT/IAPEER.md"

	send "$name" "the first" "$name-1"
	started_as "$name" "$runtime" fresh "first wake"
	check_soon "$name: the model was asked" 5 said_to_model "$name-1"
	check_eq "$name: with the doctrine" true "$(told_prompt XYZZY "$name-1")"
	check_soon "$name: its turn was reported" 5 reported "$id"
	first=$(conversation "$id")
	check "$name: by a conversation's id" test -n "$first"

	(cd "$folder" && someone_else "$runtime")
	must iapeer stop "$name"
	must iapeer start "$name"
	send "$name" "the second" "$name-2"
	started_as "$name" "$runtime" resume "parked, and somebody else at work there"
	check_soon "$name: the model was asked" 5 said_to_model "$name-2"
	check_eq "$name: with what was said before" true "$(last_asked "String(r.ids.includes('$name-1'))" "r.ids.includes('$name-2')")"
	check_soon "$name: the same conversation" 5 is_in "$id" "$first"

	kill -KILL "$(session_of "$id")"
	echo "The word of the day is PLUGH." >"$IAPEER_ROOT/IAPEER.md"
	send "$name" "the third" "$name-3"
	started_as "$name" "$runtime" resume "kill -9 of its server"
	check_soon "$name: the model was asked" 5 said_to_model "$name-3"
	check_eq "$name: with all that was said" true "$(last_asked "String(r.ids.includes('$name-1') && r.ids.includes('$name-2'))" "r.ids.includes('$name-3')")"
	check_eq "$name: and the doctrine of today" true "$(told_prompt PLUGH "$name-3")"
	check_soon "$name: the same conversation" 5 is_in "$id" "$first"

	must iapeer stop "$name"
	must iapeer start "$name"
	# shellcheck disable=SC2046 # words of a command
	tmux -f /dev/null -S "$E2E_DIR/person.sock" new-session -d -s person -x 120 -y 40 -c "$folder" "env $(model_environment | tr '\n' ' ') $(by_hand "$runtime" "$first")"
	check_soon "$name: a person opens it by hand" 10 eval 'tmux -S "$E2E_DIR/person.sock" capture-pane -p -t person | grep -q -F "the third"'
	send "$name" "the fourth" "$name-4"
	started_as "$name" "$runtime" fresh "open elsewhere"
	check_has "$name: and why is on record" "$(grep ev=wake "$LOGS/lifecycle.log" | tail -n 1)" "has it open"
	check_soon "$name: the model was asked" 5 said_to_model "$name-4"
	check_eq "$name: with nothing of the old" false "$(last_asked "String(r.ids.includes('$name-1'))" "r.ids.includes('$name-4')")"
	tmux -S "$E2E_DIR/person.sock" kill-server
	check_not "$name: no path was run by a shell" test -e "$folder/x" -o -e "$HOME/x"
done
agents_end
