# soak.bash - what tests/faults/torture does when it is a soak (tests/faults/soak): its mix of commands, the fates of its keepers,
# a sample a minute, and the table with its verdict.
# shellcheck shell=bash
# shellcheck disable=SC2154 # what torture defines

# Mostly messages; the keepers are replaced by keeper_fates, so that each lives for a while.
soak_step() {
	local peer=p$((RANDOM % PEERS)) id=s${ME}n$N
	case $((RANDOM % 100)) in
	[0-9] | [1-4]?) act post "$peer" "$id" ia send "$peer" --id "$id" --wait accepted "echo $id >> $TOP/out/all" ;;
	[5-7]?) act send "$peer" "$id" ia send "$peer" --id "$id" --timeout 20 "echo $id >> $TOP/out/all" ;;
	8[0-4]) act ask "$peer" "$id" ia ask "$peer" --id "$id" --timeout 20 "echo $id >> $TOP/out/all" ;;
	8[5-7]) act stop "$peer" - ia stop "$peer" && act start "$peer" - ia start "$peer" ;;
	88) act new "$peer" - ia new "$peer" ;;
	89 | 9[0-2]) kill_server "$peer" ;;
	9[34]) kill_program "$peer" ;;
	95) kill_worker ;;
	96) act set "$peer" - ia set "$peer" description="set by $ME, $N" ;;
	97) act list - - ia list --json ;;
	98) act show "$peer" - ia show "$peer" ;;
	99) act start all - ia start --all ;;
	esac
	read -rt "0.$((RANDOM % 10))" <> <(:) || :
}

# Every 20 s a keeper is killed, replaced in order, or finds another build in its binary's place; the last third is left alone,
# so that one keeper lives through it.
keeper_fates() {
	local n=0 next=20000
	ME=keepers
	while [ "$(now_ms)" -lt $((END - SECS * 1000 / 3)) ]; do
		read -rt 1 <> <(:) || :
		[ $(($(now_ms) - BEGIN)) -ge "$next" ] || continue
		next=$((next + 20000)) n=$((n + 1))
		case $((n % 3)) in
		0) kill_keeper ;;
		1)
			cp "$([ $((n % 2)) = 0 ] && echo "$FIRST" || echo "$TORTURE_SOAK")" "$BIN.new" && mv "$BIN.new" "$BIN"
			act new-binary - "$(keeper)" true
			;;
		2) act replace - "$(keeper)" start_another ;;
		esac
	done
}
start_another() {
	"$BIN" supervise --replace --on-demand >/dev/null 2>&1 &
	wait_for 10 ours_is $!
}
ours_is() { [ "$(keeper)" = "$1" ]; }

# ---- a sample: lines "name value" of what there is, and of each kind of file how many ----
kinds() {
	find "$IAPEER_ROOT" -mindepth 1 -printf '%y %P\n' 2>/dev/null | awk '
	function kind(type, path,    what) {
		if (path ~ /\.tmp$/) return "temporary"
		if (type == "s") return "sockets"
		if (type == "d") return "folders"
		if (path ~ /\.receipts\//) return "receipts"
		if (path ~ /\.queue\//) return "waiting"
		if (path ~ /\/server-deaths\//) return "evidence"
		if (path ~ /^logs\/lifecycle\//) return "pane-logs"
		if (path ~ /^logs\//) return "journals"
		if (path ~ /\/locks\//) return "locks"
		if (path ~ /^state\/lifecycle\//) { what = path; sub(/.*\./, "", what); return "state:" what }
		return "other"
	}
	{ n[kind($1, $2)]++ } END { for (k in n) print k, n[k] }'
}
a_keeper() { PID=$(keeper) && [ -r "/proc/$PID/status" ] && grep -q '^VmRSS' "/proc/$PID/status"; }
sample() { # when
	wait_for 5 a_keeper
	{
		echo "keeper $PID"
		sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/rss \1/p; s/^RssAnon:[^0-9]*\([0-9]*\).*/heap \1/p' "/proc/$PID/status"
		echo "descriptors $(find "/proc/$PID/fd" -mindepth 1 | wc -l)"
		echo "processes $(grep -lszxF "IAPEER_ROOT=$IAPEER_ROOT" /proc/[0-9]*/environ | wc -l)"
		echo "servers $(servers | wc -l)"
		kinds
	} 2>/dev/null | sed "s/^/$1 /" > "$TOP/sample"
	cat "$TOP/sample" >> "$TOP/samples"
	awk '{ v[$2] = $3; if ($2 ~ /^state:/) state += $3 } END {
		printf "sample %6s: keeper %d, %d KiB (%d its own), %d descriptors; %d servers, %d processes; files: %d of state, %d receipts, %d evidence, %d waiting, %d temporary\n",
		$1, v["keeper"], v["rss"], v["heap"], v["descriptors"], v["servers"], v["processes"], state, v["receipts"], v["evidence"], v["waiting"], v["temporary"] }' "$TOP/sample"
}
sampler() {
	local at=0 every=$((SECS < 600 ? SECS / 10 : 60))
	while at=$((at + every)) && [ "$at" -lt "$SECS" ]; do
		wait_for $(((BEGIN + at * 1000 - $(now_ms)) / 1000)) false
		sample "$at"
	done
}

# ---- the verdict ----
# The rules: who was all live at the start and is all live at the end has as many servers, processes and descriptors, 4 more or
# less; a keeper has at most 8 MiB, and the one that lived through the last third has in its second half no more of its own (not
# of its program's file) than a twenty-fifth and 64 KiB above its first half (a run under ten minutes is not asked); of a kind of
# state file there is one a peer, of locks two, of pane logs four; journals are four with five older ones each, a lock each, and a
# keeper's older one; nobody who was not killed left a temporary file; a receipt is a message's, and evidence a death's; what is
# none of these, and folders, are as many as before.
verdict() { # the table on stdout; "not flat" in it is a violation
	local deaths killed messages
	deaths=$(cat "$LOGS"/exits.log* | grep -c 'ev=server-exit')
	killed=$(cat "$TOP"/acts/* | grep -c -E ' (kill-worker|kill-keeper|replace) ')
	messages=$(($(cat "$TOP"/acts/* | grep -c -E ' (post|send|ask) ') + 2 * PEERS))
	awk -v peers="$PEERS" -v secs="$SECS" -v deaths="$deaths" -v killed="$killed" -v messages="$messages" '
	function rule(k,    what) {
		if (k == "rss") return most[k] <= 8192
		if (k == "heap") return secs < 600 || late <= early * 1.04 + 64
		if (k ~ /^(descriptors|processes|servers|folders|other)$/) return v["end", k] - v["start", k] <= 4 && v["start", k] - v["end", k] <= 4
		if (k ~ /^state:/) return most[k] <= peers + 1
		if (k == "locks") return most[k] <= 2 * (peers + 1) + 1
		if (k == "pane-logs") return most[k] <= 4 * (peers + 1)
		if (k == "journals") return most[k] <= 4 * 7 + 1
		if (k == "sockets") return most[k] <= peers + 3
		if (k == "temporary") return most[k] <= killed + 8
		if (k == "receipts") return v["end", k] <= messages
		if (k == "evidence") return v["end", k] == deaths
		if (k == "waiting") return v["end", k] == 0
		return 1
	}
	!($1 in seen) { seen[$1]; when[++n] = $1 }
	{ v[$1, $2] = $3; if (!($2 in most)) names[++kinds] = $2; if ($3 > most[$2] + 0) most[$2] = $3 + 0 }
	$2 == "heap" && $1 + 0 > secs * 2 / 3 { if ($1 + 0 <= secs * 5 / 6) { a += $3; na++ } else { b += $3; nb++ } }
	END {
		early = na ? a / na : v["end", "heap"]; late = nb ? b / nb : early
		third = when[int(1 + (n - 1) / 3 + 0.5)]; middle = when[int(1 + (n - 1) / 2 + 0.5)]; last = when[n - 1]
		printf "%-20s %9s %9s %9s %9s %9s %9s\n", "", "start", third " s", middle " s", last " s", "end", "most"
		for (i = 1; i <= kinds; i++) {
			k = names[i]
			if (k == "keeper") continue
			printf "%-20s %9d %9d %9d %9d %9d %9d   %s\n", k, v["start", k], v[third, k], v[middle, k], v[last, k], v["end", k], most[k], !rule(k) ? "not flat" : k == "receipts" ? "one a message" : k == "evidence" ? "one a death" : k ~ /^(rss|heap|descriptors|processes|servers|folders|other|waiting)$/ ? "flat" : "bounded"
		}
		printf "the last keeper, its own memory, mean: %d KiB, then %d KiB; %d deaths, %d messages\n", early, late, deaths, messages
	}' "$TOP/samples"
}
