#!/usr/bin/env bash
# What a person keeps in a folder stays as it is, to the byte, and three peers that work in one folder do not disturb each other.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
agents_begin

send() { run iapeer send "$1" "$2" --json --id "$3" "${@:4}"; }
said_to_model() { was_asked "r.ids.includes('$1')"; } # id

# ---- a repository with everything that a person may have there
repo=$E2E_DIR/repo
mkdir -p "$repo/.claude" "$repo/.codex"
cat >"$repo/.mcp.json" <<'JSON'
{ "mcpServers": { "mine":   { "command": "true", "args": [] } } }
JSON
cat >"$repo/.claude/settings.json" <<JSON
{
    "hooks": { "UserPromptSubmit": [ { "hooks": [ { "type": "command", "command": "echo x >>$E2E_DIR/own-hook" } ] } ] },
    "permissions": { "allow": [ "Bash(true)" ] }
}
JSON
printf 'Answer in verse.' >"$repo/CLAUDE.md" # no newline at its end
printf '# my own\nmodel_reasoning_effort = "low"\n' >"$repo/.codex/config.toml"
printf 'Answer in prose.\n' >"$repo/AGENTS.md"
git -C "$repo" init -q 2>/dev/null
home_trusts "$repo"

# Every file of the person's, with its content, mode and time of change.
state() { (cd "$repo" && find . -path ./.git -prune -o -path ./.iapeer -prune -o -type f -exec stat -c '%n %a %s %Y' {} + -exec sha256sum {} + | sort); }
before=$(state)

# ---- three at once: two claude, one codex
for name in ada:claude ben:claude cyd:codex; do
	agent "${name%:*}" "${name#*:}" --workdir "$repo"
done
check_eq "created: nothing in the folder has changed" "$before" "$(state)"
for name in ada ben cyd; do
	send "$name" "I am the one who speaks with $name model:delay=1500" "$name-1" --wait accepted
done
for name in ada ben cyd; do
	check_soon "$name has its message" 30 said_to_model "$name-1"
done
for name in ada ben cyd; do
	check_soon "$name: its turn has ended" 20 was_asked "r.ids.includes('$name-1') && r.reply === 'heard: I am the one who speaks with $name model:delay=1500'"
	send "$name" "once more" "$name-2"
	check_eq "$name: again" "delivered false" "$(json status) $(json woke)"
	check_soon "$name has it" 15 said_to_model "$name-2"
	check_eq "$name: a conversation of its own" "$name-1 $name-2" "$(last_asked 'r.ids.join(" ")' "r.ids.includes('$name-2')")"
done
check_eq "sent: nothing in the folder has changed" "$before" "$(state)"
check "the person's own hook ran all the same" test -s "$E2E_DIR/own-hook"
check "and the person's words reached the model: CLAUDE.md" was_asked "r.ids.includes('ada-1') && r.system.includes('Answer in verse')"
check "AGENTS.md" was_asked "r.ids.includes('cyd-1') && r.system.includes('Answer in prose')"

# ---- each wakes in its own conversation
for name in ada ben cyd; do
	must iapeer stop "$name"
	must iapeer start "$name"
done
for name in ben cyd ada; do
	send "$name" "after the night" "$name-3"
	check_eq "$name: resumed" "delivered resume" "$(json status) $(json mode)"
	check_soon "$name has it" 15 said_to_model "$name-3"
	check_eq "$name: in its own conversation" "$name-1 $name-2 $name-3" "$(last_asked 'r.ids.join(" ")' "r.ids.includes('$name-3')")"
done

for name in ada ben cyd; do
	check_exit "$name can be removed" 0 iapeer remove "$name" --force
done
check_eq "removed: nothing in the folder has changed" "$before" "$(state)"
check_not "and nothing was put there" test -e "$repo/.iapeer"

agents_end
