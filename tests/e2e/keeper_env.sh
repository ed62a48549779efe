#!/usr/bin/env bash
# <root>/environment decides what a peer gets, whoever starts the keeper and whatever stands in their environment.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin

must iapeer create ann --runtime shell
environment=$IAPEER_ROOT/environment
check_eq "written at the first create, 0600" 600 "$(mode_of "$environment")"
check "with the HOME of whoever created" grep -q -x "HOME=$HOME" "$environment"
printf 'CHOSEN=by the owner\nEMPTY=\nPATH=%s\n' "$PATH:/chosen" >>"$environment"

# A caller with junk, whose command starts the keeper.
mkdir "$E2E_DIR/elsewhere" "$E2E_DIR/bad"
printf '#!/bin/sh\nexit 9\n' >"$E2E_DIR/bad/env"
chmod +x "$E2E_DIR/bad/env"
junk() {
	(cd "$E2E_DIR/elsewhere" && umask 0 && exec env JUNK=1 SECRET_TOKEN=t LD_JUNK=1 TMUX=/nowhere,1,0 TMUX_PANE=%9 TMUX_TMPDIR="$E2E_DIR/elsewhere" \
		EDITOR=ed PS1=junk PROMPT_COMMAND=junk BASH_ENV="$E2E_DIR/junkrc" HOME="$E2E_DIR/elsewhere" PEER_JUNK=1 PEER_RUNTIME=junk \
		CHOSEN="by the caller" PATH="$E2E_DIR/bad:$PATH" LANG=xx "$@")
}
check "no keeper yet" no_keeper
check_exit "a send out of a strange environment" 0 junk "$IAPEER_BIN" send ann true --json
check_eq "woke" true "$(json woke)"
check_exit "what the peer's program has" 0 iapeer ask ann 'env | sort'
for name in JUNK SECRET_TOKEN LD_JUNK TMUX TMUX_PANE TMUX_TMPDIR EDITOR PROMPT_COMMAND BASH_ENV PEER_JUNK; do
	check_lacks "no $name" "
$out" "
$name="
done
check_has "the owner's variable" "$out" "CHOSEN=by the owner"
check_has "the owner's PATH" "$out" "PATH=$PATH:/chosen"
check_has "the owner's HOME" "$out" "HOME=$HOME"
check_has "an empty one" "
$out
" "
EMPTY=
"
check_has "its identity" "$out" "PEER_IDENTITY=shell-ann"
check_has "its runtime" "$out" "PEER_RUNTIME=shell"
check_has "its name" "$out" "PEER_PERSONALITY=ann"
check_has "its root" "$out" "IAPEER_ROOT=$IAPEER_ROOT"
check_exit "its folder" 0 iapeer ask ann pwd
check_eq "is its own" "$IAPEER_ROOT/peers/ann" "$out"
check_eq "the keeper's files are private, whatever the umask" "" "$(find "$IAPEER_ROOT/state" "$IAPEER_ROOT/logs" -perm /077 2>/dev/null | head -5)"
if [ -r /proc/self/environ ]; then
	server=$(session_of shell-ann)
	check_eq "nothing else in the server" "" "$(tr '\0' '\n' <"/proc/$server/environ" | grep -e JUNK -e SECRET -e TMUX)"
	check_eq "nothing in its arguments" "" "$(tr '\0' '\n' <"/proc/$server/cmdline" | grep -e JUNK -e SECRET -e CHOSEN)"
	check_eq "the keeper stands in the way of no folder" / "$(readlink "/proc/$(keeper)/cwd")"
	check_eq "no lock or log of ours is open in the server" "" "$(find "/proc/$server/fd" -lname "$IAPEER_ROOT/*" 2>/dev/null | head -3)"
fi

# Another peer, another caller, the same keeper: the same environment; launch.env adds to it, for one peer.
must iapeer create ben --runtime shell
mkdir -p "$IAPEER_ROOT/peers/ben/.iapeer/runtimes/shell"
printf '# mine\nONLY_BEN="two words"\nPEER_START_ARGS=--norc\n' >"$IAPEER_ROOT/peers/ben/.iapeer/runtimes/shell/launch.env"
check_exit "another peer" 0 junk OTHER=1 "$IAPEER_BIN" send ben true
# shellcheck disable=SC2016
check_exit "its variables" 0 iapeer ask ben 'echo "<$ONLY_BEN><$CHOSEN><$OTHER>"'
check_eq "its own, the owner's, not the caller's" "<two words><by the owner><>" "$out"
# shellcheck disable=SC2016
check_exit "the first one" 0 iapeer ask ann 'echo "<$ONLY_BEN>"'
check_eq "has none of that" "<>" "$out"

# Settings: the keeper's are its own and config.json's.
check_exit "a command with other settings" 0 env IAPEER_BOOT_PARALLEL=9 "$IAPEER_BIN" send ann true
check_has "says that the keeper runs with others" "$err" "other settings"
check_has "in words" "$err" "this command boot_parallel=9 ("
e2e_end
