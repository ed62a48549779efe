# lib.bash - what every script here shares: a private root, checks that print a line each, waiting without sleeping,
# and an end that leaves nothing behind.
#
#   . "$(dirname "${BASH_SOURCE[0]}")/lib.bash"; e2e_begin; ...checks...; e2e_end
#
# By hand: IAPEER_BIN=<build>/iapeer IAPEER_BUILD_DIR=<build> bash tests/e2e/<name>.sh     (E2E_KEEP=1 keeps the folder)
# Written for bash 3.2 and the tools of macOS (tests/check-portable). What needs /proc says so with need_proc.
# shellcheck shell=bash
# shellcheck disable=SC2034  # out, err and rc are for the scripts
set -u

: "${IAPEER_BIN:?the program to test}"
E2E_SOURCE=${IAPEER_SOURCE_DIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
E2E_BUILD=${IAPEER_BUILD_DIR:-$(dirname "$IAPEER_BIN")}
E2E_BIN=$IAPEER_BIN
FAKE_TUI=$E2E_BUILD/tests/fake_tui
E2E_CHECKS=0
E2E_FAILED=0
E2E_DIR=
E2E_MOUNTS=() # file systems of its own
E2E_OWNED=() # pids of processes that a script started and that the end must end

# ---- the world -----------------------------------------------------------------------------------------------------

skip() { # why
	echo "skipped: $*"
	[ "${CI:-}" != true ] || exit 1
	exit 77
}

need_proc() { [ -r /proc/self/environ ] || { echo "skipped: needs /proc"; exit 77; }; }
need_fake() { [ -x "$FAKE_TUI" ] || { echo "no fake_tui in the build"; exit 1; }; }

e2e_begin() {
	local name
	command -v tmux >/dev/null || skip "no tmux"
	# Only we decide what the program sees.
	for name in $(env | sed -n 's/^\(IAPEER_[A-Z_]*\)=.*/\1/p; s/^\(PEER_[A-Z_]*\)=.*/\1/p'); do
		unset "$name"
	done
	unset TMUX TMUX_PANE XDG_RUNTIME_DIR SSH_AUTH_SOCK BASH_ENV ENV PROMPT_COMMAND
	IAPEER_BIN=$E2E_BIN
	# Short on purpose: a socket's path has some 107 bytes.
	E2E_DIR=$(mktemp -d /tmp/iap.XXXXXX) || exit 1
	E2E_DIR=$(cd "$E2E_DIR" && pwd -P)
	trap e2e_exit EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	mkdir "$E2E_DIR/home" "$E2E_DIR/s"
	export HOME=$E2E_DIR/home IAPEER_TEST_SANDBOX=1 IAPEER_SHELL_BIN=/bin/bash LC_ALL=C.UTF-8 SHELL=/bin/bash TERM=xterm-256color
	PATH=$(dirname "$(command -v tmux)"):/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
	export PATH
	use_root "$E2E_DIR/r"
	cd "$E2E_DIR" || exit 1
}

# Another root from here on; its sockets are next to it, so that the end finds them.
use_root() { # folder [socket folder]
	export IAPEER_ROOT=$1 IAPEER_SOCK_DIR=${2:-$E2E_DIR/s}
	mkdir -p "$IAPEER_SOCK_DIR"
	STATE=$IAPEER_ROOT/state/lifecycle
	LOGS=$IAPEER_ROOT/logs/iapeer
	E2E_ROOTS+=("$IAPEER_ROOT")
}
E2E_ROOTS=()

# A small file system of its own, made there; false: we may not.
small_disk() { # folder size
	mkdir -p "$1"
	mount -t tmpfs -o "size=$2,mode=700" tmpfs "$1" 2>/dev/null || return 1
	E2E_MOUNTS+=("$1")
}

pid_alive() { # a zombie is dead
	local stat
	kill -0 "$1" 2>/dev/null || return 1
	if [ -d /proc/self ]; then
		stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
		stat=${stat##*) }
	else
		stat=$(ps -o stat= -p "$1" 2>/dev/null)
	fi
	case $stat in Z* | X* | "") return 1 ;; esac
}

# pids that a root's records name: servers, then programs.
recorded_pids() { # root
	find "$1/state/lifecycle" -maxdepth 1 \( -name '*.session' -o -name '*.canary' -o -name '*.ending' \) -exec cat {} + 2>/dev/null |
		sed -nE 's/^.*"(server_pid|pid)": *([0-9]*).*$/\2/p'
}

e2e_exit() {
	local status=$? root sock pid
	trap - EXIT
	for root in ${E2E_ROOTS[@]+"${E2E_ROOTS[@]}"}; do
		[ -d "$root" ] || continue
		IAPEER_ROOT=$root "$IAPEER_BIN" supervise --stop >/dev/null 2>&1
	done
	for root in ${E2E_ROOTS[@]+"${E2E_ROOTS[@]}"}; do
		for pid in $(recorded_pids "$root"); do
			kill -CONT "$pid" 2>/dev/null
			kill -KILL "$pid" 2>/dev/null
		done
	done
	# A server that no record names (a killed worker's, or one of the script's own): by its socket.
	while IFS= read -r sock; do
		tmux -S "$sock" kill-server 2>/dev/null
	done < <(find "$E2E_DIR" -type s -name '*.sock' 2>/dev/null)
	for pid in ${E2E_OWNED[@]+"${E2E_OWNED[@]}"}; do
		kill -KILL "$pid" 2>/dev/null
	done
	for root in ${E2E_MOUNTS[@]+"${E2E_MOUNTS[@]}"}; do
		umount -l "$root"
	done
	if [ "${E2E_KEEP:-}" ]; then
		echo "kept: $E2E_DIR"
	else
		cd / && { rm -rf "$E2E_DIR" || { chmod -R u+rwx "$E2E_DIR"; rm -rf "$E2E_DIR"; }; } 2>/dev/null
	fi
	exit "$status"
}

# What the keeper and its workers said on their standard error: no sanitizer, no assertion.
no_internal_error() {
	local root
	for root in ${E2E_ROOTS[@]+"${E2E_ROOTS[@]}"}; do
		! grep -s -E 'Sanitizer|runtime error:|Assertion|Abort' "$root/logs/iapeer/supervise.log" || return 1
	done
}

e2e_end() {
	check "no internal error in any log" no_internal_error
	if [ "$E2E_FAILED" -gt 0 ]; then
		show_logs
		echo "$E2E_CHECKS checks, $E2E_FAILED failed"
		exit 1
	fi
	echo "$E2E_CHECKS checks, all passed"
	exit 0
}

show_logs() {
	local root log
	for root in ${E2E_ROOTS[@]+"${E2E_ROOTS[@]}"}; do
		for log in supervise lifecycle delivery exits; do
			[ -s "$root/logs/iapeer/$log.log" ] || continue
			echo "---- $root: $log.log"
			tail -n 25 "$root/logs/iapeer/$log.log"
		done
	done
}

# ---- checks --------------------------------------------------------------------------------------------------------

pass() { # name
	E2E_CHECKS=$((E2E_CHECKS + 1))
	echo "ok $E2E_CHECKS - $1"
}

fail() { # name [detail]
	E2E_CHECKS=$((E2E_CHECKS + 1))
	E2E_FAILED=$((E2E_FAILED + 1))
	echo "not ok $E2E_CHECKS - $1"
	[ -z "${2:-}" ] || printf '%s\n' "$2" | head -c 3000 | sed 's/^/    # /'
}

check() { # name command...
	local name=$1
	shift
	if "$@"; then pass "$name"; else fail "$name" "false: $*"; fi
}

check_not() { # name command...
	local name=$1
	shift
	if "$@"; then fail "$name" "true: $*"; else pass "$name"; fi
}

check_eq() { # name wanted got
	if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "wanted: $2
got:    $3"; fi
}

check_has() { # name text needle
	case $2 in
	*"$3"*) pass "$1" ;;
	*) fail "$1" "no \"$3\" in: $2" ;;
	esac
}

check_lacks() { # name text needle
	case $2 in
	*"$3"*) fail "$1" "\"$3\" in: $2" ;;
	*) pass "$1" ;;
	esac
}

# Run it: $rc, $out, $err.
run() { # command...
	"$@" >"$E2E_DIR/.out" 2>"$E2E_DIR/.err" </dev/null
	rc=$?
	out=$(cat "$E2E_DIR/.out")
	err=$(cat "$E2E_DIR/.err")
}

check_exit() { # name status command...
	local name=$1 want=$2
	shift 2
	run "$@"
	if [ "$rc" -eq "$want" ]; then pass "$name"; else fail "$name" "status $rc, wanted $want: $*
out: $out
err: $err"; fi
}

iapeer() { "$IAPEER_BIN" "$@"; }

# What must work before the rest can mean anything.
must() { # command...
	run "$@"
	[ "$rc" -eq 0 ] && return
	fail "must work: $*" "status $rc
out: $out
err: $err"
	e2e_end
}

wait_for() { # seconds command...
	local until=$((SECONDS + $1 + 1))
	shift
	until "$@"; do
		[ $SECONDS -lt $until ] || return 1
		sleep 0.02
	done
}

# Where several tests share two cores, or a sanitizer takes its time, a deadline is this many times as long.
E2E_PATIENCE=${E2E_PATIENCE:-1}
if [ "${CI:-}" = true ] || grep -q __asan_init "$E2E_BIN" 2>/dev/null; then E2E_PATIENCE=3; fi

check_soon() { # name seconds command...
	local name=$1 seconds=$(($2 * E2E_PATIENCE))
	shift 2
	if wait_for "$seconds" "$@"; then pass "$name"; else fail "$name" "not within $seconds s: $*"; fi
}

not() { ! "$@"; }

within() { # seconds command...: as timeout(1), which macOS has not
	perl -e 'alarm shift; exec @ARGV or die' "$@"
}

# ---- looking -------------------------------------------------------------------------------------------------------

# The first value of that key, quotes off; escapes stay as they are.
json() { # key [text]
	local text=${2-$out} rest
	rest=${text#*"\"$1\":"}
	[ "$rest" != "$text" ] || return 0
	case ${rest# } in
	'"'*) rest=${rest#*\"}; printf '%s\n' "${rest%%\"*}" ;;
	*) rest=${rest# }; printf '%s\n' "${rest%%[],\}]*}" ;;
	esac
}

# A whole parser, if there is one.
json_valid() { # file
	if command -v python3 >/dev/null 2>&1; then
		python3 -c 'import json,sys; json.load(open(sys.argv[1]))' "$1" 2>/dev/null
	elif command -v jq >/dev/null 2>&1; then
		jq empty "$1" 2>/dev/null
	else
		case $(cat "$1") in "{"*"}") true ;; *) false ;; esac
	fi
}

field() { # key line...   of a logfmt line, bare values
	printf '%s\n' "$2" | tr ' ' '\n' | sed -n "s/^$1=//p" | sed -n 1p
}

count_lines() { # pattern file...
	local pattern=$1
	shift
	cat "$@" 2>/dev/null | grep -c -e "$pattern"
}

mode_of() { stat -c %a "$1" 2>/dev/null || stat -f %Lp "$1"; }

session_of() { sed -n '/"server"/,/}/s/.*"pid": *\([0-9]*\).*/\1/p' "$STATE/$1.session" 2>/dev/null; } # identity: server's pid
pane_of() { sed -n '/"pane"/,/}/s/.*"pid": *\([0-9]*\).*/\1/p' "$STATE/$1.session" 2>/dev/null; }      # identity: program's pid
is_live() { [ -n "$(session_of "$1")" ] && pid_alive "$(session_of "$1")"; }
is_gone() { [ ! -e "$STATE/$1.session" ] && [ ! -e "$STATE/$1.canary" ] && [ ! -e "$STATE/$1.ending" ]; } # no session on record
queue_of() { find "$STATE/$1.queue" -name '*.json' 2>/dev/null | wc -l | tr -d ' '; }                 # identity: messages waiting
queue_empty() { [ "$(queue_of "$1")" = 0 ]; }
socket_of() { echo "$IAPEER_SOCK_DIR/tmux-iap-$1.sock"; }
tmux_of() { # identity tmux-command...
	local identity=$1
	shift
	tmux -S "$(socket_of "$identity")" "$@"
}

keeper() { # its pid; nothing when there is none
	local pid
	pid=$(sed -n 's/^[^0-9]*\([0-9][0-9]*\).*/\1/p' "$IAPEER_ROOT/state/iapeer/supervise.lock" 2>/dev/null | sed -n 1p)
	[ -n "$pid" ] && pid_alive "$pid" && [ -S "$(keeper_socket)" ] && echo "$pid"
}
keeper_socket() {
	local s=$IAPEER_ROOT/state/iapeer/supervise.sock
	[ -S "$s" ] || s=$(find "$IAPEER_SOCK_DIR" -name 'supervise*.sock' 2>/dev/null | sed -n 1p)
	echo "${s:-$IAPEER_ROOT/state/iapeer/supervise.sock}"
}
has_keeper() { [ -n "$(keeper)" ]; }
no_keeper() { [ -z "$(keeper)" ]; }

# Where there is a /proc: tmux servers that were started for this root, whoever remembers them.
servers_of_root() {
	local pid
	grep -lszxF "IAPEER_ROOT=$IAPEER_ROOT" /proc/[0-9]*/environ 2>/dev/null | while IFS=/ read -r _ _ pid _; do
		case $(cat "/proc/$pid/comm" 2>/dev/null) in "tmux: server") echo "$pid" ;; esac
	done
}
server_count() { servers_of_root | wc -l | tr -d ' '; }

child_pids() { # pid
	if [ -r "/proc/$1/task/$1/children" ]; then
		cat "/proc/$1/task/$1/children"
	else
		ps -A -o ppid= -o pid= | awk -v p="$1" '$1 == p { print $2 }'
	fi
}

# ---- the scripted TUI ----------------------------------------------------------------------------------------------

fake_runtime() { # [name [sed expression on the manifest]]
	local name=${1:-fake}
	need_fake
	mkdir -p "$IAPEER_ROOT/runtimes/$name"
	sed -e "s|\"fake_tui\"|\"$FAKE_TUI\"|" -e "s/\"runtime\": \"fake\"/\"runtime\": \"$name\"/" -e "${2:-}" \
		"$E2E_SOURCE/tests/fake/fake_tui.json" >"$IAPEER_ROOT/runtimes/$name/runtime.json"
	chmod -R go-rwx "$IAPEER_ROOT/runtimes"
}

# A peer with that program; its options are launch.env's PEER_START_ARGS. It records into $E2E_DIR/rec.<name>.
fake_peer() { # name fake_tui-options [create-options...]
	local name=$1 args=$2 runtime=${FAKE_RUNTIME:-fake}
	shift 2
	[ -f "$IAPEER_ROOT/runtimes/$runtime/runtime.json" ] || fake_runtime "$runtime"
	must iapeer create "$name" --runtime "$runtime" "$@"
	fake_args "$name" "$args"
}

fake_args() { # name fake_tui-options
	local runtime=${FAKE_RUNTIME:-fake}
	mkdir -p "$IAPEER_ROOT/peers/$1/.iapeer/runtimes/$runtime"
	printf 'PEER_START_ARGS=--record %s %s\n' "$E2E_DIR/rec.$1" "$2" >"$IAPEER_ROOT/peers/$1/.iapeer/runtimes/$runtime/launch.env"
}

recorded() { # name: how many texts it took
	wc -l <"$E2E_DIR/rec.$1" 2>/dev/null | tr -d ' ' || echo 0
}
