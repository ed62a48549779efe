#!/usr/bin/env bash
# State whose owner left the registry by other hands: to the trash after its time, never a neighbour's, never what lives.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
need_proc
e2e_begin
export IAPEER_TRASH_SECS=2

registry=$IAPEER_ROOT/peers-profiles.json
trash=$IAPEER_ROOT/state/trash
trashed() { find "$trash" -name "$1.*" 2>/dev/null | wc -l; }
# Takes records out of the registry, as an editor would that writes it anew.
edit_out() { # name...
	local names=" $* "
	awk -v names="$names" '
		/^    \{/ { record = $0; inside = 1; next }
		inside { record = record "\n" $0
			if ($0 ~ /"personality"/) { split($0, w, "\""); gone = index(names, " " w[4] " ") }
			if ($0 ~ /^    \}/) { inside = 0; if (!gone) kept[++n] = record }
			next }
		/^  \]/ { for (i = 1; i <= n; i++) { sub(/,$/, "", kept[i]); print kept[i] (i < n ? "," : "") } }
		{ print }' "$registry" >edited
	json_valid edited || fail "the edited registry parses" "$(cat edited)"
	cp edited "$registry.new" && mv "$registry.new" "$registry"
}
stays() { # identity: all through the time after which it would go, its state is there
	! wait_for 3 test ! -e "$STATE/$1.stopped"
}

for name in bob big-bob bob-2 bobby live keep; do
	must iapeer create "$name" --runtime shell
	must iapeer stop "$name"
done
must iapeer start live
must iapeer start keep
must iapeer send keep true # a keeper stays for it
must iapeer send live true
cp "$registry" whole
pid=$(session_of shell-live)

# ---- a registry that is not there, does not parse or is newer says nothing about anybody
k=$(keeper)
mv "$registry" aside
check "a registry that is gone" stays shell-bob
printf '{"version":2,"peers":[' >"$registry"
check "one that is cut off" stays shell-bob
printf '{"version":3,"peers":[]}' >"$registry"
check "a newer one" stays shell-bob
cp whole "$registry"
check "and back again" stays shell-bob
check_eq "with the same keeper" "$k" "$(keeper)"
check_eq "nothing has gone" 0 "$(trashed shell-bob)"

# ---- gone, and gone for long enough
edit_out bob live
check "its state is still there" test -e "$STATE/shell-bob.stopped"
check_soon "after its time it is not" 10 test ! -e "$STATE/shell-bob.stopped"
check_eq "it is in the trash" 1 "$(find "$trash" -path "*/bob-*/shell-bob.stopped" | wc -l)"
check_soon "a line says so" 3 grep -q 'identity=shell-bob action=trashed' "$LOGS/lifecycle.log"
for neighbour in big-bob bob-2 bobby; do
	check "not $neighbour's" test -e "$STATE/shell-$neighbour.stopped"
done
check "what lives is left alone" pid_alive "$pid"
check "with its state" test -e "$STATE/shell-live.session"
check_soon "and reported" 5 grep -q 'identity=shell-live is not registered' "$LOGS/supervise.log"
check_exit "doctor names it" 0 iapeer doctor
check_has "in words" "$out" shell-live
check_exit "remove refuses what lives" 5 iapeer remove live
check_exit "and with force ends it" 0 iapeer remove live --force
check_not "it has ended" pid_alive "$pid"

# ---- back in time
edit_out bob live bobby
wait_for 0 false # a second of the two
cp whole "$registry.new" && mv "$registry.new" "$registry"
check "who comes back in time keeps its state" stays shell-bobby

# ---- a new keeper begins to count again
edit_out bob live bobby
kill -KILL "$(keeper)"
must iapeer send keep true
check_soon "it finds it too" 10 test ! -e "$STATE/shell-bobby.stopped"

# ---- a namesake inherits nothing, at once
edit_out bob live bobby big-bob
must iapeer create big-bob --runtime shell
check_not "not even for a moment" test -e "$STATE/shell-big-bob.stopped"
check_eq "it went to the trash" 1 "$(trashed shell-big-bob)"
check_exit "and it can be sent to" 0 iapeer send big-bob true

# ---- a week later
old=$trash/bob-$(($(date +%s) * 1000 - 8 * 24 * 3600 * 1000))
mv "$trash"/bob-[0-9]* "$old"
receipt=$(find "$STATE/shell-keep.receipts" -name '*.json' | sed -n 1p)
touch -d '8 days ago' "$receipt"
for temp in "$STATE/.shell-keep.topic.7.1.tmp" "$STATE/shell-keep.queue/.0000000001.json.7.1.tmp"; do
	touch -d '2 hours ago' "$temp"
	touch "${temp%.1.tmp}.2.tmp"
done
must iapeer supervise --stop
must iapeer send keep true
check_soon "it is deleted" 5 test ! -e "$old"
check "younger ones are not" test -n "$(ls "$trash")"
check_soon "so is a receipt" 5 test ! -e "$receipt"
check "younger ones are not" test -n "$(ls "$STATE/shell-keep.receipts")"
check_soon "so is what a killed process left" 5 eval '[ -z "$(find "$STATE" -name ".*.7.1.tmp")" ]'
check_eq "but not what somebody may be at work on" 2 "$(find "$STATE" -name '.*.7.2.tmp' | wc -l)"
e2e_end
