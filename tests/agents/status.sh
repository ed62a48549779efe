#!/usr/bin/env bash
# What list says of a real program is so in the moment in which it becomes so: by an event, not by a look now and then. How
# long it took is printed: some milliseconds; of the dead credentials of codex it comes 0.2 s behind the screen.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
agents_begin

send() { run iapeer send "$1" "$2" --json --id "$3" "${@:4}"; }
LATE_MS=0 # of the last check
RIGHT_MS=1000 # a look now and then takes up to 60 s

# The status is right $RIGHT_MS after something has been seen of the program from outside of iapeer.
check_right() { # what name status seconds condition...
	local what=$1 name=$2 want=$3 seconds=$4 from
	shift 4
	wait_for "$seconds" "$@" || { fail "$what" "it never came so far: $*"; return; }
	from=$(ms)
	until [ "$(status_of "$name")" = "$want" ]; do
		[ $(($(ms) - from)) -lt 3000 ] || break
	done
	LATE_MS=$(($(ms) - from))
	note "$what: $want after $LATE_MS ms"
	if [ "$(status_of "$name")" != "$want" ]; then
		fail "$what: $want" "it is: $(iapeer list --json)"
	elif [ "$LATE_MS" -gt "$RIGHT_MS" ]; then
		fail "$what: within $RIGHT_MS ms" "$LATE_MS ms"
	else pass "$what: $want"; fi
}
asked_with() { was_asked "r.ids.includes('$1')"; }
turn_over() { screen_of "$1" | grep -q -E 'done [0-9]|Worked for'; } # identity

for runtime in claude codex; do
	name=st$runtime identity=$runtime-st$runtime
	agent "$name" "$runtime"
	iapeer start "$name" --now >/dev/null 2>&1 &
	check_right "$runtime: its server is there" "$name" booting 10 is_live "$identity"
	wait $!
	check_right "$runtime: started" "$name" idle 20 true
	send "$name" "work model:delay=3000" "work-$runtime" --wait accepted
	check_right "$runtime: the model is asked" "$name" working 10 asked_with "work-$runtime"
	check_right "$runtime: its turn has ended" "$name" idle 10 turn_over "$identity"
	check_exit "$runtime: wait for idle returns at once" 0 iapeer wait "$name" --for idle --timeout 1
	model_fails 401
	iapeer send "$name" "dead" --id "dead-$runtime" >/dev/null 2>&1 &
	check_right "$runtime: its credentials are dead" "$name" auth 10 eval "sees $identity 'Invalid API key' || sees $identity '401 Unauthorized'"
	check_exit "$runtime: wait for attention returns at once" 0 iapeer wait "$name" --for attention --timeout 1
	wait $!
	model_works
	iapeer stop "$name" >/dev/null
done

# ---- a permission question
mkdir "$E2E_DIR/w"
home_trusts "$E2E_DIR/w"
must iapeer create asks --runtime claude --workdir "$E2E_DIR/w"
launch_env asks claude "PEER_START_ARGS=--permission-mode default"
send asks 'run model:tool=Bash {"command":"curl http://127.0.0.1/","description":"fetch"}' asks --wait accepted
check_right "claude asks for a permission" asks waiting 20 sees claude-asks "Do you want to proceed?"
types claude-asks Escape
check_right "answered with no" asks idle 10 sees claude-asks "Interrupted"
iapeer stop asks >/dev/null

# ---- a question at its start that its manifest knows nothing of but its last line
mkdir -p "$IAPEER_ROOT/runtimes/claude" "$E2E_DIR/w2"
echo '{"format": 1, "dialogs": [{"name": "confirm", "when": ["Enter to confirm", "Esc to cancel"], "advice": "look"}]}' >"$IAPEER_ROOT/runtimes/claude/runtime.json"
must iapeer create odd --runtime claude --workdir "$E2E_DIR/w2"
iapeer start odd --now >/dev/null 2>&1 &
check_right "claude asks something that is not known" odd blocked 20 sees claude-odd "Enter to confirm"
iapeer stop odd >/dev/null
wait $!

agents_end
