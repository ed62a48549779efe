#!/usr/bin/env bash
# Agents reach each other with one tool call, and nobody tells the tool who calls it.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
agents_begin

send() { run iapeer send "$1" "$2" --json --id "$3" "${@:4}"; }
# What alice is told: to call the tool, with words that tell bob to call it too.
errand() { # tool-of-alice to tool-of-bob back word
	local answer="{\"personality\":\"$4\",\"message\":\"the answer is $5\"}"
	local question="what is the answer model:tool=$3 $answer"
	printf 'ask them model:tool=%s {"personality":"%s","message":"%s"}' "$1" "$2" "${question//\"/\\\"}"
}
TOOL=mcp__iapeer__send_to_peer
heard_from() { was_asked "r.heard.includes('from-personality=\"$1\"') && r.heard.includes('$2')"; } # name words
when() { last_asked 'String(r.at)' "$1"; }                                                             # expression on r

pair() { # asker runtime helper runtime word
	local from=$1 from_runtime=$2 to=$3 to_runtime=$4 word=$5 called
	agent "$from" "$from_runtime"
	agent "$to" "$to_runtime"
	must iapeer stop "$to"
	must iapeer start "$to"
	check_not "$from to $to: $to is asleep" is_live "$to_runtime-$to"
	send "$from" "$(errand "$TOOL" "$to" "$TOOL" "$from" "$word")" "errand-$from"
	check_eq "$from is told to ask $to" delivered "$(json status)"
	check_soon "$from has the tool" 10 was_asked "r.ids.includes('errand-$from') && r.tools.some((t) => t.endsWith('send_to_peer'))"
	check_soon "$to was woken and has the question, from $from" 30 heard_from "$from" "what is the answer"
	check "$to is live" is_live "$to_runtime-$to"
	check_soon "$from has the answer, from $to" 30 heard_from "$to" "the answer is $word"
	check_has "$from was told what became of its message" \
		"$(last_asked 'r.result' "r.result !== undefined && r.said.some((s) => s.text.includes('errand-$from'))")" "$to"
	called=$(when "r.ids.includes('errand-$from') && r.reply.startsWith('tool')")
	note "tool call of a live $from_runtime to a sleeping $to_runtime's model: $(($(when "r.heard.includes('from-personality=\"$from\"') && r.heard.includes('what is the answer')") - called)) ms"
	called=$(when "r.heard.includes('from-personality=\"$from\"') && r.reply.startsWith('tool')")
	note "tool call of a live $to_runtime to a live $from_runtime's model: $(($(when "r.heard.includes('from-personality=\"$to\"')") - called)) ms"
	check_eq "nobody has named $from to the tool" 0 "$(count_lines 'unverified' "$LOGS/delivery.log")"
	iapeer stop "$from" >/dev/null
	iapeer stop "$to" >/dev/null
}

pair alice claude bob claude heliotrope
pair carol claude dave codex marigold
pair erin codex frank claude larkspur

agents_end
