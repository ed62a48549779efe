#!/usr/bin/env bash
# The manual pages say what the program says, and are clean roff.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
e2e_begin

page=$E2E_DIR/iapeer.1
iapeer help --roff >"$page"
awk -v version=x -f "$E2E_SOURCE/docs/files-man.awk" "$E2E_SOURCE/docs/FILES.md" >"$E2E_DIR/iapeer-files.5"
plain=$(sed -e 's/\\-/-/g' -e 's/\\f[BIR]//g' -e 's/\\&//g' -e 's/\\e/\\/g' "$page")

run iapeer help --json
verbs=$(printf '%s' "$out" | grep -o '"name": *"[^"]*"' | sed 's/.*"\([^"]*\)"$/\1/')
check "there are verbs" test "$(printf '%s\n' "$verbs" | wc -l)" -gt 15
for verb in $verbs; do
	section=$(printf '%s\n' "$plain" | awk -v want=".SS \"$verb\"" '$0 == want { on = 1; next } /^\.S[SH]/ { on = 0 } on')
	run iapeer help "$verb" --json
	missing=
	for option in $(printf '%s' "$out" | sed 's/.*"options"//' | grep -o '"name": *"[^"]*"' | sed 's/.*"\([^"]*\)"$/\1/'); do
		case $option in json | help | debug) continue ;; esac
		printf '%s\n' "$section" | grep -q -e "--$option" || missing="$missing --$option"
	done
	check_eq "$verb: its section has all its options" "" "$missing"
	check "$verb: its section says what it is for" test -n "$section"
done
while read -r status word _; do
	case $status in [0-9]) check_has "exit status $status" "$plain" "$status $word" ;; esac
done < <(iapeer help exit-codes)

if command -v groff >/dev/null || command -v man >/dev/null; then
	for file in "$page" "$E2E_DIR/iapeer-files.5"; do
		check_eq "no warning about ${file##*/}" "" "$(man --warnings -l "$file" 2>&1 >/dev/null)"
		check "${file##*/} is a page" test "$(man -l "$file" 2>/dev/null | wc -l)" -gt 100
	done
else
	echo "# no man here: the pages were not formatted"
fi
e2e_end
