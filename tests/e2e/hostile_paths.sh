#!/usr/bin/env bash
# Paths that a shell or tmux would take for commands; splits of a person; a peer woken from inside another one; the
# pane's log.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin

root="$E2E_DIR/r o'o\"t #(touch pwned) %H"
workdir="$E2E_DIR/a#(touch pwned) 'b\"c"
mkdir "$workdir"
use_root "$root" "$root/socks"
unset IAPEER_SOCK_DIR # the sockets are below that root, too
socket_of() { echo "$root/socks/tmux-iap-$1.sock"; }
keeper_socket() { echo "$root/state/iapeer/supervise.sock"; }
nothing_touched() { [ -z "$(find "$E2E_DIR" "$HOME" -name 'pwned*' 2>/dev/null)" ] && [ ! -e /pwned ] && [ ! -e pwned ]; }
session_ends() { cat "$LOGS/exits.log" 2>/dev/null | grep "ev=session-exit identity=$1 "; }
has_session_end() { session_ends "$1" >/dev/null; }
has_death() { grep -q "ev=server-exit identity=$1 " "$LOGS/exits.log" 2>/dev/null; }

# ---- create, send, ask, read, its own end, a death, stop, remove: all as ever
check_exit "create" 0 iapeer create weird --runtime shell --workdir "$workdir"
check_exit "send" 0 iapeer send weird true --json
check_eq "woke" true "$(json woke)"
check_exit "ask for its folder" 0 iapeer ask weird pwd
check_eq "the workdir" "$workdir" "$out"
# shellcheck disable=SC2016
check_exit "ask for its root" 0 iapeer ask weird 'echo "$IAPEER_ROOT"'
check_eq "the root" "$root" "$out"
check_exit "read" 0 iapeer read weird --screen
check_has "shows the screen" "$out" "pwd"
check_exit "show" 0 iapeer show weird --json
check "the pane's log is written" test -s "$root/logs/lifecycle/shell-weird.log"
check_exit "list" 0 iapeer list --json
check_eq "live" live "$(json state)"
check_exit "its program ends with 3" 0 iapeer send weird "exit 3"
check_soon "the hook has told" 3 has_session_end shell-weird
check_has "with its status" "$(session_ends shell-weird)" "status=3"
check_soon "put in order" 5 is_gone shell-weird
check_exit "wakes again" 0 iapeer send weird true
kill -KILL "$(session_of shell-weird)"
check_soon "its server's death is recorded" 3 has_death shell-weird
check_exit "and again" 0 iapeer send weird true
check_exit "new" 0 iapeer new weird
check_exit "stop" 0 iapeer stop weird
check_exit "start --now" 0 iapeer start weird --now
check_exit "remove --force" 0 iapeer remove weird --force
check "nothing was touched" nothing_touched
check_exit "a peer that lives in such a folder" 0 iapeer create other --runtime shell --path "$workdir"
check_exit "works" 0 iapeer ask other pwd
check_eq "there" "$workdir" "$out"
check_exit "remove" 0 iapeer remove other --force
check "nothing was touched" nothing_touched

# ---- a person opens and closes splits
must iapeer create sam --runtime shell
must iapeer send sam true
pid=$(session_of shell-sam)
panes() { tmux_of shell-sam list-panes -t shell-sam: 2>/dev/null | grep -c .; }
has_panes() { [ "$(panes)" = "$1" ]; }
tmux_of shell-sam split-window -t shell-sam: /bin/sh
check_soon "a split" 3 has_panes 2
check_exit "a message goes to the program's own pane" 0 iapeer ask sam 'echo $PPID'
check_eq "the server's child" "$pid" "$out"
tmux_of shell-sam send-keys -t shell-sam: 'exit 7' Enter # the active pane is the split
check_soon "closed by its own end" 3 has_panes 1
tmux_of shell-sam split-window -t shell-sam: /bin/sh
wait_for 3 has_panes 2
tmux_of shell-sam kill-pane -t shell-sam:
check_soon "closed by kill-pane" 3 has_panes 1
check_exit "the peer lives on" 0 iapeer ask sam 'echo here'
check_eq "and answers" here "$out"
check_eq "in the same server" "$pid" "$(session_of shell-sam)"
check_not "no end was recorded" has_session_end shell-sam
tmux_of shell-sam split-window -t shell-sam: /bin/sh
wait_for 3 has_panes 2
check_exit "its program ends while a split is open" 0 iapeer send sam "exit 4"
check_soon "recorded" 3 has_session_end shell-sam
check_has "with its status" "$(session_ends shell-sam)" "status=4"
check_soon "and the session ends with it" 5 not pid_alive "$pid"

# ---- a peer woken from inside another one
lacks_secret() { # pid
	[ -r "/proc/$1/environ" ] || return 0
	! tr '\0' '\n' <"/proc/$1/environ" | grep -q -e '^SECRET=' -e '^TMUX' -e '^PEER_PERSONALITY=alice'
}
must iapeer create alice --runtime shell
must iapeer create bob --runtime shell
must iapeer send alice 'export SECRET=of-alice IAPEER_BOOT_PARALLEL=7'
check_exit "alice sends to bob" 0 iapeer ask alice "'$IAPEER_BIN' send bob true --json 2>/dev/null" --timeout 20
check_has "delivered" "$out" '"status":"delivered"'
check_soon "bob is live" 5 is_live shell-bob
check_eq "the sender is alice" shell-alice "$(field from "$(grep 'to=shell-bob ' "$LOGS/delivery.log" | sed -n 1p)")"
check_exit "bob's variables" 0 iapeer ask bob env
check_lacks "no secret" "$out" SECRET
check_lacks "no setting of hers" "$out" IAPEER_BOOT_PARALLEL
check_lacks "no TMUX" "$out" TMUX
check_has "his own name" "$out" PEER_IDENTITY=shell-bob
check "not in his server" lacks_secret "$(session_of shell-bob)"
check "not in his program" lacks_secret "$(pane_of shell-bob)"
check_exit "alice may not say that she is bob" 0 iapeer ask alice "'$IAPEER_BIN' send bob true --from shell-bob >/dev/null 2>&1; echo status=\$?"
check_eq "refused" status=5 "$out"
check_exit "alice may not send to herself" 0 iapeer ask alice "'$IAPEER_BIN' send alice true >/dev/null 2>&1; echo status=\$?"
check_eq "refused" status=5 "$out"

# The same when it is her command that starts the keeper.
must iapeer stop bob
must iapeer start bob
kill -KILL "$(keeper)"
wait_for 3 no_keeper
must iapeer create carol --runtime shell
tmux_of shell-alice send-keys -t shell-alice: -l "'$IAPEER_BIN' send carol true"
tmux_of shell-alice send-keys -t shell-alice: Enter
check_soon "carol is live" 5 is_live shell-carol
check "a keeper that alice's command has started" has_keeper
check "gives no secret to carol's server" lacks_secret "$(session_of shell-carol)"
check "nor to her program" lacks_secret "$(pane_of shell-carol)"
keeper=$(keeper)
kill -KILL "$(session_of shell-alice)"
check_soon "it outlives alice and records her death" 3 has_death shell-alice
check_eq "the same keeper" "$keeper" "$(keeper)"
must iapeer stop --all

# ---- the pane's log: private and bounded
printf '{"IAPEER_PANELOG_MAX_BYTES": 65536, "IAPEER_PANELOG_KEEP": 1}\n' >"$root/config.json"
chmod 600 "$root/config.json"
must iapeer supervise --stop
must iapeer create loud --runtime shell
must iapeer start loud --now
check_eq "its log is 0600" 600 "$(mode_of "$root/logs/lifecycle/shell-loud.log")"
check_eq "its folder 0700" 700 "$(mode_of "$root/logs/lifecycle")"
check_exit "a megabyte of output" 0 iapeer ask loud 'seq 1 150000 >/dev/tty; echo done' --timeout 30
check_has "comes to its end" "$out" "done"
size=$(find "$root/logs/lifecycle" -name 'shell-loud.log*' -exec cat {} + | wc -c | tr -d ' ')
check "what is kept is bounded ($size bytes)" test "$size" -le 140000
check "and something is kept" test "$size" -ge 1000
check_eq "one old file" 1 "$(find "$root/logs/lifecycle" -name 'shell-loud.log.*' | wc -l | tr -d ' ')"
check_eq "0600 too" 600 "$(mode_of "$root/logs/lifecycle/shell-loud.log.1")"
check_exit "it still answers" 0 iapeer ask loud 'echo after-all'
check_eq "right" after-all "$out"
check "nothing was touched in all of this" nothing_touched
e2e_end
