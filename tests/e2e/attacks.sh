#!/usr/bin/env bash
# What a peer that has gone bad, and another user of the host, may try: each attack is blocked, or leaves its author's
# name behind. The table of all of them, also of what is not defended, is docs/SECURITY.md.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin

# From inside mallory's session: a script, $1 of its name. $rc, $out (both streams).
inside() { # script
	printf 'export IAPEER=%q OUT=%q STATE=%q SOCKS=%q SRC=%q\n%s\n' "$IAPEER_BIN" "$E2E_DIR" "$STATE" "$IAPEER_SOCK_DIR" "$E2E_SOURCE" "$1" >"$E2E_DIR/a.sh"
	rm -f "$E2E_DIR/a.rc"
	"$IAPEER_BIN" ask mallory "bash $E2E_DIR/a.sh >$E2E_DIR/a.out 2>&1 </dev/null; echo \$? >$E2E_DIR/a.rc" --timeout 40 >/dev/null 2>"$E2E_DIR/.ask"
	rc=$(cat "$E2E_DIR/a.rc" 2>/dev/null || cat "$E2E_DIR/.ask")
	out=$(cat "$E2E_DIR/a.out" 2>/dev/null)
}
attack() { # name status script
	inside "$3"
	if [ "$rc" = "$2" ]; then pass "$1"; else fail "$1" "status $rc, wanted $2
$out"; fi
}
nothing_ran() { [ -z "$(find "$E2E_DIR" "$HOME" -name 'pwned*' 2>/dev/null)" ]; }
last_delivery() { grep 'ev=delivery' "$LOGS/delivery.log" | tail -n 1; }

fake_runtime
printf '{"IAPEER_BOOT_DEADLINE_SECS": 20}\n' >"$IAPEER_ROOT/config.json" # one that cannot start gives up within the test
chmod 600 "$IAPEER_ROOT/config.json"
must iapeer create mallory --runtime shell --intelligence artificial # a shell does what an agent could
must iapeer create sheila --runtime shell
fake_peer bob ""
must iapeer start mallory --now
must iapeer send bob hello --timeout 20
must iapeer start sheila --now

# ---- to be somebody else
# shellcheck disable=SC2016
attack "--from a neighbour" 5 '"$IAPEER" send bob x --from shell-sheila'
check_has "is told who it is" "$out" "shell-mallory"
# shellcheck disable=SC2016
attack "PEER_IDENTITY of a neighbour" 5 'PEER_IDENTITY=shell-sheila "$IAPEER" send bob x'
# shellcheck disable=SC2016
attack "--from a person" 3 '"$IAPEER" send bob x --from cli-root'
# shellcheck disable=SC2016
attack "an empty environment" 0 'env -i HOME="$HOME" IAPEER_TEST_SANDBOX=1 IAPEER_ROOT="$IAPEER_ROOT" IAPEER_SOCK_DIR="$SOCKS" PATH="$PATH" "$IAPEER" send bob x'
check_eq "is mallory all the same" shell-mallory "$(field from "$(last_delivery)")"
check_lacks "verified" "$(last_delivery)" unverified
# shellcheck disable=SC2016
attack "a process that left the session, its environment kept" 0 \
	'(setsid "$IAPEER" send bob detached --id detached-1 >/dev/null 2>&1 &); for i in $(seq 200); do grep -qs "id=detached-1 .*status=delivered" "$IAPEER_ROOT/logs/iapeer/delivery.log" && exit 0; sleep 0.05; done; exit 1'
check_eq "is mallory" shell-mallory "$(field from "$(last_delivery)")"

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
	check_exit "create ${name@Q}" 2 iapeer create --runtime shell -- "$name"
	check_exit "send ${name@Q}" 2 iapeer send -- "$name" x
done
check_exit "a runtime's name" 2 iapeer create carol --runtime ../../pwned
for id in ../../pwned 'a/b' $'a\nb'; do
	check_exit "a message's id ${id@Q}" 2 iapeer send bob x --id "$id"
	check_not "a message to drop ${id@Q}" iapeer queue bob drop "$id" >/dev/null 2>&1
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
check_not "a pane's log that is a link" iapeer send vic true --timeout 2 >/dev/null 2>&1
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
must iapeer start sheila --now

# ---- secrets of launch.env
secret=s3cret-$$-in-launch-env
mkdir -p "$IAPEER_ROOT/peers/sheila/.iapeer/runtimes/shell"
printf 'TOKEN=%s\n' "$secret" >"$IAPEER_ROOT/peers/sheila/.iapeer/runtimes/shell/launch.env"
chmod 600 "$IAPEER_ROOT/peers/sheila/.iapeer/runtimes/shell/launch.env"
must iapeer new sheila
# shellcheck disable=SC2016
check_exit "the program has it" 0 iapeer ask sheila 'echo ${#TOKEN}'
check_eq "whole" "${#secret}" "$out"
in_ps() { ps -A -ww -o args= | grep -v grep | grep -q -F -e "$secret"; }
check_not "no command line shows it" in_ps
kill -KILL "$(session_of shell-sheila)"
check_soon "a death, for its evidence" 5 eval 'grep -q "identity=shell-sheila .*cause=sigkill" "$LOGS/exits.log"'
check_eq "no log, evidence or state file holds it" "" "$(grep -rlF -e "$secret" "$IAPEER_ROOT/logs" "$IAPEER_ROOT/state" 2>/dev/null)"
for verb in "show sheila --json" "list --json" "why sheila" "doctor"; do
	# shellcheck disable=SC2086
	run iapeer $verb
	check_lacks "nor prints it: $verb" "$out$err" "$secret"
done

# ---- another user of this host, a real second uid
nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups -- "$@"; }
if [ "$(id -u)" != 0 ] || ! command -v setpriv >/dev/null || ! nobody true 2>/dev/null; then
	echo "# not tried, needs root and setpriv: another user"
else
	chmod 711 "$E2E_DIR" # as /home is; what is below it must hold by itself
	must iapeer send bob again --timeout 20
	check "a keeper" has_keeper
	check_not "lists the root" nobody ls "$IAPEER_ROOT" 2>/dev/null
	for file in peers-profiles.json state/iapeer/supervise.lock logs/iapeer/delivery.log logs/lifecycle/shell-mallory.log \
		peers/sheila/.iapeer/runtimes/shell/launch.env; do
		check "$file is there" test -e "$IAPEER_ROOT/$file"
		check_not "reads $file" nobody cat "$IAPEER_ROOT/$file" 2>/dev/null
	done
	check_not "writes in the root" nobody touch "$IAPEER_ROOT/x" 2>/dev/null
	check_not "writes among the sockets" nobody touch "$IAPEER_SOCK_DIR/x" 2>/dev/null
	check_not "types into a peer" nobody tmux -S "$(socket_of shell-mallory)" send-keys x 2>/dev/null
	check_not "ends the keeper" nobody kill "$(keeper)" 2>/dev/null
	check_not "reads a program's environment" nobody cat "/proc/$(pane_of shell-mallory)/environ" 2>/dev/null
	# Its own program: readable to it, or the check would be of that and not of us.
	cp "$E2E_BIN" "$E2E_DIR/iapeer" && chmod 755 "$E2E_DIR/iapeer"
	check "can run the program" nobody env HOME=/nonexistent "$E2E_DIR/iapeer" version >/dev/null
	for verb in list "send bob x" "stop --all" "supervise --stop" "create eve --runtime shell"; do
		# shellcheck disable=SC2086
		check_not "runs on our root: $verb" nobody "$E2E_DIR/iapeer" $verb >/dev/null 2>&1
	done
	# Were every mode of ours wrong: the keeper looks who connects.
	if command -v perl >/dev/null; then
		chmod 755 "$IAPEER_ROOT" "$IAPEER_ROOT/state" "$IAPEER_ROOT/state/iapeer" "$IAPEER_SOCK_DIR"
		chmod 666 "$(keeper_socket)"
		# shellcheck disable=SC2016
		talk='use Socket; socket(S, PF_UNIX, SOCK_STREAM, 0); connect(S, pack_sockaddr_un($ARGV[0])) or exit 3; $SIG{PIPE} = "IGNORE"; syswrite S, "{\"op\":\"hello\"}\n"; print scalar <S> // "hung up\n"'
		check_has "we are answered" "$(perl -e "$talk" "$(keeper_socket)")" '"ok":true'
		check_eq "another user with an open socket is not" "hung up" "$(nobody perl -e "$talk" "$(keeper_socket)")"
		check "the keeper lives on" has_keeper
		run iapeer list
		check_eq "the root is narrowed again" 700 "$(mode_of "$IAPEER_ROOT")"
	fi
	# To be there first.
	mkdir "$E2E_DIR/squat" && chown 65534:65534 "$E2E_DIR/squat"
	check_exit "a folder for sockets that is another's" 5 env IAPEER_SOCK_DIR="$E2E_DIR/squat" "$IAPEER_BIN" send mallory x
	mkdir "$E2E_DIR/open" && chmod 777 "$E2E_DIR/open"
	check_exit "one that everybody may write to" 5 env IAPEER_SOCK_DIR="$E2E_DIR/open" "$IAPEER_BIN" send mallory x
	rm -rf "${IAPEER_ROOT:?}/peers/sheila/.iapeer/runtimes/shell/launch.env"
	printf 'PEER_START_ARGS=-c "touch %s/pwned"\n' "$E2E_DIR" >"$IAPEER_ROOT/peers/sheila/.iapeer/runtimes/shell/launch.env"
	chown 65534 "$IAPEER_ROOT/peers/sheila/.iapeer/runtimes/shell/launch.env"
	check_exit "a launch.env of another's" 5 iapeer new sheila
	check_has "is told whose it is" "$err" "belongs to uid 65534"
	chown 0 "$IAPEER_ROOT/peers/sheila/.iapeer/runtimes/shell/launch.env"
	chmod 666 "$IAPEER_ROOT/peers/sheila/.iapeer/runtimes/shell/launch.env"
	check_exit "one that everybody may write to" 5 iapeer new sheila
	check "neither is obeyed" nothing_ran
fi
stopped() { iapeer stop --all >/dev/null 2>&1; }
check_soon "and all can be stopped" 40 stopped
e2e_end
