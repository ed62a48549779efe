#!/usr/bin/env bash
# A turn that goes wrong is seen though nobody waits for its end: one that its program tells of in its conversation's file only,
# one that it tries again and again, one that a person has begun by hand.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
agents_begin

send() { run iapeer send "$1" "$2" --json --id "$3" "${@:4}"; }
told() { grep -q -x -F -e "$1" "$E2E_DIR/told" 2>/dev/null; } # name status
does() { [ "$(status_of "$1")" = "$2" ]; }                    # name status
receipt_says() { grep -h "id=$1 " "$LOGS/delivery.log" | tail -n 1 | grep -q -F -e "$2"; } # id text
detail_of() { iapeer show "$1" --json | sed -n 's/.*"status":{\([^}]*\)}.*/\1/p'; }
asked_with() { was_asked "r.ids.includes('$1')"; }
keeper_looks() { find /proc -maxdepth 2 -name cmdline -exec grep -lzxF _screen {} + 2>/dev/null | wc -l; }

agent co codex
agent cl claude
printf '{"on_attention": ["sh", "-c", "echo \\"$IAPEER_PEER $IAPEER_STATUS\\" >>%s"]}\n' "$E2E_DIR/told" >"$IAPEER_ROOT/config.json"

# ---- codex, its very first turn: its conversation's file is made for it
model_fails 401
send co "dead from the first" co-1 --wait accepted
from=$(ms)
check_soon "codex: its status is auth" 15 does co auth
note "codex: asleep, dead credentials: auth after $(($(ms) - from)) ms"
check_soon "its owner was told" 5 told "co auth"
check_soon "and the receipt says that its turn failed" 5 receipt_says co-1 "status=failed"
model_works
check_exit "with new credentials it answers" 0 iapeer ask co "and now" --timeout 30
check_soon "and is idle" 5 does co idle

# ---- codex, live; by a person's hand
model_fails 401
types codex-co "by hand"
check_soon "codex: a person types" 5 sees codex-co "› by hand"
types codex-co Enter
check_soon "codex: a person's own turn fails: auth" 15 does co auth
model_works
check_exit "it answers again" 0 iapeer ask co "and now again" --timeout 30
send co "fine model:delay=300" co-2
check_soon "a turn that ends well leaves nothing behind" 10 does co idle
check_lacks "no failure is found that was another's" "$(delivery_line co-2)" "failed"

# ---- claude tries what failed again for minutes, and calls no hook meanwhile
send cl "hello" cl-1 --wait turn
model_fails "401 retry"
send cl "are you there" cl-2
check_eq "claude: the message is taken" "delivered recorded" "$(json status) $(json rung)"
check_soon "it tries again" 20 sees claude-cl "401 invalid x-api-key · retrying"
from=$(ms)
check_soon "claude: its status is auth while it tries" 5 does cl auth
note "claude: auth $(($(ms) - from)) ms after its screen said so"
check_has "with what its screen says" "$(detail_of cl)" auth
check_soon "its owner was told" 5 told "cl auth"
run iapeer send cl "wait for it" --id cl-3 --wait turn --timeout 2
check_has "who waits for the turn is told too" "$out$err" "it is auth"
model_works
check_soon "new credentials: the turn goes on" 40 asked_with cl-3
check_soon "and ends" 20 does cl idle
check_eq "its owner was told once" 1 "$(grep -c -x "cl auth" "$E2E_DIR/told")"

agents_end
