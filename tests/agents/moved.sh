#!/usr/bin/env bash
# A peer that is told to work elsewhere, or whose folder was moved, goes on with its conversation there; the files that the
# program keeps of it stay as and where they are.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
agents_begin

asks() { run iapeer ask "$1" "$2" --id "$1-$3" --json --timeout 40; } # name text n
heard() { last_asked 'r.ids.join(" ")' "r.ids.includes('$1')"; }   # id: all that its conversation holds

for runtime in claude codex; do
	name=mv$runtime
	mkdir "$E2E_DIR/$runtime" "$E2E_DIR/$runtime.elsewhere"
	agent "$name" "$runtime" --path "$E2E_DIR/$runtime"
	asks "$name" "in the first place" 1
	check_eq "$runtime: it answers" "heard: in the first place" "$(json answer)"
	must iapeer stop "$name"
	must iapeer start "$name"
	kept=$(transcripts "$runtime" | sort)
	size=$(wc -c <"$(echo "$kept" | head -n 1)")

	# ---- told to work elsewhere
	must iapeer set "$name" "workdir=$E2E_DIR/$runtime.elsewhere"
	asks "$name" "in the second" 2
	check_eq "$runtime: told to work elsewhere: the same conversation" "resume $name-1 $name-2" "$(json mode) $(heard "$name-2")"
	check_eq "$runtime: it works there" "$E2E_DIR/$runtime.elsewhere" "$(readlink "/proc/$(tmux_of "$runtime-$name" display-message -p '#{pane_pid}')/cwd")"
	must iapeer stop "$name"
	must iapeer start "$name"

	# ---- its owner has moved the folder
	must iapeer set "$name" workdir=
	mv "$E2E_DIR/$runtime" "$E2E_DIR/$runtime.moved"
	must iapeer set "$name" "folder=$E2E_DIR/$runtime.moved"
	asks "$name" "in the third" 3
	check_eq "$runtime: its folder was moved: the same conversation" "resume $name-1 $name-2 $name-3" "$(json mode) $(heard "$name-3")"
	iapeer stop "$name" >/dev/null
	check_eq "$runtime: its files are where they were" "$kept" "$(transcripts "$runtime" | sort)"
	check "$runtime: and were only added to" test "$(wc -c <"$(echo "$kept" | head -n 1)")" -gt "$size"
done

agents_end
