#!/usr/bin/env bash
# Service managers: peers that somebody else keeps, the keeper as a service, one keeper a root, and what doctor mends.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin
unset XDG_CONFIG_HOME XDG_DATA_HOME

all_marks() { find "$STATE" -name "shell-$1.*" | sort; }

# ---- a foreign launchd job
must iapeer create bob --runtime shell
must iapeer create eve --runtime shell
must iapeer send bob true
export IAPEER_LAUNCHAGENTS_DIR=$E2E_DIR/agents
plist=$IAPEER_LAUNCHAGENTS_DIR/com.iapeer.bob.plist
mkdir "$IAPEER_LAUNCHAGENTS_DIR"
echo '<plist version="1.0"><dict><key>Label</key><string>com.iapeer.bob</string></dict></plist>' >"$plist"
pid=$(session_of shell-bob)
before=$(all_marks bob)
for verb in "stop bob" "start bob" "start bob --now" "new bob" "new bob --on-wake"; do
	# shellcheck disable=SC2086
	check_exit "$verb" 5 iapeer $verb --json
	check_eq "says so" refused-foreign-launchd "$(json action)"
	check_has "names the file" "$(json reason)" "$plist"
done
check_exit "send" 5 iapeer send bob hello --json
check_eq "refused" refused "$(json status)"
check_has "names the file" "$err" "$plist"
check_exit "send --wait accepted" 5 iapeer send bob hello --wait accepted
check_exit "remove" 5 iapeer remove bob --json
check_eq "says so" refused-foreign-launchd "$(json action)"
check_eq "no mark, no message" "$before" "$(all_marks bob)"
check_eq "it lives, the same" "$pid" "$(session_of shell-bob)"
check "and its server" pid_alive "$pid"
check_exit "doctor knows" 0 iapeer doctor
check_has "and says" "$out" "bob is kept by $plist"
check_exit "stop --all stops the others" 5 iapeer stop --all --json
check "eve" test -e "$STATE/shell-eve.stopped"
check_not "not bob" test -e "$STATE/shell-bob.stopped"
must iapeer start eve
check_exit "the name's neighbour is nobody else's" 0 iapeer create bob-2 --runtime shell
check_exit "and wakes" 0 iapeer send bob-2 true
run iapeer create bob
check_has "create warns" "$err" "$plist"

# ---- our own key
sed 's|<dict>|<dict><key>com.iapeer.managed</key><true/>|' "$plist" >own && cp own "$plist"
check_exit "with our key it takes messages" 0 iapeer send bob true

# ---- a foreign unit
rm "$plist"
unit=$HOME/.config/systemd/user/iapeer-bob.service
mkdir -p "$(dirname "$unit")"
printf '[Service]\nExecStart=/bin/true\n' >"$unit"
for verb in stop start new; do
	check_exit "$verb beside a unit" 5 iapeer $verb bob --json
	check_eq "says so" refused-foreign-unit "$(json action)"
done
check_exit "send beside a unit" 5 iapeer send bob hello --json
check_has "names it" "$err" "$unit"
check_exit "remove beside a unit" 5 iapeer remove bob --json
check_eq "says so" refused-foreign-unit "$(json action)"
rm "$unit"
check_exit "gone, and all is well" 0 iapeer send bob true
unset IAPEER_LAUNCHAGENTS_DIR

# ---- the keeper leaves it alone too (it was started before that variable was set, so the job is in HOME)
mkdir -p "$HOME/Library/LaunchAgents"
plist=$HOME/Library/LaunchAgents/com.iapeer.bob.plist
echo '<plist version="1.0"><dict><key>Label</key><string>com.iapeer.bob</string></dict></plist>' >"$plist"
pid=$(session_of shell-bob)
date >"$STATE/shell-bob.stopped" # as if a stop had been on its way
check_exit "a tick" 0 iapeer supervise --once --json
check "bob lives" pid_alive "$pid"
rm "$STATE/shell-bob.stopped"
check_exit "remove --force" 0 iapeer remove --force bob --json
check_eq "is its owner's word" removed "$(json action)"
rm "$plist"
must iapeer create bob --runtime shell

# ---- the service files
check_exit "--print systemd" 0 iapeer supervise --print systemd
check_has "its program" "$out" "ExecStart=\"$IAPEER_ROOT/bin/iapeer\" supervise"
check_has "peers outlive it" "$out" "KillMode=process"
check_has "its root" "$out" "IAPEER_ROOT=$IAPEER_ROOT"
check_exit "--print launchd" 0 iapeer supervise --print=launchd
check_has "peers outlive it" "$out" "AbandonProcessGroup"
check_exit "--print of no manager" 2 iapeer supervise --print upstart
check_exit "two at once" 2 iapeer supervise --install --uninstall
check_exit "two others" 2 iapeer supervise --stop --once
check_has "which they are" "$err" "--stop, --once: which?"
check_exit "an interval of no keeper" 2 iapeer supervise --stop --interval 5
check_has "is said" "$err" "--interval means nothing to --stop"

# Roots with everything that has a meaning somewhere.
# shellcheck disable=SC2016
for name in 'a b' '50%n' '$HOME ${x}' "it's" 'the "root"' 'back\slash' 'x&y<z>' 'Нова;#'; do
	mkdir -m 700 "$E2E_DIR/$name" "$E2E_DIR/$name/bin"
	ln -sf "$IAPEER_BIN" "$E2E_DIR/$name/bin/iapeer"
	if command -v systemd-analyze >/dev/null; then
		IAPEER_ROOT=$E2E_DIR/$name iapeer supervise --print systemd >iapeer.service
		mkdir -p "$E2E_DIR/run"
		run env XDG_RUNTIME_DIR="$E2E_DIR/run" systemd-analyze --user verify "$E2E_DIR/iapeer.service"
		case $rc:$err in
		0:*) pass "systemd takes the root $name" ;;
		*"Failed to initialize manager"*) echo "# systemd-analyze does not work here: not checked" ;;
		*) fail "systemd takes the root $name" "$err" ;;
		esac
	fi
	if command -v plistutil >/dev/null; then
		IAPEER_ROOT=$E2E_DIR/$name iapeer supervise --print launchd >a.plist
		run plistutil -i a.plist -f bin -o a.bin
		check_eq "launchd takes the root $name" "0 bplist" "$rc $(head -c 6 a.bin 2>/dev/null)"
		rm -f a.bin
	fi
done
command -v systemd-analyze >/dev/null || echo "# no systemd-analyze: units were not checked"
command -v plistutil >/dev/null || echo "# no plistutil: plists were not checked"

# ---- install, uninstall (no manager is reached from a test; a fake one takes its place)
if [ "$(uname)" = Linux ]; then
	file=$HOME/.config/systemd/user/iapeer.service
	check_exit "--install" 0 iapeer supervise --install
	check "writes the unit" test -f "$file"
	check_has "says what to type" "$out" "systemctl --user enable --now iapeer.service"
	check_exit "again" 0 iapeer supervise --install --json
	check_eq "not told" false "$(json told)"
	check_exit "another root has it already" 5 env IAPEER_ROOT="$E2E_DIR/a b" "$IAPEER_BIN" supervise --install
	check_exit "--uninstall" 0 iapeer supervise --uninstall
	check_not "deletes it" test -e "$file"
	check_exit "again" 0 iapeer supervise --uninstall --json
	check_eq "absent" absent "$(json action)"
	echo '[Service]' >"$file"
	check_exit "a unit that is not ours stays" 5 iapeer supervise --install
	check_exit "also by --uninstall" 5 iapeer supervise --uninstall
	check_eq "as it was" "[Service]" "$(cat "$file")"
	rm "$file"

	mkdir "$E2E_DIR/fake"
	printf '#!/bin/sh\necho "$@" >>%s/typed\n' "$E2E_DIR" >fake/systemctl
	chmod +x fake/systemctl
	managed() { env -u IAPEER_TEST_SANDBOX PATH="$E2E_DIR/fake:$PATH" "$IAPEER_BIN" supervise "$@"; }
	check_exit "--install with a manager" 0 managed --install
	check_lacks "nothing is left to type" "$out" "type this"
	check_eq "it was told" "--user daemon-reload
--user enable --now iapeer.service" "$(cat typed)"
	: >typed
	check_exit "--uninstall with a manager" 0 managed --uninstall
	check_eq "it was told" "--user disable --now iapeer.service
--user daemon-reload" "$(cat typed)"
	printf '#!/bin/sh\necho "Failed to connect to bus" >&2\nexit 1\n' >fake/systemctl
	check_exit "--install when it cannot be reached" 0 managed --install
	check_has "says why" "$out" "Failed to connect to bus"
	check "the file is there" test -f "$file"
	must managed --uninstall
fi

# ---- one keeper a root
check "a keeper runs" has_keeper
check_exit "a second one refuses" 5 iapeer supervise
check_has "and names the first" "$err" "pid $(keeper)"
must iapeer supervise --stop
echo "{\"pid\": $$}" >"$IAPEER_ROOT/state/iapeer/router.json"
check_exit "beside the reference's daemon" 5 iapeer supervise
check_has "names it" "$err" "pid $$"
check_exit "a message finds out as well" 5 iapeer send eve true
check "no keeper" no_keeper
check_eq "nothing is queued" 0 "$(queue_of shell-eve)"
sleep 0 & gone=$!
wait "$gone"
echo "{\"pid\": $gone}" >"$IAPEER_ROOT/state/iapeer/router.json"
check_exit "its file alone does no harm" 0 iapeer send eve true
rm "$IAPEER_ROOT/state/iapeer/router.json"

# ---- doctor: the keeper's settings, a lost server, a socket that nobody listens on
check_exit "other settings" 0 env IAPEER_IDLE_SECS=77 "$IAPEER_BIN" doctor
check_has "are said" "$out" "other settings"
must iapeer stop --all
for name in bob eve bob-2; do
	check_soon "$name has ended" 10 is_gone "shell-$name"
done
must iapeer supervise --stop
python3 -c 'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$(socket_of shell-bob)" 2>/dev/null ||
	tmux -S "$(socket_of shell-bob)" -f /dev/null new-session -d 'sleep 0.1'
wait_for 5 not tmux -S "$(socket_of shell-bob)" has-session 2>/dev/null
if [ -S "$(socket_of shell-bob)" ]; then
	check_exit "a dead socket" 0 iapeer doctor
	check_has "is found" "$out" "nobody listens on $(socket_of shell-bob)"
	check_exit "--fix" 0 iapeer doctor --fix
	check_not "deletes it" test -e "$(socket_of shell-bob)"
fi

# A live session whose record somebody edited out of the registry.
must iapeer start --all
must iapeer send eve true
pid=$(session_of shell-eve)
must iapeer supervise --stop
cp "$IAPEER_ROOT/peers-profiles.json" whole.json
printf '{"version":2,"peers":[]}\n' >"$IAPEER_ROOT/peers-profiles.json"
check_exit "a session that nobody registered" 0 iapeer doctor
check_has "is found" "$out" "shell-eve lives (pid $pid), but is not registered"
check "and left alone" pid_alive "$pid"
check_exit "--fix" 0 iapeer doctor --fix
check_soon "ends it" 10 not pid_alive "$pid"
check_eq "that was no death" 0 "$(count_lines 'ev=server-exit' "$LOGS/exits.log")"
cp whole.json "$IAPEER_ROOT/peers-profiles.json"

# A server of somebody else's on a socket of ours: the folder may be shared.
sock=$(socket_of shell-ghost)
env -u IAPEER_ROOT tmux -S "$sock" -f /dev/null new-session -d 'sleep 600'
must iapeer doctor --fix
check_has "a server that is not proven ours is said" "$out" "not proven to be of this root"
check "and left alone" tmux -S "$sock" has-session
foreign=$(tmux -S "$sock" display-message -p '#{pid}')
tmux -S "$sock" kill-server
wait_for 5 not pid_alive "$foreign" # a new one must not find it on its way out
# The same with our root in its environment: a start that was killed half way.
tmux -S "$sock" -f /dev/null new-session -d 'sleep 600'
check_exit "one that says it is ours" 0 iapeer doctor --fix
check_has "is ended" "$out" "ended shell-ghost"
check_not "indeed" tmux -S "$sock" has-session 2>/dev/null

e2e_end
