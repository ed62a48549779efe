# attack.bash - what the scripts of attacks share: scripts that run inside of a peer called mallory, and her neighbours.
# shellcheck shell=bash
# shellcheck disable=SC2034  # rc and out are for the scripts
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

# From inside mallory's session: a script, $1 of its name. $rc, $out (both streams).
inside() { # script
	printf 'export IAPEER=%q OUT=%q STATE=%q SOCKS=%q SRC=%q\n%s\n' "$IAPEER_BIN" "$E2E_DIR" "$STATE" "$IAPEER_SOCK_DIR" "$E2E_SOURCE" "$1" >"$E2E_DIR/a.sh"
	rm -f "$E2E_DIR/a.rc"
	"$IAPEER_BIN" ask mallory "bash $E2E_DIR/a.sh >$E2E_DIR/a.out 2>&1 </dev/null; echo \$? >$E2E_DIR/a.rc" --timeout 40 >/dev/null 2>"$E2E_DIR/.ask"
	rc=$(cat "$E2E_DIR/a.rc" 2>/dev/null || cat "$E2E_DIR/.ask")
	out=$(cat "$E2E_DIR/a.out" 2>/dev/null)
}
attack() { # name status script
	inside "$3"
	if [ "$rc" = "$2" ]; then pass "$1"; else fail "$1" "status $rc, wanted $2
$out"; fi
}
nothing_ran() { [ -z "$(find "$E2E_DIR" "$HOME" -name 'pwned*' 2>/dev/null)" ]; }
last_delivery() { grep 'ev=delivery' "$LOGS/delivery.log" | tail -n 1; }

# mallory and sheila are shells, bob has an envelope.
neighbours() {
	fake_runtime
	printf '{"IAPEER_BOOT_DEADLINE_SECS": 20}\n' >"$IAPEER_ROOT/config.json" # one that cannot start gives up within the test
	chmod 600 "$IAPEER_ROOT/config.json"
	must iapeer create mallory --runtime shell --intelligence artificial # a shell does what an agent could
	must iapeer create sheila --runtime shell
	fake_peer bob ""
	must iapeer start mallory --now
	must iapeer send bob hello --timeout 20
	must iapeer start sheila --now
}
