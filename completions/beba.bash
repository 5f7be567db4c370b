# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Completion of beba in bash. The command knows its own options: "beba __complete -- WORD..." prints
# candidates for the last word, or "@files SUFFIX..." and "@dirs" where the shell knows better.

_beba()
{
    local cur=${COMP_WORDS[COMP_CWORD]} line suffix
    local -a words=("${COMP_WORDS[@]:1:COMP_CWORD}")

    # Bash splits --option=value at the '='.
    if [[ $COMP_CWORD -ge 2 && $cur == "=" ]]; then
        cur=
        words=("${COMP_WORDS[@]:1:COMP_CWORD-2}" "${COMP_WORDS[COMP_CWORD-1]}=")
    elif [[ $COMP_CWORD -ge 3 && ${COMP_WORDS[COMP_CWORD-1]} == "=" ]]; then
        words=("${COMP_WORDS[@]:1:COMP_CWORD-3}" "${COMP_WORDS[COMP_CWORD-2]}=$cur")
    fi
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
        "@dirs")
            mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "$cur")
            ;;
        "@files")
            mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$cur")
            ;;
        "@files "*)
            for suffix in ${line#@files }; do
                mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -X "!*.$suffix" -- "$cur")
            done
            mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "$cur")
            ;;
        *)
            COMPREPLY+=("$line")
            ;;
        esac
    done < <("${COMP_WORDS[0]}" __complete -- "${words[@]}" 2>/dev/null)
    return 0
}

complete -o filenames -F _beba beba
