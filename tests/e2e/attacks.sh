#!/usr/bin/env bash
# What a peer that has gone bad may try: each attack is blocked, or leaves its author's name behind. The table of all of
# them, also of what is not defended, is docs/SECURITY.md.
. "$(dirname "${BASH_SOURCE[0]}")/attack.bash"
e2e_begin
neighbours

# ---- to drive a neighbour that is a shell
# shellcheck disable=SC2016
attack "an agent's message to a shell" 5 '"$IAPEER" send sheila "touch $OUT/pwned"'
# shellcheck disable=SC2016
attack "an agent's question to a shell" 5 '"$IAPEER" ask sheila "touch $OUT/pwned"'
check_has "the way is a person's" "$out" "accepts="
# shellcheck disable=SC2016
attack "by its MCP server" 0 'printf "%s\n" "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-11-25\"}}" "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"send_to_peer\",\"arguments\":{\"personality\":\"sheila\",\"message\":\"touch pwned\"}}}" >"$OUT/say"; (cat "$OUT/say"; sleep 2) | "$IAPEER" mcp'
check_has "is refused" "$out" '"isError":true'
check "nothing ran" nothing_ran

# ---- names and paths that lead out of the root
for name in ../../pwned /tmp/pwned 'a/b' '..' $'a\nb' '$(touch pwned)' '-rf'; do
	quoted=$(printf %q "$name")
	check_exit "create $quoted" 2 iapeer create --runtime shell -- "$name"
	check_exit "send $quoted" 2 iapeer send -- "$name" x
done
check_exit "a runtime's name" 2 iapeer create carol --runtime ../../pwned
for id in ../../pwned 'a/b' $'a\nb'; do
	quoted=$(printf %q "$id")
	check_exit "a message's id $quoted" 2 iapeer send bob x --id "$id"
	check_not "a message to drop $quoted" iapeer queue bob drop "$id" >/dev/null 2>&1
done
mkdir -p "$E2E_DIR/dir"
mkfifo "$E2E_DIR/fifo"
check_exit "an attachment that is a folder" 2 iapeer send bob x --attachment "$E2E_DIR/dir"
check_exit "that would hang its reader" 2 iapeer send bob x --attachment "$E2E_DIR/fifo"
touch "$E2E_DIR/two
lines"
check_exit "whose name would be two" 2 iapeer send bob x --attachment "$E2E_DIR/two
lines"
FAKE_RUNTIME=out fake_runtime out 's|"marker"|"files": {"../../../../../pwned": {}}, "marker"|'
check_exit "a manifest's file outside of its folder" 7 iapeer create oscar --runtime out
check_has "is named" "$err" "no name for a file"
rm -rf "$IAPEER_ROOT/runtimes/out"
check "nothing ran" nothing_ran

# ---- links in the place of files of ours
mkdir "$E2E_DIR/away"
echo precious >"$E2E_DIR/precious"
must iapeer create vic --runtime shell
ln -s "$E2E_DIR/away" "$STATE/shell-vic.queue"
check_not "a queue that is a link" iapeer send vic x --timeout 3 >/dev/null 2>&1
check_eq "gets no message" "" "$(ls -A "$E2E_DIR/away")"
rm "$STATE/shell-vic.queue"
ln -s "$E2E_DIR/precious" "$STATE/shell-vic.stopped"
run iapeer stop vic
run iapeer start vic
rm -f "$STATE/shell-vic.stopped"
ln -s "$E2E_DIR/precious" "$IAPEER_ROOT/logs/lifecycle/shell-vic.log"
SECONDS=0
check_not "a pane's log that is a link" iapeer send vic true --timeout 15
check "is told at once ($SECONDS s)" test $SECONDS -lt 10
run iapeer doctor
check_has "is named by doctor" "$out$err" "logs/lifecycle/shell-vic.log"
check_eq "what links point at is as it was" precious "$(cat "$E2E_DIR/precious")"
rm -f "$IAPEER_ROOT/logs/lifecycle/shell-vic.log"
mv "$IAPEER_ROOT/peers-profiles.json" "$E2E_DIR/good"
cp "$E2E_DIR/good" "$E2E_DIR/elsewhere.json"
ln -s "$E2E_DIR/elsewhere.json" "$IAPEER_ROOT/peers-profiles.json"
check_not "a registry that is a link" iapeer create dave --runtime shell >/dev/null 2>&1
check_eq "is not written through" "$(cat "$E2E_DIR/good")" "$(cat "$E2E_DIR/elsewhere.json")"
rm -f "$IAPEER_ROOT/peers-profiles.json"
cp "$E2E_DIR/good" "$IAPEER_ROOT/peers-profiles.json"
must iapeer create tom --runtime shell
echo squat >"$(socket_of shell-tom)"
check_exit "a file in the place of a socket is put away" 0 iapeer send tom true --timeout 20

# shellcheck disable=SC2016
inside 'ln "$OUT/precious" "$STATE/shell-tom.queue/0000000000.json"'
check_exit "a hard link in a queue does not stop it" 0 iapeer send tom true --timeout 20
check_eq "and what it is a link of is as it was" precious "$(cat "$E2E_DIR/precious")"
rm -f "$STATE"/shell-tom.queue/*

# ---- names that hidden verbs are given
for id in ../../pwned shell-../../pwned "shell-$(printf 'x%.0s' {1..300})"; do
	inside "printf '{}' | \"\$IAPEER\" event claude --identity '$id'; \"\$IAPEER\" canary ensure --identity '$id' --socket \$OUT/x --log-dir \$OUT/away; \"\$IAPEER\" _hook '$id' pane-died; true"
done
check "a report, a canary, a hook of no identity make nothing" nothing_ran
check_eq "nor where they were told to" "" "$(ls -A "$E2E_DIR/away")"
check_exit "a topic of two lines" 2 iapeer send bob x --topic $'a\nb'

# ---- the keeper's socket
if command -v perl >/dev/null; then
	before=$(keeper)
	# shellcheck disable=SC2016
	attack "a line without end, and one of other bytes" 0 'perl -e '\''use Socket; $SIG{PIPE} = "IGNORE"; for my $t ("x" x (4 << 20), "\0\xff{\n", "{\"op\":\"apply\",\"identity\":\"../../pwned\"}\n", "{\"op\":\"x\"}\n") { socket(S, PF_UNIX, SOCK_STREAM, 0); connect(S, pack_sockaddr_un($ARGV[0])) or die; syswrite S, $t; shutdown(S, 1); my $a = <S>; close S; }'\'' "'"$(keeper_socket)"'"'
	# shellcheck disable=SC2016
	inside 'perl -e '\''use Socket; my @s; for (1 .. 300) { socket(my $s, PF_UNIX, SOCK_STREAM, 0); connect($s, pack_sockaddr_un($ARGV[0])) or last; push @s, $s; } open F, ">", "$ARGV[1]/held"; close F; select undef, undef, undef, 6'\'' "'"$(keeper_socket)"'" "$OUT" & for i in $(seq 200); do [ -e "$OUT/held" ] && exit 0; sleep 0.02; done; exit 1'
	check_exit "300 that say nothing: others are served" 0 iapeer send bob x --timeout 20
	check_eq "by the same keeper" "$before" "$(keeper)"
fi

# ---- a program of hers in the place of tmux
mkdir "$E2E_DIR/evil"
printf '#!/bin/sh\ntouch %s/pwned-tmux\nexit 1\n' "$E2E_DIR" >"$E2E_DIR/evil/tmux"
chmod 755 "$E2E_DIR/evil/tmux"
must iapeer create una --runtime shell
must iapeer set una accepts=artificial,natural,absent
kill -KILL "$(keeper)"
wait_for 5 no_keeper
# shellcheck disable=SC2016
attack "her PATH, in a command that starts the keeper and a peer" 0 'PATH=$OUT/evil:$PATH "$IAPEER" send una true --timeout 20'
check "is nobody else's" nothing_ran

# ---- what the registry may be made to say by hand
cp "$IAPEER_ROOT/peers-profiles.json" good
for bad in 's/"personality": "bob"/"personality": "..\/..\/bob"/' 's/"personality": "bob"/"personality": "sheila"/' \
	's/"runtimes": \[/"runtimes": ["..\/x",/'; do
	sed "$bad" good >"$IAPEER_ROOT/peers-profiles.json"
	if cmp -s good "$IAPEER_ROOT/peers-profiles.json"; then fail "an edit that edits: $bad"; fi
	check_exit "the registry edited with $bad" 7 iapeer send bob x
done
cp good "$IAPEER_ROOT/peers-profiles.json"
check_exit "and mended" 0 iapeer list

# ---- to write on the screens of others
must iapeer set bob description="$(printf 'x\033]0;pwned\007\033[2J')"
# shellcheck disable=SC2016
inside 'printf "{\"hook_event_name\":\"PreToolUse\",\"tool_name\":\"\\u001b[2Jx\"}" | "$IAPEER" event claude --identity fake-bob'
for verb in list "show bob" "show bob --json" "why bob" "events" "logs" "queue bob" "deaths" "read bob" "list --json"; do
	# shellcheck disable=SC2086
	run iapeer $verb
	check_lacks "no escape comes out of: $verb" "$out$err" $'\033'
done

# ---- to end a neighbour: not prevented (one user), and on record with its author
# shellcheck disable=SC2016
inside 'tmux -S "$SOCKS/tmux-iap-shell-sheila.sock" kill-server'
killed() { grep 'ev=server-exit identity=shell-sheila ' "$LOGS/exits.log" 2>/dev/null; }
has_killed() { killed >/dev/null; }
check_soon "a neighbour's server ended by tmux is a death on record" 5 has_killed
if [ -d /proc/self ]; then check_has "with who asked" "$(killed)" "shell-mallory"; fi

# ---- secrets of launch.env
secret=s3cret-$$-in-launch-env
mkdir -p "$IAPEER_ROOT/peers/sheila/.iapeer/runtimes/shell"
printf 'MY_API_KEY=%s\n' "$secret" >>"$IAPEER_ROOT/environment"
printf '#!/bin/sh\nprintf "%%s\\n" "$@" >>%s/words\nexec %s "$@"\n' "$E2E_DIR" "$(command -v tmux)" >"$E2E_DIR/tmux"
chmod 755 "$E2E_DIR/tmux"
printf '{"IAPEER_TMUX_BIN": "%s"}\n' "$E2E_DIR/tmux" >"$IAPEER_ROOT/config.json"
must iapeer start sheila --now
printf 'TOKEN=%s\n' "$secret" >"$IAPEER_ROOT/peers/sheila/.iapeer/runtimes/shell/launch.env"
chmod 600 "$IAPEER_ROOT/peers/sheila/.iapeer/runtimes/shell/launch.env"
must iapeer new sheila
# shellcheck disable=SC2016
check_exit "the program has it" 0 iapeer ask sheila 'echo ${#TOKEN}'
check_eq "whole" "${#secret}" "$out"
check_exit "of the root's environment too" 0 iapeer ask sheila 'echo ${#MY_API_KEY}'
check_eq "whole" "${#secret}" "$out"
check "what tmux is called with was seen" grep -q new-session "$E2E_DIR/words"
check_not "and holds no secret, at no instant" grep -q -F -e "$secret" "$E2E_DIR/words"
in_ps() { ps -A -ww -o args= | grep -v grep | grep -q -F -e "$secret"; }
check_not "no command line shows it" in_ps
kill -KILL "$(session_of shell-sheila)"
check_soon "a death, for its evidence" 5 eval 'grep -q "identity=shell-sheila .*cause=sigkill" "$LOGS/exits.log"'
check_eq "no log, evidence or state file holds it" "" "$(grep -rlF -e "$secret" "$IAPEER_ROOT/logs" "$IAPEER_ROOT/state" 2>/dev/null)"
must iapeer ask sheila 'echo it is $TOKEN'
check_exit "a file for who is asked for help" 0 iapeer why sheila --export "$E2E_DIR/help.tar"
check "has what the pane showed" grep -q -a 'it is' "$E2E_DIR/help.tar"
check_not "but no secret" grep -q -a -F -e "$secret" "$E2E_DIR/help.tar"
for verb in "show sheila --json" "list --json" "why sheila" "doctor"; do
	# shellcheck disable=SC2086
	run iapeer $verb
	check_lacks "nor prints it: $verb" "$out$err" "$secret"
done

stopped() { iapeer stop --all >/dev/null 2>&1; }
check_soon "and all can be stopped" 40 stopped
e2e_end
