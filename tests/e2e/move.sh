#!/usr/bin/env bash
# set: another name, another folder, several keys as one change; what is a peer's goes along, whoever is killed.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
need_proc
e2e_begin

registry=$IAPEER_ROOT/peers-profiles.json
profile() { cat "$1/.iapeer/peer-profile.json"; }
cwd_of() { must iapeer show "$1" --json; json cwd; }

must iapeer create bob --runtime shell --description 'runs the tests' --tag ci
must iapeer create big-bob --runtime shell
must iapeer create eve --runtime shell
must iapeer send bob true --topic release
home=$(cwd_of bob)

# ---- wrong words
check_exit "an unknown key" 2 iapeer set bob nam=x
check_has "names the nearest" "$err" "did you mean name?"
check_exit "an unknown policy" 2 iapeer set bob wake_policy=alway
check_has "says which there are" "$err" "on-demand, ephemeral, always"
check_exit "no name" 2 iapeer set bob 'name=Bob!'
check_exit "no folder" 2 iapeer set bob folder=/nowhere/at/all
check_exit "a wrong one among right ones changes nothing" 2 iapeer set bob description=changed tags=a wake_policy=x
check_has "nothing at all" "$(profile "$home")" "runs the tests"
check_exit "a name that is taken" 5 iapeer set bob name=eve
check_has "says so" "$err" "there is a peer eve already"
check_exit "a folder that is taken" 5 iapeer set bob folder="$(cwd_of eve)"
check_exit "a live peer keeps its name" 5 iapeer set bob name=rob
check_has "and says what to do" "$err" "iapeer stop bob"

# ---- another name
must iapeer stop bob
must iapeer start bob
printf '{"format":1}\n' >"$STATE/shell-bob.conversation"
touch "$STATE/shell-big-bob.fresh-next"
printf 'text\n' >"$STATE/shell-bob.queue/0000000001.bad" # goes along as it is
check_exit "renamed, and more at once" 0 iapeer set bob name=rob description='still runs them' tags=ci,night --json
check_eq "says the new name" rob "$(json personality)"
check_exit "the old one is unknown" 3 iapeer show bob
check_exit "the new one is there" 0 iapeer show rob --json
check_eq "in the same folder" "$home" "$(json cwd)"
check_has "with all that was changed" "$out" "still runs them"
check_has "tags too" "$out" night
check_has "the profile says so too" "$(profile "$home")" '"personality": "rob"'
check_eq "nothing of the old name is left" "" "$(find "$STATE" "$IAPEER_ROOT/logs/lifecycle" -name 'shell-bob.*')"
check "its conversation went along" test -e "$STATE/shell-rob.conversation"
check "its park mark" test -e "$STATE/shell-rob.idle-reaped"
check "its topics" grep -q release "$STATE/shell-rob.topic"
check "its pane's log" test -e "$IAPEER_ROOT/logs/lifecycle/shell-rob.log"
check "not the neighbour's" test -e "$STATE/shell-big-bob.fresh-next"
check_exit "it wakes" 0 iapeer ask rob 'echo here'
check_eq "and answers" here "$out"
rm -f "$STATE/shell-rob.conversation"

# ---- another folder
must iapeer stop rob
must iapeer start rob
mkdir "$E2E_DIR/there"
check_exit "another folder" 0 iapeer set rob folder="$E2E_DIR/there"
check_has "it says where it works" "$out" "it works in $home"
check "its .iapeer has moved" test -e "$E2E_DIR/there/.iapeer/peer-profile.json"
check_not "it is not in the old one" test -e "$home/.iapeer"
check_exit "it works where it did" 0 iapeer ask rob pwd
check_eq "there its conversation is" "$home" "$out"
must iapeer stop rob
must iapeer start rob
must iapeer set rob description="goes along"
mv "$E2E_DIR/there" "$E2E_DIR/moved"
check_exit "a folder that its owner has moved" 0 iapeer set rob folder="$E2E_DIR/moved" workdir=
check_has "its profile went along" "$(cat "$E2E_DIR/moved/.iapeer/peer-profile.json")" "goes along"
check_exit "works" 0 iapeer ask rob pwd
check_eq "without a workdir in the folder itself" "$E2E_DIR/moved" "$out"
must iapeer stop rob
must iapeer start rob
mkdir -p "$E2E_DIR/strange/.iapeer"
cp "$(cwd_of eve)/.iapeer/peer-profile.json" "$E2E_DIR/strange/.iapeer/"
check_exit "a folder with somebody else's profile" 5 iapeer set rob folder="$E2E_DIR/strange"
check_has "says whose" "$err" "is of eve"

# ---- cut short: the intent is there, and some of it is done
must iapeer supervise --stop
cut() { # which file has moved already
	must iapeer set rob description=before
	mkdir -p "$IAPEER_ROOT/state/iapeer/moving"
	printf '2026-01-01T00:00:00+00:00\n' >"$STATE/shell-rob.fresh-next"
	cat >"$IAPEER_ROOT/state/iapeer/moving/rob" <<EOF
{"format":1,"from":"rob","to":"bert","folderFrom":"$E2E_DIR/moved","folderTo":"$E2E_DIR/moved",
 "identities":["shell-bert","shell-rob"],
 "profile":{"personality":"bert","default_runtime":"shell","runtimes":["shell"],"description":"after","intelligence":"absent"}}
EOF
	[ "$1" = nothing ] || mv "$STATE/shell-rob.$1" "$STATE/shell-bert.$1"
}
for what in nothing fresh-next deaths idle-reaped; do
	[ "$what" = nothing ] || [ -e "$STATE/shell-rob.$what" ] || continue
	cut "$what"
	must iapeer send eve true # a keeper comes, and finishes it first
	check_soon "cut short with $what: finished" 5 test ! -e "$IAPEER_ROOT/state/iapeer/moving/rob"
	check_exit "the new name is there" 0 iapeer show bert --json
	check_has "with what was to be" "$out" '"description":"after"'
	check "its mark too" test -e "$STATE/shell-bert.fresh-next"
	check_eq "nothing of the old" "" "$(find "$STATE" -name 'shell-rob.*')"
	must iapeer set bert name=rob
	rm -f "$STATE/shell-rob.fresh-next"
	must iapeer supervise --stop
done

# ---- one that cannot be finished: said, nothing is changed below it, and a removal ends it
mkdir -p "$IAPEER_ROOT/state/iapeer/moving"
: >"$E2E_DIR/no-folder"
cat >"$IAPEER_ROOT/state/iapeer/moving/rob" <<EOF
{"format":1,"from":"rob","to":"bert","folderFrom":"$E2E_DIR/moved","folderTo":"$E2E_DIR/no-folder/here",
 "identities":["shell-bert","shell-rob"],
 "profile":{"personality":"bert","default_runtime":"shell","runtimes":["shell"],"description":"after","intelligence":"absent"}}
EOF
check_exit "cannot be finished: set" 5 iapeer set rob description=lost
check_has "says so" "$err" "rob is being moved, and the move cannot be finished"
check_has "and why" "$err" "no-folder/here"
check_exit "nor a peer of the new name" 5 iapeer create bert --runtime shell
check_exit "doctor" 1 iapeer doctor
check_has "says it too" "$out" "a move is not finished: rob"
check_exit "doctor --fix" 1 iapeer doctor --fix
check_has "says what is in its way" "$out" "no-folder/here"
check_exit "remove ends it" 0 iapeer remove rob --json
check_not "for good" test -e "$IAPEER_ROOT/state/iapeer/moving/rob"
check_exit "so that nothing comes back" 0 iapeer create bert --runtime shell
must iapeer remove bert
must iapeer create rob --runtime shell --path "$E2E_DIR/moved"

# ---- killed at any moment
halves=0
for n in $(seq 1 12); do
	iapeer set rob name=bert >/dev/null 2>&1 &
	pid=$!
	E2E_OWNED+=("$pid")
	sleep "0.00$((n % 10))" # the moment of a blow
	kill -KILL "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	[ ! -e "$IAPEER_ROOT/state/iapeer/moving/rob" ] || halves=$((halves + 1))
	must iapeer send eve true
	wait_for 5 test ! -e "$IAPEER_ROOT/state/iapeer/moving/rob"
	run iapeer show bert --json
	[ "$rc" -ne 0 ] || must iapeer set bert name=rob
	run iapeer show rob --json
	[ "$rc" -eq 0 ] || fail "it is there under one name ($n)" "$err"
	json_valid "$registry" || fail "the registry is whole ($n)"
	must iapeer supervise --stop
done
echo "# cut in the middle: $halves of 12"
check_exit "and it works" 0 iapeer ask rob 'echo still here'
check_eq "still" "still here" "$out"
e2e_end
