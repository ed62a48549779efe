#!/usr/bin/env bash
# list: whom it lets through, and --watch on a terminal and into a pipe.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin

must iapeer create ann --runtime shell --tag team --description 'the first'
must iapeer create bob --runtime shell --tag team
must iapeer create reader --runtime claude
must iapeer create writer --runtime claude --tag words
must iapeer send bob 'echo hi'

names() { "$IAPEER_BIN" list "$@" 2>&1 | awk '{ printf "%s ", $1 }'; }
check_eq "all" "ann bob reader writer " "$(names)"
check_eq "one" "ann " "$(names ann)"
check_eq "a pattern, a tag, each once" "ann bob reader " "$(names @team 'r*' ann)"
check_eq "by state" "bob " "$(names --state live)"
check_eq "by one of several" "ann bob reader writer " "$(names --state live,asleep)"
check_eq "by what it does" "bob " "$(names --status idle,working)"
check_eq "by runtime" "reader writer " "$(names --runtime claude)"
check_eq "all that is asked for must be so" "" "$(names @team --runtime claude | sed 's/^no .*//')"
run iapeer list --json --state live
check_eq "the same with --json" 1 "$(grep -o '"personality"' <<<"$out" | wc -l | tr -d ' ')"
check_exit "a pattern that fits nobody" 0 iapeer list 'zz*'
check_eq "says so" "no peer matches" "$out"
check_exit "a name that is not there" 3 iapeer list bobb
check_has "and whom was meant" "$err" "did you mean bob?"
check_exit "a tag that nobody has" 3 iapeer list @teem
check_has "and which was meant" "$err" "did you mean @team?"
check_exit "a tag where one peer is meant" 2 iapeer send @team hello
check_has "and that is said" "$err" "@team is a tag"
check_exit "a state that there is not" 2 iapeer list --state lve
check_has "and which there are" "$err" "live, asleep, stopped, unknown"

# ---- on a terminal: one table, in its place; the terminal's modes are never touched
term() { tmux -S "$E2E_DIR/t.sock" "$@"; }
screen() { term capture-pane -p -t t: 2>/dev/null; }
shows() { [[ "$(screen)" == *"$1"* ]]; }
lines_of() { screen | grep -c "^$1 "; }
term -f /dev/null new-session -d -s t -x 80 -y 24 env IAPEER_ROOT="$IAPEER_ROOT" IAPEER_SOCK_DIR="$IAPEER_SOCK_DIR" \
	HOME="$HOME" LC_ALL=C.UTF-8 bash --norc
term send-keys -t t: "PS1='out> '; clear; echo before; stty -g >$E2E_DIR/tty.before; \"$E2E_BIN\" list --watch @team 'c*'" Enter
check_soon "the table" 10 shows "● shell idle"
must iapeer stop bob
check_soon "a change is drawn" 10 shows "bob  ✕ shell"
must iapeer create carl --runtime shell
check_soon "and who comes" 10 shows "carl  ○ shell"
must iapeer remove carl
check_soon "and who goes" 10 not shows carl
term send-keys -t t: Enter Enter
must iapeer start --now bob
check_soon "over itself, also when somebody pressed Enter" 10 shows "bob  ● shell"
check_eq "it is there once" 1 "$(lines_of bob)"
check "and what stood above still does" shows before
term resize-window -t t: -x 60 -y 4
must iapeer stop bob
check_soon "on few lines" 10 shows "✕ shell"
term resize-window -t t: -x 80 -y 24
term send-keys -t t: C-c
check_soon "Ctrl-C ends it" 10 shows "^C"
term send-keys -t t: "echo left-\$?; stty -g >$E2E_DIR/tty.after" Enter
check_soon "as it ends others" 10 shows left-130
check_soon "the terminal is as it was" 5 cmp -s "$E2E_DIR/tty.before" "$E2E_DIR/tty.after"
term send-keys -t t: "\"$E2E_BIN\" list --watch; echo q-\$?" Enter
check_soon "again" 10 shows "reader"
term send-keys -t t: q Enter
check_soon "q leaves" 10 shows q-0
term kill-server

# ---- into a pipe: a table or an object for each change, and nothing for none
"$IAPEER_BIN" list --watch @team >"$E2E_DIR/tables" 2>&1 &
tables=$!
"$IAPEER_BIN" list --watch @team --json >"$E2E_DIR/objects" 2>&1 &
objects=$!
E2E_OWNED+=("$tables" "$objects")
count_of() { grep -c -- "$1" "$E2E_DIR/$2"; }
is_count() { [ "$(count_of "$1" "$2")" = "$3" ]; }
check_soon "the first table" 10 is_count '^ann ' tables 1
check_soon "the first object" 10 is_count '^{' objects 1
must iapeer set ann 'description=changed'
check_soon "another table" 10 is_count 'changed' tables 1
check_soon "another object" 10 is_count '"description":"changed"' objects 1
check_eq "and no other" 2 "$(count_of '^ann ' tables)"
check_eq "one a line" 2 "$(count_of '^{"peers":.*}$' objects)"
check "no colour in it" test "$(grep -c $'\e' "$E2E_DIR/tables")" = 0
kill "$tables" "$objects"
mkfifo "$E2E_DIR/fifo"
"$IAPEER_BIN" list --watch >"$E2E_DIR/fifo" &
reader=$!
E2E_OWNED+=("$reader")
head -n 1 "$E2E_DIR/fifo" >/dev/null
check_soon "nobody reads any more: it leaves" 10 not pid_alive "$reader"
e2e_end
