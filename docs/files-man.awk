# iapeer-files.5 out of docs/FILES.md: headings, paragraphs, lists, tables and code, as roff for the man macros.
#   awk -v version=0.3.0 -f docs/files-man.awk docs/FILES.md
function text(s) {
	gsub(/\\/, "\\e", s)
	gsub(/-/, "\\-", s)
	while (match(s, /`[^`]*`/))
		s = substr(s, 1, RSTART - 1) "\\fB" substr(s, RSTART + 1, RLENGTH - 2) "\\fR" substr(s, RSTART + RLENGTH)
	while (match(s, /\*\*[^*]*\*\*/))
		s = substr(s, 1, RSTART - 1) "\\fB" substr(s, RSTART + 2, RLENGTH - 4) "\\fR" substr(s, RSTART + RLENGTH)
	while (match(s, /(^|[ (])\*[A-Za-z][A-Za-z ?]*\*/))
		s = substr(s, 1, RSTART - 1 + (substr(s, RSTART, 1) != "*")) "\\fI" \
			substr(s, RSTART + 1 + (substr(s, RSTART, 1) != "*"), RLENGTH - 2 - (substr(s, RSTART, 1) != "*")) "\\fR" substr(s, RSTART + RLENGTH)
	while (match(s, /\[[^]]*\]\([^)]*\)/)) {
		link = substr(s, RSTART + 1, RLENGTH - 2)
		sub(/\].*/, "", link)
		s = substr(s, 1, RSTART - 1) link substr(s, RSTART + RLENGTH)
	}
	if (s ~ /^[.']/)
		s = "\\&" s
	return s
}
function cell(s) {
	gsub(/^ +| +$/, "", s)
	return text(s)
}
BEGIN {
	printf ".\\\" Made out of docs/FILES.md.\n.TH IAPEER\\-FILES 5 \"\" \"iapeer %s\" \"File Formats\"\n", version
	print ".SH NAME\niapeer\\-files \\- what iapeer has on disk, where and in which format"
}
/^```/ { code = !code; print code ? ".PP\n.nf" : ".fi"; next }
code { print text($0); next }
/^# / { print ".SH DESCRIPTION"; next }
/^## / { print ".SH \"" toupper(text(substr($0, 4))) "\""; head = ""; next }
/^### / { print ".SS \"" text(substr($0, 5)) "\""; next }
/^\| *---/ { next }
/^\|/ {
	row = $0
	gsub(/\\\|/, "\001", row)
	n = split(row, c, "|")
	for (i = 1; i <= n; i++)
		gsub(/\001/, "|", c[i])
	if (!table) {	# the first row names the columns
		table = 1
		for (i = 2; i < n; i++)
			name[i] = c[i]
		for (i in name)
			gsub(/^ +| +$/, "", name[i])
		next
	}
	print ".TP\n" cell(c[2])
	for (i = 3; i < n; i++) {
		if (c[i] ~ /^ *$/)
			continue
		if (i > 3)
			print ".br"
		print (i > 3 && name[i] != "" ? text(name[i]) ": " : "") cell(c[i])
	}
	next
}
{ table = 0 }
/^$/ { print ".PP"; next }
/^- / { print ".IP \\(bu 2\n" text(substr($0, 3)); next }
{ print text($0) }
END { print ".SH SEE ALSO\n.BR iapeer (1)" }
