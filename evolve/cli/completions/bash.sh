# evolve: completion for bash. Put this into ~/.bashrc: source <(evolve completion bash)
_evolve() {
    local typed="${COMP_LINE:0:COMP_POINT}" current="" before found
    local -a words
    read -ra words <<< "$typed"
    if [[ $typed == *[![:space:]] ]]; then
        current="${words[-1]}"
    else
        words+=("")
    fi
    mapfile -t COMPREPLY < <("$1" __complete "${words[@]:1}" 2>/dev/null)
    # bash takes '=' and ':' for the ends of words, and replaces what follows the last one
    before="${current%"${current##*[=:]}"}"
    for found in "${!COMPREPLY[@]}"; do
        [[ ${COMPREPLY[found]} == *[=./] ]] && compopt -o nospace
        COMPREPLY[found]="${COMPREPLY[found]#"$before"}"
    done
}
complete -o bashdefault -o default -F _evolve evolve
