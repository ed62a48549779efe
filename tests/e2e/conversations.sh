#!/usr/bin/env bash
# What a program is given at a start, what it goes on with, and what of the user's is never touched. In claude's place
# stands a program that keeps conversations as claude does; everything else is claude's own manifest.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin
need_fake

FOLDER="$E2E_DIR/a b'\"\$(touch x)"
PROJECTS=$HOME/.claude/projects/some-slug
mkdir -p "$FOLDER/.claude" "$HOME/.codex" "$PROJECTS" "$HOME/.claude/sessions" "$IAPEER_ROOT/runtimes/claude"
cat >"$E2E_DIR/claude" <<'J'
#!/usr/bin/env bash
printf '%s\n' "$@" >"$HOME/args"
id= how= prompt=
while [ $# -gt 0 ]; do
	case $1 in
	--session-id | --resume) how=$1 id=$2 ;;
	--append-system-prompt-file) prompt=$2 ;;
	esac
	shift
done
cp "$prompt" "$HOME/prompt"
echo "$how $id" >>"$HOME/starts"
if [ "$how" = --resume ] && [ ! -f "$PROJECTS/$id.jsonl" ]; then
	echo "No conversation found with session ID: $id"
	exit 1
fi
[ "$how" != --resume ] || [ ! -e "$HOME/refuse" ] || { echo "cannot resume today"; exit 1; }
exec "$FAKE_TUI" --record "$PROJECTS/$id.jsonl"
J
chmod +x "$E2E_DIR/claude"
export PROJECTS FAKE_TUI
# It takes no hooks, so what is proved is what its screen shows.
echo '{"format": 1, "proof": "submitted", "hooks": "never"}' >"$IAPEER_ROOT/runtimes/claude/runtime.json"
chmod -R go-rwx "$IAPEER_ROOT/runtimes"

# ---- the user's own
echo '{"mcpServers":{"mine":{"command":"true"}}}' >"$FOLDER/.mcp.json"
echo '{"hooks":{}}' >"$FOLDER/.claude/settings.json"
echo 'my notes' >"$FOLDER/CLAUDE.md"
echo 'my notes' >"$FOLDER/AGENTS.md"
echo '{"hasCompletedOnboarding":true}' >"$HOME/.claude.json"
echo 'model = "x"' >"$HOME/.codex/config.toml"
users_own() {
	(cd "$FOLDER" && find . -name .iapeer -prune -o -type f -exec cksum {} + | sort)
	cksum "$HOME/.claude.json" "$HOME/.codex/config.toml"
}
users_own >"$E2E_DIR/before"

must iapeer create al --runtime claude --path "$FOLDER" --description "reviews"
must iapeer create zoe --runtime shell --description "a shell"
printf 'PROJECTS=%s\nFAKE_TUI=%s\n' "$PROJECTS" "$FAKE_TUI" >>"$IAPEER_ROOT/environment"
echo "Be brief." >"$IAPEER_ROOT/IAPEER.md"
echo "You review." >"$FOLDER/.iapeer/IAPEER.md"
export IAPEER_CLAUDE_BIN=$E2E_DIR/claude

send() { iapeer send al "$1" --json "${@:2}"; }
started() { sed -n "$1p" "$HOME/starts"; } # the n-th start
conversation() { json id "$(cat "$STATE/claude-al.conversation")"; }
has_arg() { grep -q -x -F -e "$1" "$HOME/args"; }

# ---- given
check_exit "sent" 0 send first
check_eq "fresh" "fresh first-wake" "$(json mode) $(json cause)"
first=$(conversation)
check_eq "with an id of our choice" "--session-id $first" "$(started 1)"
run iapeer show al
check_has "show says which" "$out" "talk      $first, used "
run iapeer show al --json
check_has "with --json too" "$out" "\"conversations\":[{\"runtime\":\"claude\",\"id\":\"$first\""
check_has "its facts" "$(cat "$HOME/prompt")" 'name: "al"'
check_has "doctrine for all" "$(cat "$HOME/prompt")" "Be brief."
check_has "its own doctrine" "$(cat "$HOME/prompt")" "You review."
check_has "its team" "$(cat "$HOME/prompt")" "- zoe (shell; absent): a shell"
check "settings by a flag" has_arg "$FOLDER/.iapeer/runtimes/claude/settings.json"
check "which are JSON" json_valid "$FOLDER/.iapeer/runtimes/claude/settings.json"
check_lacks "nothing is bypassed unasked" "$(cat "$HOME/args" "$FOLDER/.iapeer/runtimes/claude/settings.json")" angerous

# ---- gone on with, by its id
echo '{}' >"$PROJECTS/11111111-0000-4000-8000-000000000000.jsonl" # somebody else's, newer, of the same folder
must iapeer stop al
must iapeer start al
echo "Be very brief." >"$IAPEER_ROOT/IAPEER.md"
check_exit "after a stop: sent" 0 send second
check_eq "resumed" "resume idle-reaped-resume" "$(json mode) $(json cause)"
check_eq "by its id" "--resume $first" "$(started 2)"
check_has "with the doctrine of today" "$(cat "$HOME/prompt")" "Be very brief."
kill -KILL "$(session_of claude-al)"
check_exit "after kill -9 of its server: sent" 0 send third
check_eq "resumed" resume "$(json mode)"
check_has "after what happened" "$(json cause)" "resume-after-"
check_eq "by its id" "--resume $first" "$(started 3)"
check_soon "one conversation has all three" 3 test "$(grep -c -e first -e second -e third "$PROJECTS/$first.jsonl")" -eq 3
check_exit "new" 0 iapeer new al
check_eq "is another conversation" "--session-id $(conversation)" "$(started 4)"
check_not "than the first" test "$(conversation)" = "$first"

# ---- and where it may not be
check_exit "a word" 0 send fourth
must iapeer stop al
must iapeer start al
second=$(conversation)
sleep 60 &
holder=$!
E2E_OWNED+=("$holder")
printf '{"pid":%s,"sessionId":"%s"}' "$holder" "$second" >"$HOME/.claude/sessions/$holder.json"
check_exit "somebody has it open: sent" 0 send fifth
check_eq "fresh" "fresh idle-reaped-resume-no-resume" "$(json mode) $(json cause)"
check_has "and why is on record" "$(cat "$LOGS/lifecycle.log")" "process $holder has it open"
must iapeer stop al
must iapeer start al
deaths=$(cat "$STATE/claude-al.deaths")
: >"$HOME/refuse"
check_exit "the program does not go on with it: sent" 0 send sixth
check_eq "fresh" "fresh idle-reaped-resume-no-resume" "$(json mode) $(json cause)"
check_eq "after one try" 1 "$(tail -n 2 "$HOME/starts" | grep -c -e --resume)"
check_eq "which counts for no crash loop" "$deaths" "$(cat "$STATE/claude-al.deaths")"

# ---- nothing of the user's was touched
check_exit "remove" 0 iapeer remove --force al
users_own >"$E2E_DIR/after"
check "the user's files are as they were" cmp "$E2E_DIR/before" "$E2E_DIR/after"
check_not "nothing was run by a shell" test -e "$FOLDER/x" -o -e "$E2E_DIR/x" -o -e "$HOME/x"
check_not "its conversation is forgotten" test -e "$STATE/claude-al.conversation"
check_not "and its prompt" test -e "$STATE/claude-al.system-prompt.md"
e2e_end
