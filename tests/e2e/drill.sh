#!/usr/bin/env bash
# doctor --drill: says whether deaths are recorded on this host, touches nothing of the user's, and leaves nothing behind.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
need_proc
e2e_begin
export TMPDIR=$E2E_DIR/tmp
mkdir "$TMPDIR"
nothing_left() { [ -z "$(ls -A "$TMPDIR")" ]; }
no_server() { ! grep -lszF "IAPEER_ROOT=$TMPDIR" /proc/[0-9]*/environ >/dev/null 2>&1; }

# ---- on a host without a root
check_exit "without a root" 0 iapeer doctor --drill
check_eq "six are right" 6 "$(printf '%s\n' "$out" | grep -c '^ok ')"
check_not "no root was made" test -e "$IAPEER_ROOT"
check "nothing is left" nothing_left

# ---- beside a keeper and a live peer
must iapeer create bob --runtime shell
must iapeer send bob true
pid=$(session_of shell-bob)
keeper=$(keeper)
before=$(find "$IAPEER_ROOT" -type f -newermt 1970-01-02 -exec cksum {} + | sort)
check_exit "beside a keeper" 0 iapeer doctor --drill --json
check_eq "none is wrong" 0 "$(json wrong)"
check_eq "six ways" 6 "$(printf '%s\n' "$out" | grep -o '"ok":true' | grep -c .)"
check_has "the witness is tried" "$out" '"command":"kill-session"'
check_eq "the peer lives" "$pid" "$(session_of shell-bob)"
check "its server too" pid_alive "$pid"
check_eq "the keeper is the same" "$keeper" "$(keeper)"
check_eq "no file of the root has changed" "$before" "$(find "$IAPEER_ROOT" -type f -newermt 1970-01-02 -exec cksum {} + | sort)"
check "nothing is left" nothing_left
check_soon "no process either" 5 no_server

# ---- a record that is wrong: this tmux ends servers by a form that no alias matches
cat >sly-tmux <<SLY
#!/bin/bash
for word; do
	[ "\$word" = kill-server ] && word=kill-ser
	words+=("\$word")
done
exec "$(command -v tmux)" "\${words[@]}"
SLY
chmod +x sly-tmux
IAPEER_TMUX_BIN=$E2E_DIR/sly-tmux check_exit "a wrong record" 1 iapeer doctor --drill
check_has "is named" "$(printf '%s\n' "$out" | grep '^bad')" "kill-server"
check_has "with what it should be" "$out" "should be kill-server"
check_has "and counted" "$err" "1 of 6 deaths was not recorded as it should be"
check "nothing is left" nothing_left

# ---- without a tmux
IAPEER_TMUX_BIN=$E2E_DIR/no-such-tmux check_exit "without a tmux" 1 iapeer doctor --drill
check "nothing is left" nothing_left

# ---- interrupted
"$IAPEER_BIN" doctor --drill >interrupted 2>&1 &
drill=$!
E2E_OWNED+=("$drill")
awake() { [ -n "$(find "$TMPDIR" -name 'shell-drill.session' 2>/dev/null)" ]; }
wait_for 20 awake
kill -s TERM "$drill"
wait "$drill"
check_eq "interrupted: it ends by that signal" 143 "$?"
check "and leaves nothing" nothing_left
check_soon "no process either" 5 no_server
e2e_end
