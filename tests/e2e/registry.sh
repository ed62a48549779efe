#!/usr/bin/env bash
# Sixteen writers at once, of different names and of the same one: no update is lost, and whoever reads meanwhile finds
# a whole registry.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin

writers=16
updates=${E2E_UPDATES:-12}
for w in $(seq 1 $writers); do
	mkdir -p "$IAPEER_ROOT/runtimes/w$w"
	printf '{"format":1,"runtime":"w%s","kind":"shell","program":["/bin/sh"],"envelope":"bare","proof":"submitted"}\n' "$w" \
		>"$IAPEER_ROOT/runtimes/w$w/runtime.json"
done
chmod -R go-rwx "$IAPEER_ROOT"
must iapeer create shared --runtime shell
must iapeer create fought --runtime shell

writer() { # number
	local i
	for i in $(seq 1 "$updates"); do
		iapeer create "p$1-$i" --runtime shell --description "first of $1-$i" >/dev/null || echo "create p$1-$i: $?"
		iapeer set "p$1-$i" description="of $1-$i" >/dev/null || echo "set p$1-$i: $?"
		iapeer set fought description="by $1, $i" >/dev/null || echo "set fought $1-$i: $?"
		[ "$i" != 2 ] || iapeer create shared --runtime "w$1" >/dev/null || echo "create shared $1: $?"
		[ $((i % 4)) != 0 ] || iapeer remove "p$1-$i" >/dev/null || echo "remove p$1-$i: $?"
	done
}
pids=
for w in $(seq 1 $writers); do
	writer "$w" >"said.$w" 2>&1 &
	pids="$pids $!"
done
looks=0
bad=
while :; do
	alive=
	for pid in $pids; do ! kill -0 "$pid" 2>/dev/null || alive=1; done
	[ "$alive" ] || break
	iapeer list --json >look 2>look.err || bad="$bad list:$(cat look.err)"
	json_valid look || bad="$bad invalid"
	# Not by cp: it refuses a file that was replaced between its stat and its open.
	cat "$IAPEER_ROOT/peers-profiles.json" >look 2>look.err && json_valid look || bad="$bad file:$(cat look.err)"
	looks=$((looks + 1))
done
wait
check_eq "every command worked" "" "$(cat said.*)"
check_eq "always a whole registry ($looks looks)" "" "$bad"
check "it was looked at" test "$looks" -ge 5
must iapeer list --json
printf '%s\n' "$out" >all
kept=0
missing=
for w in $(seq 1 $writers); do
	for i in $(seq 1 "$updates"); do
		if [ $((i % 4)) = 0 ]; then
			! grep -q -F "\"personality\":\"p$w-$i\"" all || missing="$missing not-removed:p$w-$i"
		else
			kept=$((kept + 1))
			grep -q -F "\"personality\":\"p$w-$i\",\"default_runtime\":\"shell\",\"description\":\"of $w-$i\"" all || missing="$missing p$w-$i"
		fi
	done
done
check_eq "$kept peers, each with its last description" "" "$missing"
check_eq "and no others" "$((kept + 2))" "$(tr '{' '\n' <all | grep -c '"personality"')"
must iapeer show shared --json
missing=
for w in $(seq 1 $writers); do
	case $out in *"\"runtime\":\"w$w\""*) ;; *) missing="$missing w$w" ;; esac
done
check_eq "sixteen added a runtime to one peer: none is lost" "" "$missing"
check_eq "nor from its profile" "" "$(for w in $(seq 1 $writers); do grep -q "\"w$w\"" "$IAPEER_ROOT/peers/shared/.iapeer/peer-profile.json" || echo "w$w"; done)"
lost=
for i in $(seq 1 8); do
	iapeer set fought description="d$i" >/dev/null &
	iapeer set fought initial_prompt="p$i" >/dev/null &
	iapeer create fought --tag "a$i" >/dev/null &
	iapeer create fought --tag "b$i" >/dev/null &
	wait
	for word in "d$i" "p$i" "a$i" "b$i"; do
		grep -q "\"$word\"" "$IAPEER_ROOT/peers/fought/.iapeer/peer-profile.json" || lost="$lost $word"
	done
done
check_eq "four changes of one profile at once: each is there" "" "$lost"
run iapeer doctor
check_has "the registry says what the profiles say" "$out" "as the registry says"
check_eq "the registry is sorted" "$(sed -n 's/.*"personality": "\(.*\)".*/\1/p' "$IAPEER_ROOT/peers-profiles.json" | LC_ALL=C sort)" \
	"$(sed -n 's/.*"personality": "\(.*\)".*/\1/p' "$IAPEER_ROOT/peers-profiles.json")"
check "the backup parses" json_valid "$IAPEER_ROOT/peers-profiles.json.bak"
check_eq "0600" 600 "$(mode_of "$IAPEER_ROOT/peers-profiles.json")"
check_eq "no temporary file is left" "" "$(find "$IAPEER_ROOT" -maxdepth 1 -name '.*.tmp')"
check "no keeper was needed" no_keeper
e2e_end
