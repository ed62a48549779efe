#!/usr/bin/env bash
# A host in bad order: folders that are missing, of another kind, another's or open to others; no HOME; a read-only disk;
# too few descriptors or processes. Each time it works, or one line says why not.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin

# One line that tries, and why; a hint may follow.
says() { # name status text command...
	local name=$1 want=$2 text=$3
	shift 3
	run "$@"
	if [ "$rc" = "$want" ] && [[ ${err%%$'\n'*} == "iapeer: "*"$text"* ]] && [ "$(grep -c '^iapeer: ' <<<"$err")" = 1 ]; then
		pass "$name: $text"
	else
		fail "$name" "status $rc, wanted $want with \"$text\"
out: $out
err: $err"
	fi
}
asleep() { # nothing of ours runs
	run iapeer stop --all
	run iapeer start --all
	run iapeer supervise --stop
	wait_for 5 no_keeper
}
limited() { # ulimit-words command...
	local words=$1
	shift
	# shellcheck disable=SC2086
	(ulimit $words && exec "$IAPEER_BIN" "$@")
}

must iapeer create bob --runtime shell
must iapeer create eve --runtime shell
must iapeer ask bob "echo hi"
asleep

# ---- folders
rm -rf "$IAPEER_ROOT/state" "$IAPEER_ROOT/logs" "${IAPEER_ROOT:?}/bin"
check_exit "state, logs and bin are gone: list" 0 iapeer list
check_exit "send makes them again" 0 iapeer send bob true --timeout 20
check_eq "private" 700 "$(mode_of "$IAPEER_ROOT/state")"
asleep
mv "$IAPEER_ROOT/state" aside
echo >"$IAPEER_ROOT/state"
says "a file in the place of state" 5 "state is a link, or no folder" iapeer list
check_exit "doctor finds it" 1 iapeer doctor
rm "$IAPEER_ROOT/state"
mv aside "$IAPEER_ROOT/state"
mv "$IAPEER_ROOT/peers/bob" aside
says "a peer's folder is gone" 1 "peers/bob is not there" iapeer send bob true
check_exit "its neighbour works" 0 iapeer send eve true --timeout 20
mv aside "$IAPEER_ROOT/peers/bob"
chmod 777 "$IAPEER_ROOT" "$IAPEER_ROOT/state"
chmod 666 "$IAPEER_ROOT/peers-profiles.json"
check_exit "open to all: it is narrowed" 0 iapeer list
check_eq "the root" 700 "$(mode_of "$IAPEER_ROOT")"
check_eq "the registry" 600 "$(mode_of "$IAPEER_ROOT/peers-profiles.json")"
asleep

# ---- a home
check_exit "HOME unset: the root is named" 0 env -u HOME "$IAPEER_BIN" send bob true --timeout 20
check_exit "an empty environment" 0 env -i IAPEER_ROOT="$IAPEER_ROOT" IAPEER_SOCK_DIR="$IAPEER_SOCK_DIR" IAPEER_TEST_SANDBOX=1 "$IAPEER_BIN" send bob true --timeout 20
says "neither: the home of the password file" 5 "is not for tests" env -u HOME -u IAPEER_ROOT "$IAPEER_BIN" list
says "a HOME that is no path: the same" 5 "is not for tests" env -u IAPEER_ROOT HOME=here "$IAPEER_BIN" create x --runtime shell
check_not "and nothing is made here" test -e here
asleep

# ---- a root that is named from here
check_exit "a relative root" 0 env IAPEER_ROOT="${IAPEER_ROOT##*/}" "$IAPEER_BIN" send bob true --timeout 20
asleep

# ---- limits
says "5 descriptors" 1 "Too many open files" limited "-n 5" send bob true
check_exit "12 are enough to look" 0 limited "-n 12" list
says "not for a keeper" 1 "start the keeper:" limited "-n 12" send bob true
check_eq "nothing was accepted" 0 "$(queue_of shell-bob)"

# ---- as a user of little means: root has no limit of processes, and no folder that it may not write to
if [ "$(id -u)" = 0 ] && setpriv --reuid 65534 --regid 65534 --clear-groups -- true 2>/dev/null; then
	chmod 755 "$E2E_DIR"
	mkdir "$E2E_DIR/n"
	chown 65534 "$E2E_DIR/n"
	cp "$E2E_BIN" "$E2E_DIR/iapeer" && chmod 755 "$E2E_DIR/iapeer"
	poor() { # ulimit-words command...
		local words=$1
		shift
		setpriv --reuid 65534 --regid 65534 --clear-groups -- env HOME="$E2E_DIR/n" IAPEER_ROOT="$E2E_DIR/n/r" IAPEER_SOCK_DIR="$E2E_DIR/n/s" \
			bash -c "cd /; ulimit $words && exec \"\$@\"" poor "$E2E_DIR/iapeer" "$@"
	}
	check_exit "its own root" 0 poor "-n 256" create bob --runtime shell
	says "no process may be started" 1 "start the keeper:" poor "-u 1" send bob true
	check_eq "nothing was accepted" "" "$(find "$E2E_DIR/n/r/state/lifecycle" -name '*.json')"
	chown 0 "$E2E_DIR/n/r/state/lifecycle"
	chmod 755 "$E2E_DIR/n/r/state/lifecycle"
	says "a folder that root took" 1 "Permission denied" poor "-n 256" stop bob
	check_exit "doctor names it" 1 poor "-n 256" doctor
	check_has "with its owner" "$out" "not ours: state/lifecycle (uid 0)"
	poor "-n 256" supervise --stop >/dev/null 2>&1
else
	echo "# not tried, needs root and setpriv: a limit of processes, folders of another user"
fi

# ---- a read-only disk
if [ "$(id -u)" = 0 ] && small_disk "$E2E_DIR/d" 20m; then
	use_root "$E2E_DIR/d/r" "$E2E_DIR/s"
	must iapeer create bob --runtime shell
	must mount -o remount,ro "$E2E_DIR/d"
	check_exit "read-only: list" 0 iapeer list
	check_exit "show" 0 iapeer show bob
	says "send" 1 "not accepted: Read-only file system" iapeer send bob true
	says "start --now" 1 "Read-only file system" iapeer start bob --now
	says "stop" 1 "Read-only file system" iapeer stop bob
	says "create" 1 "Read-only file system" iapeer create x --runtime shell
	says "set" 1 "Read-only file system" iapeer set bob description=x
	says "remove" 1 "Read-only file system" iapeer remove bob
	check_exit "doctor" 1 iapeer doctor
	check_has "names the disk" "$out" "read-only disk"
	must mount -o remount,rw "$E2E_DIR/d"
	check_exit "writable again" 0 iapeer send bob true --timeout 20
	asleep
else
	echo "# not tried, may not mount a file system: a read-only disk"
fi
e2e_end
