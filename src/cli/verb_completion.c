#include <string.h>

#include "iapeer/cli/complete.h"
#include "iapeer/cli/opt.h"
#include "iapeer/cli/verb_runs.h"

#include "iapeer/base/banned.h"

/* For bash 3.2 too, the one of macOS. Bash cuts words at '=', ':' and '@': the line is split at
 * blanks instead, and of each candidate only what stands behind bash's own cut is given back
 * (readline keeps a leading '@' all the same). */
static const char bash_script[] =
    "# bash completion for iapeer\n"
    "_iapeer()\n"
    "{\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} line=${COMP_LINE:0:COMP_POINT} words word lead one\n"
    "    COMPREPLY=()\n"
    "    read -ra words <<<\"$line\"\n"
    "    [[ $line == *[[:space:]] ]] && words+=(\"\")\n"
    "    ((${#words[@]} > 1)) || return 0\n"
    "    word=${words[${#words[@]} - 1]}\n"
    "    [[ $cur == [=:@] ]] && cur=\n"
    "    lead=${word%\"$cur\"}\n"
    "    [[ $word == @* ]] && lead=\n"
    "    while IFS= read -r one; do\n"
    "        if [[ $one == :file ]]; then\n"
    "            while IFS= read -r one; do\n"
    "                COMPREPLY+=(\"$one\")\n"
    "            done < <(compgen -f -- \"$cur\")\n"
    "            compopt -o filenames 2>/dev/null\n"
    "            return 0\n"
    "        fi\n"
    "        one=${one%%$'\\t'*}\n"
    "        [[ $one == *= ]] && compopt -o nospace 2>/dev/null\n"
    "        COMPREPLY+=(\"${one#\"$lead\"}\")\n"
    "    done < <(\"${words[0]}\" _complete -- \"${words[@]:1}\" 2>/dev/null)\n"
    "}\n"
    "complete -F _iapeer iapeer\n";

static const char zsh_script[] =
    "#compdef iapeer\n"
    "_iapeer()\n"
    "{\n"
    "    local one word\n"
    "    local -a typed plain open plain_shown open_shown\n"
    "    typed=(\"${(@Q)words[2,CURRENT]}\")\n"
    "    while IFS= read -r one; do\n"
    "        if [[ $one == :file ]]; then\n"
    "            compset -P '*='\n"
    "            _files\n"
    "            return\n"
    "        fi\n"
    "        word=${one%%$'\\t'*}\n"
    "        if [[ $word == *= ]]; then\n"
    "            open+=(\"$word\"); open_shown+=(\"$word\")\n"
    "        else\n"
    "            plain+=(\"$word\"); plain_shown+=(\"${word}  ${one#*$'\\t'}\")\n"
    "        fi\n"
    "    done < <(\"${words[1]}\" _complete -- \"${typed[@]}\" 2>/dev/null)\n"
    "    (( $#plain )) && compadd -l -d plain_shown -a plain\n"
    "    (( $#open )) && compadd -S '' -d open_shown -a open\n"
    "    return 0\n"
    "}\n"
    "if [[ ${funcstack[1]} == _iapeer ]]; then _iapeer \"$@\"; else compdef _iapeer iapeer; fi\n";

static const char fish_script[] =
    "# fish completion for iapeer\n"
    "function __iapeer_complete\n"
    "    set -l typed (commandline -opc) (commandline -ct)\n"
    "    set -l found ($typed[1] _complete -- $typed[2..-1] 2>/dev/null)\n"
    "    if test \"$found[1]\" = ':file'\n"
    "        __fish_complete_path (commandline -ct)\n"
    "        return\n"
    "    end\n"
    "    printf '%s\\n' $found\n"
    "end\n"
    "complete -c iapeer -f -a '(__iapeer_complete)'\n";

const char *completion_script(const char *shell)
{
	if (strcmp(shell, "bash") == 0)
		return bash_script;
	if (strcmp(shell, "zsh") == 0)
		return zsh_script;
	return strcmp(shell, "fish") == 0 ? fish_script : NULL;
}

int verb_completion(struct ctx *c, const struct parsed *p, struct err *e)
{
	const char *script = completion_script(p->args[0]);

	if (!script)
		return err_set(e, ERR_USAGE, 0, "no such shell; there is bash, zsh and fish");
	c->reply = json_object();
	json_set_str(c->reply, "shell", p->args[0]);
	json_set_str(c->reply, "script", script);
	buf_str(&c->out, script);
	return 0;
}

int verb_complete(struct ctx *c, const struct parsed *p, struct err *e)
{
	(void)e;
	complete_words(c, p->args, p->n_args, &c->out);
	return 0;
}
