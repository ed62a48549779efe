#!/usr/bin/env bash
# What is refused, and that a refusal starts, queues and changes nothing; what removing purges, and what it leaves.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin

files() { (cd "$IAPEER_ROOT" && find . -type f -o -type d -o -type s | grep -v -e '/logs/' -e '/locks/' | sort); }
registry=$IAPEER_ROOT/peers-profiles.json
# Takes a record out of the registry, as an editor would.
edit_out() { # name
	awk -v name="\"personality\": \"$1\"" '
		/^    \{/ { record = $0; inside = 1; next }
		inside { record = record "\n" $0; if ($0 ~ /^    \}/) { inside = 0; if (!index(record, name)) kept[++n] = record } next }
		/^  \]/ { for (i = 1; i <= n; i++) { sub(/,$/, "", kept[i]); print kept[i] (i < n ? "," : "") } }
		{ print }' "$registry" >edited
	json_valid edited || fail "the edited registry parses" "$(cat edited)"
	cat edited >"$registry"
}

# ---- a stopped peer
must iapeer create bob --runtime shell
must iapeer stop bob
check "its flag is set" test -e "$STATE/shell-bob.stopped"
before=$(files)
check_exit "send to a stopped peer" 4 iapeer send bob hello --json
check_eq "refused" refused "$(json status)"
check_eq "code" stopped "$(json code)"
check_has "and says what clears it" "$err" "iapeer start bob"
check_exit "also --wait accepted" 4 iapeer send bob hello --wait accepted
check_exit "also ask" 4 iapeer ask bob hello
check_eq "nothing was started or queued" "$before" "$(files)"
check "no keeper" no_keeper

# ---- remove
must iapeer start bob
must iapeer send bob true
pid=$(session_of shell-bob)
check_exit "remove of a live peer" 5 iapeer remove bob --json
check_eq "refused" refused-live "$(json action)"
check "it lives on" pid_alive "$pid"
check_exit "and takes messages" 0 iapeer send bob true
must iapeer send bob 'cat' # busy: what is sent now is typed into cat
check_exit "remove --force" 0 iapeer remove bob --force --json
check_eq "removed" removed "$(json action)"
check_not "its server has ended" pid_alive "$pid"
check_eq "its folder is named" "$IAPEER_ROOT/peers/bob" "$(json cwd)"
check "and kept" test -d "$IAPEER_ROOT/peers/bob"
check_eq "nothing of its state is left" "" "$(find "$STATE" -name 'shell-bob.*')"
check_exit "remove again" 0 iapeer remove bob --json
check_eq "absent" absent "$(json action)"
check_exit "a peer that never was" 0 iapeer remove never --json
check_eq "absent" absent "$(json action)"

# ---- what is purged with a name, and what is not
for name in reborn reborn2 big-reborn; do
	must iapeer create "$name" --runtime claude
	must iapeer stop "$name"
done
for what in topic fresh-next deaths; do
	printf '[]\n' >"$STATE/claude-reborn.$what"
done
mkdir -p "$STATE/claude-reborn.queue"
check_exit "remove reborn" 0 iapeer remove reborn --json
check_has "says what it purged" "$out" '"claude-reborn.stopped"'
check_eq "claude-reborn.* is gone" "" "$(find "$STATE" -name 'claude-reborn.*')"
check "claude-reborn2.stopped stays" test -e "$STATE/claude-reborn2.stopped"
check "claude-big-reborn.stopped stays" test -e "$STATE/claude-big-reborn.stopped"
check_exit "and their peers" 0 iapeer list --json
check_has "reborn2" "$out" '"personality":"reborn2"'
check_has "big-reborn" "$out" '"personality":"big-reborn"'
check_lacks "not reborn" "$out" '"personality":"reborn"'

# ---- create again
must iapeer create eve --runtime shell --description "first"
must iapeer send eve true
must iapeer stop eve
must iapeer start eve
check "parked" test -e "$STATE/shell-eve.idle-reaped"
cat "$STATE/shell-eve.idle-reaped" >mark
check_exit "create again" 0 iapeer create eve --runtime shell --description "" --json
check_eq "the mark is as it was" "$(cat mark)" "$(cat "$STATE/shell-eve.idle-reaped" 2>/dev/null)"
must iapeer show eve --json
check_eq "an empty value wipes nothing" first "$(json description)"
check_exit "create with another folder" 5 iapeer create eve --path "$E2E_DIR/elsewhere"
check_not "makes nothing there" test -e "$E2E_DIR/elsewhere/.iapeer"

# ---- a namesake after the registry was edited by hand: asleep
must iapeer send eve true --topic old-topic
must iapeer stop eve
printf 'new\n' >"$STATE/shell-eve.fresh-next"
edit_out eve
check_exit "unknown now" 3 iapeer send eve hello
check_exit "a namesake" 0 iapeer create eve --runtime shell --json
check_not "not stopped" test -e "$STATE/shell-eve.stopped"
check_not "not parked" test -e "$STATE/shell-eve.idle-reaped"
check "the old state is in the trash" test -n "$(find "$IAPEER_ROOT/state/trash" -name '*shell-eve.stopped*')"
check_exit "a message wakes it" 0 iapeer send eve true --json
check_eq "woke" true "$(json woke)"
check_eq "for the first time" first-wake "$(json cause)"
check_exit "no topic of the old one" 0 iapeer show eve --json
check_lacks "in its topics" "$out" old-topic

# ---- the same while the old one is live
must iapeer ask eve 'INHERITED=yes'
old=$(session_of shell-eve)
edit_out eve
check "the old one lives" pid_alive "$old"
check_exit "a namesake of a live one" 0 iapeer create eve --runtime shell --json
# shellcheck disable=SC2016
check_exit "ask it" 0 iapeer ask eve 'echo "<$INHERITED>"'
check_eq "it inherits nothing" "<>" "$out"
check_soon "the old server has ended" 5 not pid_alive "$old"
[ ! -d /proc/self ] || check_eq "one server" 1 "$(server_count)"
must iapeer stop eve
check_eq "no death in all of this" 0 "$(count_lines ev=server-exit "$LOGS/exits.log")"

# ---- names
must iapeer create alice --runtime shell
check_exit "unknown peer" 3 iapeer send alcie hello
check_has "the nearest name" "$err" alice
check_exit "unknown peer: show" 3 iapeer show alcie
check_exit "unknown peer: stop" 3 iapeer stop alcie
check_exit "unknown peer: read" 3 iapeer read alcie
check_exit "unknown runtime" 2 iapeer create carol --runtime shel
check_exit "an invalid name" 2 iapeer create Carol --runtime shell
check_exit "unknown flag" 2 iapeer list --jsno
check_has "the nearest flag" "$err" "json"
check_soon "no keeper by now" 5 no_keeper

# ---- a corrupt registry
cp "$registry" good
for text in '{"version":2,"peers":[' '' 'null' '{"version":2,"peers":[{"personality":"a","cwd":""}]}'; do
	printf '%s' "$text" >"$registry"
	chmod 600 "$registry"
	before=$(files)
	for verb in "list" "send alice hello" "create carol --runtime shell" "remove alice" "set alice description=x"; do
		# shellcheck disable=SC2086
		check_exit "corrupt (${text:-empty}): $verb" 7 iapeer $verb
	done
	check_has "it names the backup" "$err" ".bak"
	check_eq "and stays as it is" "$text" "$(cat "$registry")"
	check_eq "nothing was made" "$before" "$(files)"
done
cat good >"$registry"
check_exit "restored" 0 iapeer list

# ---- a root of somebody else's
if [ "$(id -u)" = 0 ]; then
	mkdir "$E2E_DIR/foreign"
	chmod 755 "$E2E_DIR/foreign"
	chown 65534 "$E2E_DIR/foreign"
	check_exit "a root of another user's: list" 5 env IAPEER_ROOT="$E2E_DIR/foreign" "$IAPEER_BIN" list
	check_exit "a root of another user's: create" 5 env IAPEER_ROOT="$E2E_DIR/foreign" "$IAPEER_BIN" create bob --runtime shell
	check_eq "nothing was made in it" "" "$(ls -A "$E2E_DIR/foreign")"
else
	echo "# not root: a root of another user's is not tried"
fi
e2e_end
