#!/usr/bin/env bash
# The README, word by word: each line of its tour is typed as it stands there and does what is said behind it. The program is
# the one of the build; with E2E_INSTALLED=<folder>/usr that of an unpacked package, found by PATH as its user finds it.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin
bin=$(dirname "$IAPEER_BIN")
[ -z "${E2E_INSTALLED:-}" ] || bin=$E2E_INSTALLED/bin
PATH=$bin:$PATH
unset -f iapeer # lib.bash's: here the words are those of a person

# The block behind the heading, without its fences.
block() { # heading
	awk -v want="## $1" '$0 == want { on = 1; next } on && /^## / { exit } on && /^```/ { if (++n == 2) exit; next } on && n == 1' \
		"$E2E_SOURCE/README.md"
}

mine() { tmux -S "$E2E_DIR/m.sock" "$@"; }
shows() { [[ "$(mine capture-pane -p -t m: 2>/dev/null)" == *"$1"* ]]; }
mine -f /dev/null new-session -d -s m -x 100 -y 30 env IAPEER_ROOT="$IAPEER_ROOT" IAPEER_SOCK_DIR="$IAPEER_SOCK_DIR" \
	HOME="$HOME" PATH="$PATH" PS1='mine> ' bash --norc

# At a terminal: what makes it come, and what leaves it.
sit_down() { # command text keys...
	local command=$1 text=$2
	shift 2
	mine send-keys -t m: "clear; $command; echo left-\$?" Enter
	check_soon "$command: $text" 15 shows "$text"
	mine send-keys -t m: "$@"
	check_soon "$command: and back" 15 shows left-0
}

lines=0
while IFS= read -r line; do
	command=${line%%   *} said=${line##*   }
	lines=$((lines + 1))
	case $command in
	"iapeer attach bob") sit_down "$command" "inside another tmux" C-b d ;;
	"iapeer top") sit_down "$command" "● bob" q ;;
	*)
		run bash -c "$command"
		check_eq "$command: $said" 0 "$rc"
		;;
	esac
	case $command in
	*create*) check_has "says what next" "$out" 'iapeer send bob "hello"' ;;
	*send*make*) check_has "says what it says" "$said" "\"$out\"" ;;
	*ask*) check_eq "42 and nothing else" 42 "$out" ;;
	*why*) check_has "in sentences" "$out" "It was woken by a message" ;;
	*queue*) check_eq "nothing waits" "nothing waits for bob" "$out" ;;
	*stop*)
		run iapeer send bob x
		check_eq "no message wakes him" 4 "$rc"
		run iapeer start bob
		check_eq "until start" 0 "$rc"
		;;
	*doctor*) check_has "looks at tmux" "$out" "tmux" ;;
	*help*) check_has "of that verb" "$out" "usage: iapeer send" ;;
	esac
done < <(block "A tour in ten lines")
check_eq "ten lines" 10 "$lines"

# What it says of errors: the shape of each line that the README shows.
must iapeer create eve --runtime shell
must iapeer send eve true
tmux_of shell-eve send-keys -t shell-eve: -l 'half a line'
check_soon "somebody types" 10 eval 'tmux_of shell-eve capture-pane -p -t shell-eve: | grep -q half'
run iapeer send eve 'make test' --timeout 1
check_eq "waits" 8 "$rc"
errors=$(sed -n '/^What it says when things go wrong/,/^## /p' "$E2E_SOURCE/README.md")
check_has "in the README's words" "$errors" "$(sed 's/eve/bob/g' <<<"$err")"
must iapeer create dan --runtime shell
must iapeer send dan true
kill -9 "$(session_of shell-dan)"
why='Its tmux server was killed by SIGKILL.'
tells() { run iapeer why dan && [[ "$out" == *"$why"*"shell-dan is asleep now."* ]]; }
check_soon "why, in the README's words" 10 tells
check_has "which stand there" "$errors" "$why"

# ---- what a package has beside the program
if [ -n "${E2E_INSTALLED:-}" ]; then
	share=$E2E_INSTALLED/share
	check "manual" man -l --warnings "$share/man/man1/iapeer.1.gz" >/dev/null
	check "files' manual" man -l --warnings "$share/man/man5/iapeer-files.5.gz" >/dev/null
	for file in bash-completion/completions/iapeer zsh/vendor-completions/_iapeer fish/vendor_completions.d/iapeer.fish \
		doc/iapeer/README.md doc/iapeer/docs/GUIDE.md doc/iapeer/docs/RECOVERY.md; do
		check "$file" test -s "$share/$file"
	done
	check "unit" test -s "$E2E_INSTALLED/lib/systemd/user/iapeer.service"
fi
mine kill-server
e2e_end
