#!/usr/bin/env bash
# What others wrote (a description, a message, an answer, a file's name, the screen of a program, a journal that somebody edited)
# cannot drive the terminal of who looks at it: no verb prints its control characters on a terminal, and none but `read` and `ask` into
# a pipe.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin
need_fake
need_proc # for grep -P and script -c, which macOS has not
command -v script >/dev/null || skip "no script(1)"

# A title, a colour, a C1 CSI, an override of the reading direction, a return to the line's begin; and as valid JSON.
hostile=$'A\e]0;pwn\aB\e[31mC\xc2\x9b2JD\xe2\x80\xaeE\rF\x7fG'
hostile_json='A\u001b]0;pwn\u0007B\u001b[31mC\u009b2JD\u202eE\rF\u007fG'

# Anything that is none: controls but for newlines and tabs, C1, what turns the direction. Bytes, so that nothing hides.
wild='[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]'
tame() { # name file
	if LC_ALL=C grep -aqP "$wild" "$2"; then
		fail "$1" "$(LC_ALL=C grep -aP "$wild" "$2" | cat -v | head -5)"
	else
		pass "$1"
	fi
}

# On a terminal, lines end in \r\n, and the colours are ours.
on_terminal() { # words...
	local words
	printf -v words ' %q' "$@"
	TERM=xterm COLUMNS=200 script -qec "$IAPEER_BIN$words" /dev/null </dev/null 2>&1 |
		LC_ALL=C sed $'s/\r*$//; s/\e\\[[0-9;]*m//g' >"$E2E_DIR/tty"
}

looks() { # words...
	on_terminal "$@"
	check "$*: prints something" test -s "$E2E_DIR/tty"
	tame "$*: on a terminal" "$E2E_DIR/tty"
	[ "$1" != read ] || return 0 # a peer's words, for a program: as they are
	"$IAPEER_BIN" "$@" >"$E2E_DIR/pipe" 2>&1 </dev/null
	tame "$*: into a pipe" "$E2E_DIR/pipe"
}

must iapeer create bob --runtime shell --description "$hostile"
must iapeer send bob "printf 'a\\033[31mb\\302\\2332Jc'"
must iapeer send bob "$hostile"
fake_peer odd "--dialog unknown" --description "$hostile"
file=$E2E_DIR/${hostile//$'\r'/}
touch "$file"
must iapeer send odd "$hostile" --wait accepted --attachment "$file" --topic "t"
fake_peer free ""
must iapeer start free --now
printf '{"hook_event_name":"Stop","session_id":"s","last_assistant_message":"%s"}' "$hostile_json" |
	iapeer event fake --identity fake-free
printf '{"hook_event_name":"PermissionRequest","session_id":"s","tool_name":"%s"}' "$hostile_json" |
	iapeer event fake --identity fake-free
check_soon "one waits for a person" 10 iapeer wait odd --for attention --timeout 0

# As after somebody wrote into the journals by hand.
printf 'ts=2026-01-01T00:00:00.000+00:00 ev=wake identity=shell-bob mode=fresh cause="%s"\n' "$hostile" >>"$LOGS/lifecycle.log"
printf 'ts=2026-01-01T00:00:00.000+00:00 ev=server-exit identity=shell-bob cause=sigkill asker="%s" death_id=1-2\n' "$hostile" \
	>>"$LOGS/exits.log"

for words in list "list --json" "show bob" "show free" "show free --json" "why bob" "why bob --since 3000d" deaths "logs bob" "events" \
	"read bob" "read bob --last 10" "read bob --screen" "queue odd" "queue odd --json" "wait odd --for idle --timeout 0" doctor; do
	# shellcheck disable=SC2086
	looks $words
done
looks read free
check_has "an answer is there, made visible" "$(cat "$E2E_DIR/tty")" 'B\x1b[31mC\x9b2JD\u202eE'

# ---- words that somebody typed or pasted come back in an error
for words in "show $hostile" "send $hostile x" "create $hostile" "$hostile" "list --state $hostile" "list @$hostile" \
	"stop bob $hostile" "set bob $hostile=1" "set bob tags=$hostile" "queue bob drop $hostile" "logs --since $hostile" \
	"create x --runtime $hostile" "create x --path /$hostile" "completion $hostile" "help $hostile" "send bob --id $hostile x" \
	"send bob --from $hostile x" "supervise --print $hostile"; do
	# shellcheck disable=SC2086
	IFS=' ' on_terminal $words
	tame "${words%%$'\e'*}: on a terminal" "$E2E_DIR/tty"
done
e2e_end
