#!/usr/bin/env bash
# Another user of this host, a real second uid: reads, writes, connects, is there first.
. "$(dirname "${BASH_SOURCE[0]}")/attack.bash"
e2e_begin

nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups -- "$@"; }
if [ "$(id -u)" != 0 ] || ! command -v setpriv >/dev/null || ! nobody true 2>/dev/null; then
	echo "skipped: another user needs root and setpriv"
	exit 77
fi
neighbours
envfile=$IAPEER_ROOT/peers/sheila/.iapeer/runtimes/shell/launch.env
mkdir -p "${envfile%/*}"
printf 'TOKEN=x\n' >"$envfile"
chmod 600 "$envfile"
echo precious >"$E2E_DIR/attached"
chmod 600 "$E2E_DIR/attached"
must iapeer send bob "read this" --attachment "$E2E_DIR/attached" --timeout 20

# ---- to read, write, connect
chmod 711 "$E2E_DIR" # as /home is; what is below it must hold by itself
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

# ---- to be there first
mkdir "$E2E_DIR/squat" && chown 65534:65534 "$E2E_DIR/squat"
check_exit "a folder for sockets that is another's" 5 env IAPEER_SOCK_DIR="$E2E_DIR/squat" "$IAPEER_BIN" send mallory x
mkdir "$E2E_DIR/open" && chmod 777 "$E2E_DIR/open"
check_exit "one that everybody may write to" 5 env IAPEER_SOCK_DIR="$E2E_DIR/open" "$IAPEER_BIN" send mallory x
chmod 1777 "$E2E_DIR/open"
check_exit "also with the sticky bit, as /tmp" 5 env IAPEER_SOCK_DIR="$E2E_DIR/open" "$IAPEER_BIN" send mallory x
nobody ln -s "$E2E_DIR/squat" "$E2E_DIR/open/socks"
check_exit "another's link to a folder of his" 5 env IAPEER_SOCK_DIR="$E2E_DIR/open/socks" "$IAPEER_BIN" send mallory x
nobody mkdir "$E2E_DIR/open/root"
check_exit "a root that another made before us" 5 env IAPEER_ROOT="$E2E_DIR/open/root" "$IAPEER_BIN" create x --runtime shell
check_eq "and nothing of ours is in it" "" "$(find "$E2E_DIR/open/root" "$E2E_DIR/squat" -mindepth 1)"

# ---- to have us obey
printf 'PEER_START_ARGS=-c "touch %s/pwned"\n' "$E2E_DIR" >"$envfile"
chown 65534 "$envfile"
check_exit "a launch.env of another's" 5 iapeer new sheila
check_has "is told whose it is" "$err" "belongs to uid 65534"
chown 0 "$envfile"
chmod 666 "$envfile"
check_exit "one that everybody may write to" 5 iapeer new sheila
check "neither is obeyed" nothing_ran
stopped() { iapeer stop --all >/dev/null 2>&1; }
check_soon "and all can be stopped" 40 stopped
e2e_end
