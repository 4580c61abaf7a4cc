# evolve: completion for fish. Put this into ~/.config/fish/config.fish: evolve completion fish | source
function __evolve_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l command $words[1]
    set -e words[1]
    set -l found ($command __complete $words "$current" 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path "$current"
    end
end
complete -c evolve -f -a '(__evolve_complete)'
