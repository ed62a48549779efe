#!/usr/bin/env bash
# Sitting down at a peer: from inside one's own tmux, only to look, with one's own tmux.conf; `run` in a folder.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin

must iapeer create bob --runtime shell
must iapeer create carl --runtime shell
must iapeer send bob "PS1='bob-is-here> '"
must iapeer send carl "PS1='carl-is-here> '"

# The person's own tmux, with the prefix that everybody has.
mine() { tmux -S "$E2E_DIR/m.sock" "$@"; }
screen() { mine capture-pane -p -t m: 2>/dev/null; }
shows() { [[ "$(screen)" == *"$1"* ]]; }
keys() { mine send-keys -t m: "$@"; }
types() { keys "$1" Enter; }
mine -f /dev/null new-session -d -s m -x 100 -y 20 env IAPEER_ROOT="$IAPEER_ROOT" IAPEER_SOCK_DIR="$IAPEER_SOCK_DIR" \
	HOME="$HOME" PATH="$(dirname "$IAPEER_BIN"):$PATH" bash --norc
types "PS1='mine> '; clear"
check_soon "a person's tmux" 10 shows "mine>"

types "'$IAPEER_BIN' attach bob; echo left-\$?"
check_soon "attach from inside it" 10 shows "bob-is-here>"
check_soon "says how one gets out" 5 shows "inside another tmux: C-b C-b d leaves bob"
keys C-b d # send-keys goes to the pane, as what a person types after the outer prefix does
check_soon "and so it is" 10 shows left-0
check "the peer goes on" is_live shell-bob

types "clear; '$IAPEER_BIN' attach bob --read-only; echo left-\$?"
check_soon "only to look" 10 shows "bob-is-here>"
types "echo typed-\$((1+1))"
sleep 0.1 # a person's pause: keys in one breath are to tmux a pasted text, and no command of his
keys C-b d
check_soon "and back" 10 shows left-0
check_lacks "nothing was typed" "$(iapeer read bob --screen)" typed-

types "clear; '$IAPEER_BIN' attach nobody; '$IAPEER_BIN' stop carl; '$IAPEER_BIN' attach carl; '$IAPEER_BIN' start carl; '$IAPEER_BIN' attach carl; echo left-\$?"
check_soon "who is not there" 10 shows "no such peer: nobody"
check_soon "who is stopped" 10 shows "carl is stopped"
check_soon "who is asleep, and what to do" 10 shows "iapeer start --now carl"
check_soon "and back at once" 10 shows left-1
check_exit "no terminal" 2 iapeer attach bob
check_has "says what to do instead" "$err" "iapeer read"

# ---- one's own settings
echo 'set -g prefix C-a' >"$IAPEER_ROOT/tmux.conf"
must iapeer start --now carl
types "clear; '$IAPEER_BIN' attach carl; echo left-\$?"
check_soon "with a tmux.conf" 10 shows "C-a C-a d leaves carl"
keys C-a d
check_soon "its keys are mine" 10 shows left-0

# ---- this folder's peer
mkdir "$E2E_DIR/app"
types "clear; cd '$E2E_DIR/app'; '$IAPEER_BIN' run; '$IAPEER_BIN' init --runtime shell; '$IAPEER_BIN' run"
check_soon "a folder that is no peer's" 10 shows "this folder is no peer's"
check_soon "then its peer, fresh and attached" 15 shows "leaves app"
types "clear; pwd"
check_soon "in that folder" 10 shows "$E2E_DIR/app"
keys C-a d
check_soon "and back" 10 shows "mine>"
check "it lives on" is_live shell-app
mine kill-server
e2e_end
