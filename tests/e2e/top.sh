#!/usr/bin/env bash
# The panel as a person has it: a real terminal, keys, and what stands on the screen.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin

must iapeer create ann --runtime shell --tag team --description $'red \e[31m text'
must iapeer create bob --runtime shell --tag team
must iapeer create carl --runtime shell
must iapeer send bob 'echo hi-$((40+2))'

opened=0 # each time a socket of its own: a server that was killed may still hold the old one
term() { tmux -S "$E2E_DIR/t$opened.sock" "$@"; }
screen() { term capture-pane -p -t t: 2>/dev/null; }
shows() { [[ "$(screen)" == *"$1"* ]]; }
lacks() { [[ "$(screen)" != *"$1"* ]]; }
keys() { term send-keys -t t: "$@"; }
open_top() { # columns lines environment...
	local columns=$1 lines=$2
	shift 2
	opened=$((opened + 1))
	term -f /dev/null new-session -d -s t -x "$columns" -y "$lines" env "$@" IAPEER_ROOT="$IAPEER_ROOT" \
		IAPEER_SOCK_DIR="$IAPEER_SOCK_DIR" HOME="$HOME" bash --norc
	keys "PS1='out> '; clear; \"$E2E_BIN\" top; echo left-\$?" Enter
}
close_top() {
	keys q
	check_soon "q leaves, the terminal as it was" 15 shows left-0
	term kill-server
}

for size in "80 24" "200 60"; do
	# shellcheck disable=SC2086
	open_top $size LC_ALL=C.UTF-8
	check_soon "$size: all are there" 15 shows "3 peers, 1 live"
	check "$size: with their state" shows "● bob"
	check "$size: no escape of others is carried out" shows 'red \x1b[31m'
	check "$size: all keys of the last line" shows "q quit"
	keys j
	check_soon "$size: what the selected one shows" 15 shows hi-42
	close_top
done

open_top 80 24 LC_ALL=C NO_COLOR=1
check_soon "C locale: plain marks" 15 shows "* bob"
check "NO_COLOR: none" test "$(term capture-pane -p -e -t t: | grep -c $'\e\[[0-9;]*3[1-7]m')" = 0
keys j
check_soon "selected" 15 shows "-- bob"
keys s
check_soon "s asks for the text" 15 shows "send to bob:"
keys -l 'echo typed-$((1+1))'
keys Enter
check_soon "sent, and said so" 20 shows "delivered to bob"
check_soon "and its screen shows it" 20 shows "typed-2"
keys x
check_soon "x stops it" 15 shows "x bob"
check_soon "for good" 5 test -e "$STATE/shell-bob.stopped"
keys S
check_soon "S lets it be woken" 10 not test -e "$STATE/shell-bob.stopped"
keys '?'
check_soon "? asks" 15 shows "ask bob:"
keys -l 'echo $((6*7))'
keys Enter
check_soon "in front, with the answer" 20 shows "42"
check_soon "until Enter" 15 shows "Enter goes back"
keys Enter
check_soon "back in the panel" 15 shows "3 peers"
keys /
keys -l 'ca'
keys Enter
check_soon "a filter" 15 shows "1 shown"
check "hides the others" lacks " ann "
keys /
keys C-u Enter
check_soon "and shows them again" 15 shows " ann "
keys /
keys -l 'nobody'
keys Enter
check_soon "one that fits nobody says how to get out" 15 shows "Esc shows all again"
keys Escape
check_soon "and Escape does" 15 shows " ann "
keys G
check_soon "G goes to the last" 15 shows "-- carl"
keys d
check_soon "d asks" 15 shows "type yes"
keys -l no
keys Enter
check_soon "and takes no other answer" 15 shows "not removed"
keys d
keys -l yes
keys Enter
check_soon "yes removes it" 15 shows "2 peers"
keys g
check_soon "g goes to the first" 15 shows "-- ann"
keys a
check_soon "a sleeping one cannot be attached to, and that can be read" 20 shows "Enter goes back"
keys Enter
check_soon "back" 15 shows "2 peers"
must iapeer send ann 'PS1=ann-is-here\>'
keys a
check_soon "attached" 20 shows "ann-is-here>"
keys -l 'echo by-hand-$((3*3))'
keys Enter
check_soon "a terminal to work at" 20 shows "by-hand-9"
keys C-b d
check_soon "and back by C-b d" 20 shows "2 peers"
term resize-window -t t: -x 60 -y 12
check_soon "a small terminal" 15 shows "2 peers"
keys h
check_soon "h shows the keys" 15 shows "Enter goes back"
keys q
check_soon "q leaves that page, not the panel" 15 shows "2 peers"
keys w
check_soon "w tells its story" 20 shows "Enter goes back"
keys Escape
check_soon "and back by Escape" 15 shows "2 peers"
close_top

# ---- a thousand peers
(
	use_root "$E2E_DIR/big"
	must iapeer create p0000 --runtime shell
	awk -v r="$IAPEER_ROOT" 'BEGIN {
		printf "{\"version\":2,\"peers\":["
		for (i = 0; i < 1000; i++)
			printf "%s{\"personality\":\"p%04d\",\"default_runtime\":\"shell\",\"runtimes\":[\"shell\"],\"description\":\"\",\"intelligence\":\"absent\",\"cwd\":\"%s/peers/p%04d\"}", i ? "," : "", i, r, i
		print "]}"
	}' >"$E2E_DIR/thousand"
	cat "$E2E_DIR/thousand" >"$IAPEER_ROOT/peers-profiles.json"
)
IAPEER_ROOT=$E2E_DIR/big open_top 80 24 LC_ALL=C.UTF-8
check_soon "a thousand peers" 15 shows "1000 peers, 0 live"
keys G
check_soon "the last one" 15 shows "-- p0999"
for _ in $(seq 50); do keys k; done
check_soon "fifty keys at once are fifty lines" 15 shows "-- p0949"
close_top

run iapeer top
ageless() { sed -E 's/ [0-9]+[smhd]( +|$)/ /g'; }
check_eq "no terminal: list" "$(iapeer list | ageless)" "$(ageless <<<"$out")"
if [ -d /proc/self ]; then # script -c
	run env TERM=nosuchterm script -qec "$IAPEER_BIN top" /dev/null
	check_has "a terminal that is not known is named" "$out" "nosuchterm"
fi
e2e_end
