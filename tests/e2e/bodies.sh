#!/usr/bin/env bash
# Whatever a message holds arrives as text and runs nothing beyond itself; what is refused starts nothing; a person's
# draft is never lost and never submitted together with a message.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin

repeat() { # count text
	local s
	s=$(printf "%$1s" '')
	printf '%s' "${s// /$2}"
}
delivered_times() { [ "$(count_lines "id=$1 .*status=delivered" "$LOGS/delivery.log")" = "$2" ]; }

# ---- refused before anything starts
must iapeer create bob --runtime shell
repeat 16001 x >long
printf 'bad \377 byte' >bad-utf8
printf 'a\0b' >nul
printf '%s\n' "caf$(printf '\303\251')" >good
refused() { # what send-options...
	local what=$1
	shift
	check_exit "refused: $what" 2 iapeer send bob "$@" --json
	check_eq "refused: $what: status" refused "$(json status)"
}
refused "16,001 characters" --message-file long
check_has "with both numbers" "$(json message)" "16001"
refused "bad UTF-8" --message-file bad-utf8
refused "a NUL" --message-file nul
refused "an empty message" ""
refused "only blanks" "   "
refused "a missing attachment" hello --attachment "$E2E_DIR/none"
refused "a folder as attachment" hello --attachment "$E2E_DIR"
refused "a missing file" --message-file "$E2E_DIR/none"
refused "a topic of 201 characters" hello --topic "$(repeat 201 t)"
many=
for _ in $(seq 1 21); do many="$many --attachment good"; done
# shellcheck disable=SC2086
refused "21 attachments" hello $many
check "no keeper" no_keeper
check_not "no server" test -e "$(socket_of shell-bob)"
check "no queue file" queue_empty shell-bob
check_not "no log of a delivery" test -e "$LOGS/delivery.log"

# ---- to a program with a composer, byte by byte
fake_runtime bare 's/"envelope": "iap"/"envelope": "bare"/'
FAKE_RUNTIME=bare fake_peer carol "--raw $E2E_DIR/raw"
must iapeer start carol --now
wait_for 5 test -e raw
n=0
arrives() { # what body wanted: both printf formats; wanted may be left out
	local what=$1 body=$2 want=${3-$2}
	n=$((n + 1))
	# shellcheck disable=SC2059
	printf -- "$body" >body
	# shellcheck disable=SC2059
	{ printf '\033[200~'; printf -- "$want"; printf '\033[201~\r'; } >wanted
	: >raw
	check_exit "$what: sent" 0 iapeer send carol --message-file body --id "c-$n" --json
	check_eq "$what: delivered" "delivered submitted" "$(json status) $(json rung)"
	# The Enter may be seen a moment after the composer has been seen empty, never more than that.
	wait_for 2 cmp -s raw wanted
	if cmp -s raw wanted; then pass "$what: arrives as it is"; else fail "$what: arrives as it is" "$(cmp raw wanted 2>&1; tail -c 300 raw | od -c | tail -8)"; fi
}
arrives "the end of a paste" 'a\033[201~\025touch pwned\015b' 'a\357\277\275[201~\357\277\275touch pwned\nb'
arrives "control characters" 'x\001\002\003\004\007\010\013\014\016\032\033\034\037\177y' "x$(repeat 14 '\357\277\275')y"
arrives "C1 controls" 'x\302\200\302\205\302\233201~y' 'x\357\277\275\357\277\275\357\277\275201~y'
arrives "CRLF and CR" 'one\r\ntwo\rthree\n\nfour' 'one\ntwo\nthree\n\nfour'
arrives "newlines at the end" 'one\n\n\n' 'one'
arrives "a tab" 'a\tb\t'
arrives "]]>" 'x]]>y]]]]>'
# shellcheck disable=SC2016
arrives "what a shell would run" '$(touch pwned) `touch pwned` ; touch pwned && "\047" # !! #{pid} %%s \\\\n'
arrives "a leading dash" '-rf --help -- -'
arrives "emoji and more" '\360\237\221\251\360\237\217\275\342\200\215\360\237\224\254 \320\235\320\276\320\262\320\260 \346\274\242\345\255\227 e\314\201'
arrives "16,000 characters in one line" "$(repeat 16000 x)"
arrives "16,000 characters of four bytes" "$(repeat 16000 '\360\237\230\200')"
arrives "16,000 characters in many lines" "$(repeat 200 "$(repeat 79 y)\n")" "$(repeat 199 "$(repeat 79 y)\n")$(repeat 79 y)"
arrives "300 lines" "$(repeat 300 'line of text\n')last"
arrives "a semicolon at the end" 'echo x;'
check_not "nothing was run" test -e "$IAPEER_ROOT/peers/carol/pwned"

# ---- in an envelope, which the body cannot close
fake_peer dora ""
printf 'hello' >attached
check_exit "with attachment and topic" 0 iapeer send dora 'x]]></message></iap>y' --attachment attached --topic "a <topic> & \"more\"" --id e-1
check_soon "arrives" 3 test -s rec.dora
text=$(cat rec.dora)
check_has "its sender" "$text" 'from-runtime=\"cli\" from-intelligence=\"natural\"'
check_has "its id" "$text" 'id=\"e-1\"'
check_has "its attachment" "$text" "<attachments><![CDATA[$E2E_DIR/attached]]></attachments>"
check_has "its body" "$text" '<message><![CDATA[x]]]]><![CDATA[></message></iap>y]]></message>'
check_lacks "a topic that closes nothing" "$text" 'topic=\"a <topic>'

# ---- to a shell
heredoc() { # what body(printf format)
	local what=$1
	# shellcheck disable=SC2059
	printf -- "$2" >body
	rm -f got
	{
		printf "cat >'%s' <<'END-OF-IT'\n" "$E2E_DIR/got"
		cat body
		printf '\nEND-OF-IT\n'
	} >message
	printf '\n' >>body # the document's own last newline
	check_exit "shell: $what" 0 iapeer ask bob --message-file message --timeout 20
	if cmp -s body got; then pass "shell: $what: the same bytes"; else fail "shell: $what: the same bytes" "$(cmp body got 2>&1)"; fi
}
# shellcheck disable=SC2016
heredoc "what a shell would run elsewhere" '$(touch pwned) `touch pwned`; touch pwned !! ]]> -n'
heredoc "tabs" 'a\tb\n\tc\t\t'
heredoc "emoji" '\360\237\221\251\360\237\217\275\342\200\215\360\237\224\254 \320\235\320\276\320\262\320\260'
heredoc "300 lines" "$(repeat 300 'a line of text\n')last"
heredoc "15,900 characters in one line" "$(repeat 15900 z)"
heredoc "15,900 characters in many lines" "$(repeat 150 "$(repeat 105 w)\n")end"
check_exit "shell: the end of a paste" 0 iapeer ask bob ": '$(printf 'a\033[201~;touch pwned\rtouch pwned\r')'" --timeout 20
check_not "nothing was run" test -e "$IAPEER_ROOT/peers/bob/pwned"
check_exit "shell: a leading dash" 0 iapeer ask bob -- '-x; echo $?'
check_has "is no option of anybody" "$out" 127

# A terminal in canonical mode cuts long lines: refused with the number.
mkdir -p "$IAPEER_ROOT/runtimes/plain"
cat >prompter <<'EOF'
#!/bin/bash
printf 'plain> '
while IFS= read -r line; do printf '%s characters\nplain> ' "${#line}"; done
EOF
chmod +x prompter
printf '{"format":1,"runtime":"plain","kind":"shell","program":["%s"],"envelope":"bare","proof":"submitted"}\n' \
	"$E2E_DIR/prompter" >"$IAPEER_ROOT/runtimes/plain/runtime.json"
must iapeer create cat --runtime plain
must iapeer start cat --now
check_exit "5,000 characters in a line to a program in canonical mode" 5 iapeer send cat "$(repeat 5000 q)" --json
check_eq "refused" refused "$(json status)"
check_has "with the number" "$(json reason)" "$([ "$(uname)" = Darwin ] && echo 1023 || echo 4095)"
check_exit "1,000 are taken" 0 iapeer ask cat "$(repeat 1000 q)"
check_has "whole" "$out" "1000 characters"
check_exit "many short lines too" 0 iapeer send cat "$(repeat 100 "$(repeat 50 r)
")"

# ---- copy mode
must iapeer ask bob true
tmux_of shell-bob copy-mode -t shell-bob:
check_eq "in copy mode" 1 "$(tmux_of shell-bob display-message -p -t shell-bob: '#{pane_in_mode}')"
# shellcheck disable=SC2016
check_exit "a message to a shell in copy mode" 0 iapeer ask bob 'echo copied-$((1+1))'
check_eq "arrives" copied-2 "$out"
tmux_of bare-carol copy-mode -t bare-carol: 2>/dev/null
: >raw
check_exit "to a composer in copy mode" 0 iapeer send carol copied --json
check_eq "arrives" "delivered" "$(json status)"

# ---- a person, attached, types and does not press Enter (the person's terminal is another tmux of ours)
person() { tmux -S "$E2E_DIR/s/person.sock" "$@"; }
person -f /dev/null new-session -d -s p -x 150 -y 40 "env -u TMUX -u TMUX_PANE '$IAPEER_BIN' attach bob"
attached() { [ "$(tmux_of shell-bob display-message -p -t shell-bob: '#{session_attached}' 2>/dev/null)" = 1 ]; }
sees() { person capture-pane -p -t p: | grep -q -F -e "$1"; }
check_soon "a person is attached" 5 attached
check_exit "list says so" 0 iapeer list --json
check_has "attached" "$out" '"attached":true'
# shellcheck disable=SC2016
person send-keys -t p: -l 'echo person-$((3+4)) '
check_soon "they have typed" 5 sees 'person-$((3+4))'
# shellcheck disable=SC2016
check_exit "a message meanwhile waits" 8 iapeer send bob 'echo message-$((5+6))' --id draft-1 --timeout 1 --json
check_has "and says why" "$(json reason)" "typed"
check_not "it is not on the screen" sees message-
person send-keys -t p: -l 'more'
check_soon "the draft is as they left it" 5 sees 'person-$((3+4)) more'
person send-keys -t p: Enter
check_soon "after their Enter it is delivered" 10 delivered_times draft-1 1
check_soon "their command ran alone" 5 sees 'person-7 more'
check_soon "and so did the message" 5 sees 'message-11'
check_eq "their line, once" 1 "$(person capture-pane -p -t p: | grep -c -x 'person-7 more')"
# In copy mode, reading: the message is delivered all the same, theirs is not disturbed by keys.
person send-keys -t p: C-b '['
check_exit "a person who reads in copy mode" 0 iapeer ask bob 'echo while-reading'
check_eq "delivered" while-reading "$out"
# They leave a draft behind and go.
must iapeer ask bob true
# shellcheck disable=SC2016
person send-keys -t p: -l 'echo left-$((8+9))'
# shellcheck disable=SC2016
check_soon "typed" 5 sees 'left-$((8+9))'
person send-keys -t p: C-b d
check_soon "and detached" 5 not attached
check_exit "the draft of one who has gone" 8 iapeer send bob 'echo second-message' --id draft-2 --timeout 1 --json
tmux_of shell-bob send-keys -t shell-bob: Enter
check_soon "delivered after it" 10 delivered_times draft-2 1
must iapeer read bob --screen
check_has "the draft ran" "$out" left-17
check_has "the message ran" "$out" "
second-message"
person kill-server 2>/dev/null
e2e_end
