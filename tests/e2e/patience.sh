#!/usr/bin/env bash
# The same question asked again with more patience, while the peer is still being started: it gets the answer.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin

printf '#!/bin/sh\nsleep 3\nexec /bin/bash "$@"\n' >slow
chmod +x slow
export IAPEER_SHELL_BIN=$E2E_DIR/slow # longer than the moment that a lock is waited for elsewhere

accepted() { [ "$(queue_of shell-bob)" = 1 ]; }
must iapeer create bob --runtime shell
question='sleep 5; echo answer-$((40 + 2))'
"$IAPEER_BIN" ask bob "$question" --id q --timeout 7 >first 2>&1 &
first=$!
check_soon "the question waits" 10 accepted
check_exit "asked again, with more patience" 0 iapeer ask bob "$question" --id q --timeout 120
check_eq "it is answered" answer-42 "$out"
check_eq "and nothing else is said" "" "$err"
wait "$first"
check_has "who asked first waited for as long as he wanted" "$(cat first)" "its turn has not ended in time"
check_eq "it was delivered once" 1 "$(count_lines 'id=q .*status=delivered' "$LOGS/delivery.log")"
must iapeer stop --all
e2e_end
