#!/usr/bin/env bash
# Agents write to each other with the tool that they are given, and the user's own tools are there as well.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
agents_begin

send() { run iapeer send "$1" "$2" --json --id "$3" "${@:4}"; }
was_sent() { grep -q "from=$1 to=$2 .*status=delivered" "$LOGS/delivery.log" 2>/dev/null; }
no_guess() { ! grep -q "from=$1 .*sender=unverified" "$LOGS/delivery.log"; }

agent cl claude
agent co codex
must iapeer create sh --runtime shell

send cl 'model:tool=mcp__iapeer__send_to_peer {"personality":"co","message":"a word from claude"}' t-1
check_eq "claude: delivered" delivered "$(json status)"
check_soon "its tool is there from the first request on" 5 was_asked "r.ids.includes('t-1') && r.tools.includes('mcp__iapeer__send_to_peer')"
check_soon "what it sent reaches codex" 30 was_sent claude-cl codex-co
check_soon "whose model hears it" 5 was_asked "r.heard.includes('a word from claude')"

send co 'model:tool=send_to_peer {"personality":"cl","message":"a word from codex"}' t-2 --timeout 30
check_eq "codex: delivered" delivered "$(json status)"
check_soon "what it sent reaches claude" 30 was_sent codex-co claude-cl
check_soon "whose model hears it" 5 was_asked "r.heard.includes('a word from codex')"
check "who sent was seen, not claimed: claude" no_guess claude-cl
check "who sent was seen, not claimed: codex" no_guess codex-co
agents_end
