#!/usr/bin/env bash
# The answer of a shell ends at its next prompt, and not where it is silent: not in a command of its own, not between two.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin
answers() { # what command answer
	check_exit "$1" 0 iapeer ask bob "$2" --timeout 30
	check_eq "$1: its answer" "$3" "$out"
}
QUIET='i=0; while ((i < 150000)); do ((i++)); done' # runs, and prints nothing
must iapeer create bob --runtime shell

answers "a process" 'sleep 1.2; echo hi' hi
answers "silent, then busy" "sleep 1.2; $QUIET; echo there" there
check_exit "a wait" 0 iapeer ask bob "sleep 2 & wait; echo waited" # beside what bash says of its job
check_has "a wait: its answer" "$out" waited
answers "a read" 'read -t 2 line; echo "got $line"' "got "
answers "the one behind them" 'echo next' next

must iapeer send bob 'read -t 2 line; echo "took $line"'
answers "typed into a builtin" 'echo typed' 'took echo typed'
must iapeer send bob "$QUIET; echo first"
answers "behind a builtin" 'echo second' second

answers "another prompt" 'PS1="new> "' ""
answers "and what comes there" "sleep 1.2; $QUIET; echo still" still
answers "a shell that stops editing lines" 'set +o emacs' ""
answers "and what comes there" 'echo plain; sleep 1.2; echo text' $'plain\ntext'
answers "another shell in its place" 'PS1="sh> " exec sh' ""
answers "and what it says" 'echo in-sh; sleep 1.2; echo still' $'in-sh\nstill'
must iapeer stop bob
e2e_end
