#compdef evolve
# evolve: completion for zsh. Put this into ~/.zshrc, after compinit: source <(evolve completion zsh)
_evolve() {
    local -a found open closed
    local word
    found=("${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)}")
    for word in $found; do
        if [[ $word == *[=./] ]]; then open+=("$word"); else closed+=("$word"); fi
    done
    (( $#open )) && compadd -S '' -- $open
    (( $#closed )) && compadd -- $closed
    (( $#open + $#closed )) || _files
}
compdef _evolve evolve
