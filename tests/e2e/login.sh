#!/usr/bin/env bash
# doctor says whether somebody has been through an agent's first questions and logged in, as far as files and the environment of
# peers tell, and shows nothing of what it finds there.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin

mkdir -p "$HOME/bin" "$HOME/.claude" "$HOME/.codex"
for name in claude codex; do
	printf '#!/bin/sh\necho 1.0\n' >"$HOME/bin/$name"
	chmod +x "$HOME/bin/$name"
done
PATH=$HOME/bin:$PATH
must iapeer create cl --runtime claude
must iapeer create co --runtime codex

run iapeer doctor
check_has "claude: first questions" "$out" "claude: nobody has answered its first questions here"
check_has "claude: no login" "$out" "claude: nothing here says that it is logged in"
check_has "what to do" "$out" "run claude once in a terminal of your own and log in, or put its key into <root>/environment"
check_has "codex: no login" "$out" "codex: nothing here says that it is logged in"
check_lacks "it has no first questions" "$out" "codex: nobody has answered"

echo '{"hasCompletedOnboarding": true, "oauthAccount": {"x": "SECRET"}}' >"$HOME/.claude.json"
echo '{"tokens": {"a": "SECRET"}, "OPENAI_API_KEY": null}' >"$HOME/.codex/auth.json"
run iapeer doctor
check_has "claude: logged in" "$out" "claude: logged in, by ~/.claude.json#oauthAccount"
check_lacks "and asked its questions" "$out" "claude: nobody"
check_has "codex: logged in" "$out" "codex: logged in, by ~/.codex/auth.json#tokens"
check_lacks "nothing of it is shown" "$out$err" SECRET

echo '{"hasCompletedOnboarding": false, "oauthAccount": null}' >"$HOME/.claude.json"
echo '{"tokens": null, "OPENAI_API_KEY": ""}' >"$HOME/.codex/auth.json"
run iapeer doctor
check_has "what is false or empty is no sign" "$out" "claude: nobody has answered"
check_has "of codex either" "$out" "codex: nothing here says"
echo 'this is no JSON' >"$HOME/.claude.json"
echo 'ANTHROPIC_AUTH_TOKEN=SECRET' >>"$IAPEER_ROOT/environment"
printf 'model_provider = "own"\n' >"$HOME/.codex/config.toml"
run iapeer doctor
check_has "a variable that peers have" "$out" 'claude: logged in, by $ANTHROPIC_AUTH_TOKEN'
check_has "a provider of one's own" "$out" "codex: logged in, by ~/.codex/config.toml~model_provider"
check_lacks "nothing of it is shown" "$out$err" SECRET

e2e_end
