#!/usr/bin/env bash
# Ephemeral workers: a task a session, one at a time, none lost whoever is killed; `self` inside of a session.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
need_proc
e2e_begin
export IAPEER_EPHEMERAL_QUIET_SECS=1 IAPEER_EPHEMERAL_UNARMED_IDLE_SECS=3

did=$E2E_DIR/did
task() { echo "echo $1 \$PPID >>$did"; } # a shell's parent is its tmux server: the session it ran in
lines() { [ -e "$did" ] && [ "$(wc -l <"$did")" -ge "$1" ]; }
sessions() { cut -d' ' -f2 "$did" | sort -u | wc -l; }
order() { cut -d' ' -f1 "$did" | tr '\n' ' '; }
reaped() { [ "$(count_lines "identity=shell-$1 action=reaped-ephemeral" "$LOGS/lifecycle.log")" -ge "$2" ]; }

# ---- three tasks, three sessions
must iapeer create worker --runtime shell
must iapeer set worker wake_policy=ephemeral
check_exit "a task wakes it" 0 iapeer send worker "$(task one)" --json
check_eq "fresh, by its policy" ephemeral-policy "$(json cause)"
check "it is armed" test -e "$STATE/shell-worker.ephemeral-armed"
started=$SECONDS
check_exit "the next one waits its turn, and that is fine" 0 iapeer send worker "$(task two)" --json
check_eq "it is queued" queued "$(json status)"
check_has "and says why" "$(json reason)" "its turn"
check "at once" test $((SECONDS - started)) -lt 10
check_exit "and the one after it" 0 iapeer send worker "$(task three)"
check_has "in words" "$out" "queued for worker"
check_soon "all are done, without a tick's help" 30 lines 3
check_eq "in order" "one two three " "$(order)"
check_eq "each in a session of its own" 3 "$(sessions)"
check_soon "the last session ends too" 15 reaped worker 3
check_soon "nothing is left of it" 5 is_gone shell-worker
check_not "no park mark" test -e "$STATE/shell-worker.idle-reaped"
check_not "no armed mark" test -e "$STATE/shell-worker.ephemeral-armed"
check_not "no death" test -e "$STATE/shell-worker.deaths"
check_eq "a line for each task" 3 "$(count_lines 'ev=ephemeral-drain identity=shell-worker depth=' "$LOGS/lifecycle.log")"

# ---- at work is not quiet
rm -f "$did"
must iapeer send worker "sleep 2.5; $(task slow)"
must iapeer send worker "$(task after)"
check_soon "a task that is silent for longer than the limit ends by itself" 20 lines 2
check_eq "and is not cut short" "slow after " "$(order)"

# ---- ask waits for its turn and for the answer
check_exit "ask" 0 iapeer ask worker 'echo an answer' --timeout 30
check_eq "answers" "an answer" "$out"

# ---- a wake without a task
check_soon "the worker rests" 15 is_gone shell-worker
must iapeer start worker --now
check_not "a wake arms nobody" test -e "$STATE/shell-worker.ephemeral-armed"
check_soon "unarmed it is ended by its own limit" 15 is_gone shell-worker
unarmed_line() { tail -n 5 "$LOGS/lifecycle.log" | grep -q "idles unarmed"; } # it follows the deed
check_soon "the rule says so" 2 unarmed_line

# ---- done
must iapeer create quick --runtime shell
must iapeer set quick wake_policy=ephemeral
export IAPEER_EPHEMERAL_QUIET_SECS=600
must iapeer supervise --stop # the next keeper has the new limit
rm -f "$did"
must iapeer send quick "$(task first); $IAPEER_BIN self done"
must iapeer send quick "$(task second)"
check_soon "self done feeds the next task now" 10 lines 2
check_eq "in two sessions" 2 "$(sessions)"
check_has "the rule says so" "$(cat "$LOGS/lifecycle.log")" "a task that says it is done is ended"
must iapeer send quick true --wait accepted
check_exit "self fresh, inside" 0 iapeer create keep --runtime shell
must iapeer send keep "$IAPEER_BIN self fresh; $IAPEER_BIN self done 2>$E2E_DIR/said"
check_soon "sets its mark" 5 test -e "$STATE/shell-keep.fresh-next"
check_soon "done is refused to who is no ephemeral worker" 5 test -s "$E2E_DIR/said"
check_has "and says so" "$(cat "$E2E_DIR/said")" "no ephemeral worker"
check "it lives on" is_live shell-keep
check_exit "self outside of a session" 1 iapeer self "done"
check_has "says so" "$err" "not run inside a peer's session"
check_exit "self what" 2 iapeer self what
must iapeer stop quick
must iapeer remove quick --force

# ---- whoever is killed, no task is lost
export IAPEER_EPHEMERAL_QUIET_SECS=1
must iapeer supervise --stop
rm -f "$did"
for n in 1 2 3 4 5; do
	must iapeer send worker "$(task "t$n")" --wait accepted
done
workers_of() { tr ' ' '\n' <<<"$(child_pids "$1")" | while read -r pid; do
	case $(cat "/proc/$pid/cmdline" 2>/dev/null | tr '\0' ' ') in *_apply*) echo "$pid" ;; esac
done; }
kills=0
hit() { # kill the keeper and its workers, whatever they are at
	local keeper workers
	keeper=$(keeper)
	[ -n "$keeper" ] || return 0
	workers=$(workers_of "$keeper")
	# shellcheck disable=SC2086
	kill -KILL "$keeper" $workers 2>/dev/null
	kills=$((kills + 1))
}
for n in 1 2 3 4; do
	wait_for 20 lines "$n"
	hit
	run iapeer send worker --wait accepted --id wake-"$n" true
done
check_soon "all five are done" 60 lines 5
check_eq "in order, each once" "t1 t2 t3 t4 t5 " "$(order)"
check_eq "five sessions" 5 "$(sessions)"
check "it was killed $kills times" test "$kills" -ge 3
e2e_end
