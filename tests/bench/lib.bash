# shellcheck shell=bash
# Sourced by the scripts here: numbers, and tables that are printed as they grow and kept to be printed as markdown.
#
# $place is the script's own folder. $place/rows: section, what, median, p99, remark; $place/budgets: what, measured,
# limit, unit, met or not. Tabs between.

# One number a line in: their median, or p99 (of fewer than 100 numbers that is the worst), divided by the first argument.
stat_of() { # divisor median|p99
	sort -n | awk -v by="$1" -v which="$2" '
		{ v[NR] = $1 }
		END {
			p = v[int((NR * 99 + 99) / 100)]
			if (which == "median")
				p = (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2
			printf(NR ? "%.2f\n" : "-\n", p / by)
		}'
}
calc() { awk "BEGIN { printf \"${2:-%.2f}\", $1 }"; } # expression [format]
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { if (b > 0) printf "%.2f x", a / b; else print "-" }'; }

section=
head_row() { # title
	section=$1
	printf '\n%-66s %12s %12s\n' "$section" median p99 >&3
}
row() { # what median p99 remark
	printf '%-66s %12s %12s   %s\n' "$1" "$2" "${3:-}" "${4:-}" >&3
	printf '%s\t%s\t%s\t%s\t%s\n' "$section" "$1" "$2" "${3:-}" "${4:-}" >>"$place/rows"
}
time_row() { # what file [baseline-file baseline-name]: milliseconds
	local m
	m=$(stat_of 1000 median <"$2")
	row "$1" "$m ms" "$(stat_of 1000 p99 <"$2") ms" "${3:+$(ratio "$m" "$(stat_of 1000 median <"$3")") of $4}"
}
# What docs/PERFORMANCE.md promises: met when the number is not above the limit. No number: not measured here.
budget() { # what measured limit unit
	awk -v what="$1" -v is="$2" -v limit="$3" -v unit="$4" 'BEGIN {
		OFS = "\t"
		known = is ~ /^[0-9.]+$/
		print what, known ? is : "-", limit, unit, !known ? "not measured" : is + 0 <= limit + 0 ? "met" : "NOT MET" }' \
		>>"$place/budgets"
}
print_budgets() {
	printf '\n%-66s %16s %16s\n' budget measured limit >&3
	awk -F '\t' '{ printf "%-66s %16s %16s   %s\n", $1, $2 " " $4, $3 " " $4, $5 }' "$place/budgets" >&3
}
print_markdown() { # the machine
	echo "Measured: $1."
	echo
	echo '| budget | measured | limit | |'
	echo '| --- | ---: | ---: | --- |'
	awk -F '\t' '{ printf "| %s | %s %s | %s %s | %s |\n", $1, $2, $4, $3, $4, $5 == "NOT MET" ? "**not met**" : $5 }' \
		"$place/budgets"
	awk -F '\t' '
		$1 != last {
			printf "\n### %s\n\n| what | median | p99 | |\n| --- | ---: | ---: | --- |\n", toupper(substr($1, 1, 1)) substr($1, 2)
			last = $1
		}
		{ printf "| %s | %s | %s | %s |\n", $2, $3, $4, $5 }' "$place/rows"
}
# The table of README.md: some of the rows.
print_few() {
	awk -F '\t' '
		BEGIN { print "| | |\n| --- | ---: |" }
		$2 == "send to a sleeping shell, until delivered" { sub(/ x of/, " times a bare", $5); say("`send` to a sleeping shell, until delivered", $3 ", " $5) }
		$2 == "send to a live shell, until delivered" { say("`send` to a live shell, until delivered", $3) }
		$2 ~ /^a tmux server, one by one/ { say("a tmux server'"'"'s death until it is on record", $3) }
		$2 ~ /^keeper with .* resident/ { sub(/ \(VmRSS\)/, "", $2); say("the " $2, $3) }
		$2 == "keeper: wake-ups a second" { say("wake-ups of an idle keeper a second", $3) }
		$2 == "its size, stripped" { say("the binary, stripped", $3) }
		function say(what, is) { print "| " what " | " is " |" }' "$place/rows"
}
# Put a file between the marks of a page.
put_into() { # page file
	awk -v with="$2" '
		/^<!-- figures: end -->/ { skip = 0 }
		!skip { print }
		/^<!-- figures: begin/ { print ""; while ((getline line <with) > 0) print line; print ""; skip = 1 }' \
		"$1" >"$place/page"
	cp "$place/page" "$1"
}
