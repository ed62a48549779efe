# lib.bash - what the scripts here share beyond tests/e2e/lib.bash: the real Claude Code and Codex, a model that they believe,
# no network, and a home in which a person has been once.
#
#   . "$(dirname "${BASH_SOURCE[0]}")/lib.bash"; agents_begin; agent cl claude; ...checks...; agents_end
#
# By hand: IAPEER_BIN=<build>/iapeer bash tests/agents/<name>.sh    (E2E_KEEP=1 keeps the folder, model/requests.jsonl in it)
# shellcheck shell=bash
# shellcheck disable=SC2034
AGENTS_LIB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$AGENTS_LIB/../e2e/lib.bash"

AGENTS_KEY=sk-no-key-of-anybody-0123456789
MODEL=      # its folder
MODEL_PID=

# ---- the world -----------------------------------------------------------------------------------------------------

# Nothing gets out: a network of our own with only a loopback. Where the system does not allow one, the programs are asked.
agents_alone() {
	[ -z "${AGENTS_ALONE:-}" ] || return 0
	local how
	for how in "-n" "-r -n"; do
		# shellcheck disable=SC2086 # two words
		if unshare $how ip link set lo up 2>/dev/null; then
			# shellcheck disable=SC2086
			AGENTS_ALONE=yes exec unshare $how bash "$0"
		fi
	done
	echo "# no network namespace here: only their settings keep the programs from the network"
}

agents_begin() {
	local bin node
	command -v node >/dev/null || skip "no node"
	bin=$("$AGENTS_LIB/install") || skip "no agents to test with"
	node=$(dirname "$(command -v node)")
	agents_alone
	[ -z "${AGENTS_ALONE:-}" ] || ip link set lo up
	# Who is above us is no business of theirs: a claude that runs these tests, for one.
	for name in $(env | sed -n 's/^\(CLAUDE[A-Z_]*\)=.*/\1/p; s/^\(ANTHROPIC_[A-Z_]*\)=.*/\1/p; s/^\(OPENAI_[A-Z_]*\)=.*/\1/p; s/^\(CODEX_[A-Z_]*\)=.*/\1/p'); do
		unset "$name"
	done
	e2e_begin
	trap agents_exit EXIT
	PATH=$bin:$PATH:$node
	unset IAPEER_SHELL_BIN
	echo "# $(claude --version 2>/dev/null), $(codex --version 2>/dev/null)"
	model_start
	home_claude
	home_codex
}

agents_exit() {
	local status=$? pid
	trap - EXIT
	# What iapeer did not end, it lost: it is ended here, and counted by the check in agents_end.
	for pid in $(processes_of_root); do
		kill -KILL "$pid" 2>/dev/null
	done
	[ -z "$MODEL_PID" ] || kill "$MODEL_PID" 2>/dev/null
	(exit "$status") # what e2e_exit looks at
	e2e_exit
}

# Ends all peers, looks for what stays behind, and says how it went.
agents_end() {
	iapeer stop --all >/dev/null 2>&1
	check_soon "all that was started has ended" 10 no_agent_left
	e2e_end
}

# Processes that were started for this root's peers, but the keeper and this script's own.
processes_of_root() {
	local file pid
	grep -lszF "PEER_IDENTITY=" /proc/[0-9]*/environ 2>/dev/null | while read -r file; do
		pid=${file#/proc/}
		pid=${pid%/environ}
		grep -qszxF "IAPEER_ROOT=$IAPEER_ROOT" "$file" 2>/dev/null && echo "$pid"
	done
}
no_agent_left() { [ -z "$(processes_of_root)" ]; }

# ---- the model -----------------------------------------------------------------------------------------------------

model_start() {
	MODEL=$E2E_DIR/model
	mkdir -p "$MODEL"
	node "$AGENTS_LIB/fake_model.mjs" "$MODEL" >"$MODEL/out" 2>&1 &
	MODEL_PID=$!
	disown "$MODEL_PID"
	wait_for 10 test -s "$MODEL/port" || { cat "$MODEL/out"; echo "no model"; exit 1; }
	MODEL_URL=http://127.0.0.1:$(cat "$MODEL/port")
	: >>"$MODEL/requests.jsonl"
}

model_fails() { printf '%s' "$1" >"$MODEL/fail"; } # HTTP status
model_works() { rm -f "$MODEL/fail"; }

# The requests as a table of node: `r` is one of them. Side requests are left out.
asked() { # expression on r, true for those that count
	node -e '
		const fs = require("fs");
		const wanted = new Function("r", `return (${process.argv[2]})`);
		const lines = fs.readFileSync(process.argv[1], "utf8").trim().split("\n").filter(Boolean).map((line) => JSON.parse(line));
		console.log(lines.filter((r) => r.api !== "other" && !r.aux && wanted(r)).length);
	' "$MODEL/requests.jsonl" "$1"
}
# Prints an expression of the last request that fits, as text.
last_asked() { # expression on r [true for those that count]
	node -e '
		const fs = require("fs");
		const show = new Function("r", `return (${process.argv[2]})`), wanted = new Function("r", `return (${process.argv[3] ?? "true"})`);
		const lines = fs.readFileSync(process.argv[1], "utf8").trim().split("\n").filter(Boolean).map((line) => JSON.parse(line));
		const r = lines.filter((r) => r.api !== "other" && !r.aux && wanted(r)).pop();
		if (r) { const value = show(r); console.log(typeof value === "string" ? value : JSON.stringify(value)); }
	' "$MODEL/requests.jsonl" "$@"
}
was_asked() { [ "$(asked "$1")" -gt 0 ]; }
no_model_problem() { ! grep -q '"api":"problem"' "$MODEL/requests.jsonl"; }

# ---- the home ------------------------------------------------------------------------------------------------------

# What a person has said once, in a terminal of their own: the theme, and that this key is theirs.
home_claude() {
	cat >"$HOME/.claude.json" <<JSON
{"hasCompletedOnboarding": true, "customApiKeyResponses": {"approved": ["${AGENTS_KEY: -20}"], "rejected": []}}
JSON
}

# The person has told claude once that these folders are fine.
home_trusts() { # folder...
	node -e '
		const fs = require("fs"), [file, ...folders] = process.argv.slice(1), home = JSON.parse(fs.readFileSync(file, "utf8"));
		home.projects ??= {};
		for (const folder of folders) home.projects[folder] = { ...home.projects[folder], hasTrustDialogAccepted: true };
		fs.writeFileSync(file, JSON.stringify(home));
	' "$HOME/.claude.json" "$@"
}

home_codex() {
	mkdir -p "$HOME/.codex"
	cat >"$HOME/.codex/config.toml" <<TOML
model = "gpt-5"
model_provider = "own"
check_for_update_on_startup = false

[model_providers.own]
name = "own"
base_url = "$MODEL_URL/v1"
wire_api = "responses"
env_key = "OWN_MODEL_KEY"
request_max_retries = 1
stream_max_retries = 1

[analytics]
enabled = false
TOML
}

# ---- peers ---------------------------------------------------------------------------------------------------------

model_environment() {
	echo "ANTHROPIC_BASE_URL=$MODEL_URL"
	echo "ANTHROPIC_API_KEY=$AGENTS_KEY"
	echo "OWN_MODEL_KEY=none"
	echo "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1"
	echo "IS_SANDBOX=1" # what claude wants to hear from root before it goes without questions
}

# The lines that the fleet's owner adds to the environment of all peers.
agents_environment() {
	grep -q '^ANTHROPIC_BASE_URL=' "$IAPEER_ROOT/environment" || model_environment >>"$IAPEER_ROOT/environment"
}

# A program that a person runs by hand.
with_model() { # command...
	# shellcheck disable=SC2046 # none of them has a blank
	timeout 60 env $(model_environment) "$@"
}

agent() { # name runtime [create-options...]
	local name=$1 runtime=$2
	shift 2
	must iapeer create "$name" --runtime "$runtime" --trust "$@"
	agents_environment
}

launch_env() { # name runtime line...
	local folder=$IAPEER_ROOT/peers/$1/.iapeer/runtimes/$2
	shift 2
	mkdir -p "$folder"
	printf '%s\n' "$@" >"$folder/launch.env"
}

screen_of() { tmux_of "$1" capture-pane -p -t "=$1:" 2>/dev/null; }
sees() { screen_of "$1" | grep -q -F -e "$2"; } # identity text
types() { # identity tmux-keys...
	local identity=$1
	shift
	tmux_of "$identity" send-keys -t "=$identity:" "$@"
}

# What claude and codex wrote down themselves.
transcripts() { # runtime
	case $1 in
	claude) find "$HOME/.claude/projects" -name '*.jsonl' 2>/dev/null ;;
	codex) find "$HOME/.codex/sessions" -name '*.jsonl' 2>/dev/null ;;
	esac
}

delivery_line() { grep -h "id=$1 " "$LOGS/delivery.log" 2>/dev/null | tail -n 1; }
# A message's receipt reached that rung, however it got there.
has_rung() { case " $(delivery_line "$1") " in *" rung=$2 "*) true ;; *) false ;; esac }
# What iapeer says that a live peer does; nothing where it is not live.
status_of() { iapeer show "$1" --json | sed -n 's/.*"status":{"status":"\([a-z]*\)".*/\1/p'; } # name

ms() { date +%s%3N; }
# Median and maximum of the numbers on standard input.
summary() { sort -n | awk '{ v[NR] = $1 } END { if (NR) printf "median %d, max %d, n %d", v[int((NR + 1) / 2)], v[NR], NR }'; }
note() { echo "# $*"; }
