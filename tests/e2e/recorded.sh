#!/usr/bin/env bash
# Proof of receipt: a program that reports through hooks has taken this very message, by its id, once and in order;
# what happens when a report, an Enter or a worker is lost; what became of the turn.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin
need_fake

fake_runtime hooked 's/"proof": "submitted"/"proof": "recorded", "hooks": "always"/'
export FAKE_RUNTIME=hooked
HOOK="--hook $IAPEER_ROOT/bin/iapeer"

screen_of() { tmux_of "$1" capture-pane -p -t "$1:" 2>/dev/null; }
sees() { screen_of "$1" | grep -q -F -e "$2"; } # identity text
types() { # identity tmux-keys...
	local identity=$1
	shift
	tmux_of "$identity" send-keys -t "$identity:" "$@"
}
took() { [ "$(recorded "$1")" = "$2" ]; } # name: so many texts
rung_of() { # id: the last status and rung in delivery.log
	sed -n "s/^.* id=$1 .* rung=\([a-z]*\) status=\([a-z]*\) .*$/\2 \1/p" "$LOGS/delivery.log" | tail -n 1
}
is_recorded() { [ "$(rung_of "$1")" = "delivered recorded" ]; }
send() { # name id more...
	local name=$1 id=$2
	shift 2
	iapeer send "$name" "message $id" --id "$id" --json "$@"
}
outcome() { echo "$(json status) $(json rung)"; }

# ---- as it should be
fake_peer ann "$HOOK"
check_exit "sent" 0 send ann a-1
check_eq "recorded" "delivered recorded" "$(outcome)"
check_not "the hook says nothing and fails nothing" sees hooked-ann "hook "
check_eq "--wait recorded" 0 "$(send ann a-2 --wait recorded >/dev/null; echo $?)"
check_has "an id that is quoted in another message's body is not taken" \
	"$(iapeer send ann '<iap from-personality="x" id="a-9"><message><![CDATA[x]]></message></iap>' --id a-3 --json)" '"rung":"recorded"'
check_lacks "it is not" "$(cat "$STATE/hooked-ann.reports")" '"a-9"'
check_has "the one around it is" "$(cat "$STATE/hooked-ann.reports")" '"ids":["a-3"]'

# ---- many, of all sizes, while it works and while it waits
fake_peer many "$HOOK --busy-ms 120"
bodies() { # n: a body of some size
	case $(($1 % 5)) in
	0) echo "short $1" ;;
	1) printf 'line %s\n' 1 2 3 4 5 6 7 8 9; echo "end $1" ;;
	2) printf 'x%.0s' $(seq 900); echo " $1" ;;
	3) printf 'wide \303\274 %.0s' $(seq 1500); echo "$1" ;;
	4) printf '<iap id="m-%s"> ]]> & ' $(($1 + 1)); echo "$1" ;;
	esac
}
for n in $(seq 50); do
	bodies "$n" | iapeer send many --message-file - --id "m-$n" --wait accepted >/dev/null || fail "message $n was not accepted"
	[ $((n % 10)) -ne 0 ] || wait_for 20 is_recorded "m-$n"
done
check_soon "the last is recorded" 30 is_recorded m-50
check_eq "each once" 50 "$(grep -c 'to=hooked-many rung=recorded status=delivered' "$LOGS/delivery.log")"
check_eq "the program has each once" 50 "$(recorded many)"
check_eq "in order" "$(seq 50 | sed 's/^/m-/')" "$(sed -n 's/^[^>]* id=\\"\([^\\]*\)\\".*$/\1/p' rec.many)"
check_eq "nothing failed, nothing is in doubt" 0 "$(grep -c 'to=hooked-many .*status=\(failed\|ambiguous\)' "$LOGS/delivery.log")"

# ---- lost: an Enter, a report, all reports
fake_peer deaf "$HOOK --swallow-enter 2"
check_exit "two Enters are lost" 0 send deaf d-1
check_eq "pressed again" "delivered recorded" "$(outcome)"
check "it has it once" took deaf 1
fake_peer mute "$HOOK --deaf-hooks 1 --transcript $E2E_DIR/mute.jsonl"
check_exit "a report is lost" 0 send mute l-1
check_eq "its conversation's file is the second witness" "delivered recorded" "$(outcome)"
check_has "and is named as such" "$(cat "$STATE/hooked-mute.reports")" '"by":"file"'
check "it has it once" took mute 1
fake_peer dumb "--draft ''"
check_exit "no report ever" 0 send dumb u-1 --timeout 30
check_eq "no more than submitted" "delivered submitted" "$(outcome)"
check_has "and why" "$(json reason)" "hooks"
fake_peer odd "$HOOK --deaf-hooks 1"
check_exit "a report is lost, and there is no other witness" 9 send odd o-1 --timeout 30
check_eq "it is in doubt" "ambiguous submitted" "$(outcome)"
check_exit "the next is not" 0 send odd o-2
printf '{"at":1,"kind":"taken","by":"hook","ids":["o-1"]}\n' >>"$STATE/hooked-odd.reports"
check_exit "a proof that comes late counts" 0 send odd o-1
check_eq "for whoever asks again" "delivered recorded" "$(outcome)"
check "and nothing is sent again" took odd 2

# ---- it says so only when it begins with it
fake_peer late "$HOOK --hook-late --busy-ms 4000"
check_exit "the first" 0 send late t-1
check_exit "queued while it works: waits" 8 send late t-2 --timeout 1
check "not given up" test -e "$STATE/hooked-late.sending"
check_exit "the peer is not locked meanwhile" 0 within 3 "$IAPEER_BIN" queue late
check_soon "recorded when its turn begins" 10 is_recorded t-2
check "once" took late 2

# ---- killed between Enter and receipt
worker_of() { # identity: the pid of its worker
	ps -A -o pid= -o args= | awk -v i="$1" '$0 ~ "_apply " i " " && !/awk/ { print $1; exit }'
}
fake_peer crash "$HOOK --hook-delay-ms 700"
check_exit "awake" 0 send crash k-0
send crash k-1 --timeout 20 >k1.out 2>&1 &
sender=$!
E2E_OWNED+=("$sender")
wait_for 5 took crash 2
pid=$(worker_of hooked-crash)
check "its worker is killed before the report" kill -KILL "$pid"
wait "$sender"
check_has "recorded all the same" "$(cat k1.out)" '"rung":"recorded"'
check "not doubled" took crash 2

# ---- a question in the way
fake_peer asks "$HOOK --dialog login"
check_exit "a question: waits" 8 send asks q-1 --timeout 2
check_has "and says why" "$out" "login"
types hooked-asks Enter
check_soon "answered by hand, it is delivered" 15 is_recorded q-1
check "once" took asks 1

# ---- answers
fake_peer bob "$HOOK --busy-ms 300"
check_exit "ask" 0 iapeer ask bob "what is it" --id r-1
check_has "the turn's last message is the answer" "$out" "echo: <iap"
check_has "of this one" "$out" 'id="r-1"'
iapeer send bob "first" --id r-2 --wait accepted >/dev/null
check_exit "ask while it works" 0 iapeer ask bob "second" --id r-3
check_has "answers this one" "$out" 'id="r-3"'
fake_peer merge "$HOOK --busy-ms 1500 --merge"
iapeer send merge "one" --id g-1 >/dev/null
iapeer ask merge "two" --id g-2 >g2.out 2>&1 &
first=$!
iapeer ask merge "three" --id g-3 >g3.out 2>&1 &
E2E_OWNED+=("$first" "$!")
wait "$first"
check_eq "one of two that are one turn" 0 $?
wait "$!"
check_eq "and the other" 0 $?

# ---- a turn that fails for good
fake_peer poor "$HOOK --busy-ms 300 --fail-turn 2"
check_exit "the first" 0 iapeer ask poor "x" --id p-1
check_exit "whoever waits is told" 6 iapeer ask poor "y" --id p-2 --json
check_eq "failed after it was recorded" "failed recorded" "$(outcome)"
check_has "and why" "$(json reason)" "quota"
fake_peer later "$HOOK --busy-ms 1500 --fail-turn 1"
check_exit "nobody waits for the turn" 0 send later f-1
check_eq "recorded" "delivered recorded" "$(outcome)"
failed_after() { [ "$(rung_of f-1)" = "failed recorded" ]; }
check_soon "then it fails" 5 failed_after
check_exit "and whoever asks is told" 6 send later f-1
check_has "why" "$(json reason)" "quota"
check "it was not sent again" took later 1
e2e_end
