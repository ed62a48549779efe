#!/usr/bin/env bash
# A text that was pasted into a program's composer and not seen to be taken: a tmux that cannot be started just then, a
# program that hangs. It is submitted once, later; nobody waits behind it as behind a person's draft.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin
need_fake

# A tmux that fails once behind each paste, while there is a file `break`.
real=$(command -v tmux)
cat >"$E2E_DIR/tmux" <<EOF
#!/bin/sh
case " \$* " in
*" paste-buffer "*) "$real" "\$@"; rc=\$?; [ ! -e "$E2E_DIR/break" ] || mv "$E2E_DIR/break" "$E2E_DIR/now"; exit \$rc ;;
esac
rm "$E2E_DIR/now" 2>/dev/null && exit 1
exec "$real" "\$@"
EOF
chmod 700 "$E2E_DIR/tmux"
export IAPEER_TMUX_BIN=$E2E_DIR/tmux

is_delivered() { grep -qs "id=$1 .*status=delivered" "$LOGS/delivery.log"; }
took() { [ "$(recorded "$1")" = "$2" ]; }

fake_peer bob ""
must iapeer send bob zero --id t-0
touch "$E2E_DIR/break"
check_exit "a tmux that fails behind the paste" 0 iapeer send bob one --id t-1 --json
check_not "was met" test -e "$E2E_DIR/break" -o -e "$E2E_DIR/now"
check_eq "changes nothing" delivered "$(json status)"
check_exit "and the next goes" 0 iapeer send bob two --id t-2
check_soon "each once" 5 took bob 3

# What tmux started itself it wakes when it is stopped, so here that is a shell.
printf '#!/bin/sh\n"%s" "$@"\nexit $?\n' "$FAKE_TUI" >"$E2E_DIR/sluggish"
chmod 700 "$E2E_DIR/sluggish"
FAKE_TUI=$E2E_DIR/sluggish FAKE_RUNTIME=slow fake_peer hung ""
must iapeer send hung zero
program=$(child_pids "$(pane_of slow-hung)")
check "a program hangs" kill -STOP "$program"
check_exit "what it was sent waits" 8 iapeer send hung one --id h-1 --timeout 8
check_has "and it is said why" "$err" "does not react"
check "its intent stays" test -e "$STATE/slow-hung.sending"
check "it goes on" kill -CONT "$program"
check_soon "delivered" 10 is_delivered h-1
check_soon "once" 5 took hung 2
check_exit "and the next goes" 0 iapeer send hung two
check_soon "once, too" 5 took hung 3
check_not "no intent is left" test -e "$STATE/slow-hung.sending"
e2e_end
