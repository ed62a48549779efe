#!/usr/bin/env bash
# Completions as a person meets them: a real shell in a real terminal, and the Tab key.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin

must iapeer create bob --runtime shell --tag ci --description "runs the tests"
must iapeer create bella --runtime shell
mkdir "$E2E_DIR/bin" "$E2E_DIR/files"
ln -s "$E2E_BIN" "$E2E_DIR/bin/iapeer"
echo text >"$E2E_DIR/files/notes-of-today"

term() { tmux -S "$E2E_DIR/t-$shell.sock" "$@"; }
screen() { term capture-pane -p -J -t t: 2>/dev/null; }
shows() { [[ "$(screen)" == *"$1"* ]]; }

open_shell() { # the script that the shell reads first, then the command line
	local rc=$1
	shift
	term -f /dev/null new-session -d -s t -x 100 -y 30 -c "$E2E_DIR/files" \
		env PATH="$E2E_DIR/bin:$PATH" HOME="$E2E_DIR/home" IAPEER_ROOT="$IAPEER_ROOT" "$@"
	[ -z "$rc" ] || type_keys "$rc" Enter
	type_keys "PS1='ready> '" Enter
}
type_keys() { term send-keys -t t: "$@"; }

# Type it, press Tab until the line stands there (a shell may still be reading its files).
completes() { # typed, then what the line becomes
	type_keys C-u
	wait_for 10 line_is "" || return 1
	type_keys -l -- "$1"
	wait_for 10 line_is "$1" || return 1
	type_keys Tab
	wait_for 10 line_is "$2"
}
line_is() {
	local line
	line=$(screen | grep 'ready>' | tail -n 1)
	line=${line#*ready> }
	line=${line#*ready>}
	while [[ $line == *" " ]]; do line=${line% }; done
	[ "$line" = "$1" ]
}

checks_of() {
	check "$shell: a verb" completes "iapeer comple" "iapeer completion"
	check "$shell: a peer" completes "iapeer send bo" "iapeer send bob"
	check "$shell: a runtime of that peer" completes "iapeer start bob sh" "iapeer start bob shell"
	check "$shell: an option" completes "iapeer send --att" "iapeer send --attachment"
	check "$shell: an option's value" completes "iapeer send --runtime=she" "iapeer send --runtime=shell"
	check "$shell: a tag" completes "iapeer stop @c" "iapeer stop @ci"
	check "$shell: a key, without a blank behind" completes "iapeer set bob wake" "iapeer set bob wake_policy="
	check "$shell: a file" completes "iapeer send bob --attachment not" "iapeer send bob --attachment notes-of-today"
	term kill-server
}

shell=bash
open_shell "source <($E2E_DIR/bin/iapeer completion bash)" bash --norc --noprofile
checks_of
for shell in zsh fish; do
	if ! command -v $shell >/dev/null; then
		echo "# $shell is not installed: its completion was not tried"
		continue
	fi
	if [ $shell = zsh ]; then
		open_shell "autoload -Uz compinit && compinit -u -D; source <($E2E_DIR/bin/iapeer completion zsh)" zsh -f
	else
		mkdir -p "$HOME/.config/fish/completions"
		"$IAPEER_BIN" completion fish >"$HOME/.config/fish/completions/iapeer.fish"
		printf 'function fish_prompt; echo -n "ready> "; end\nfunction fish_greeting; end\nset -g fish_autosuggestion_enabled 0\n' >"$HOME/.config/fish/config.fish"
		open_shell "" fish
	fi
	checks_of
done

check_exit "another shell is refused" 2 iapeer completion tcsh
check_has "and told which there are" "$err" "bash, zsh and fish"
e2e_end
