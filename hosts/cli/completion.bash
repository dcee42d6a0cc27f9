# Bash completion of the whorl command.
_whorl()
{
    local word=${COMP_WORDS[COMP_CWORD]} cook="--input --out --mesh-out --set --time --seed --threads --kernels --quiet
        --verbose --help"
    local -A options=([run]="$cook --slice --size --field --json" [live]=$cook
        [history]="--compare --input --time --json --kernels --help" [check]="--json --kernels --help"
        [kernels]="--json --kernels --help" [new]="pipeline kernel --help" [doctor]=--help)
    if [ "$COMP_CWORD" = 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "run live history check kernels new doctor --help --version" -- "$word")
    elif [ "${COMP_WORDS[1]}" = new ] || [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "${options[${COMP_WORDS[1]}]:-}" -- "$word")
    fi
}
complete -o default -F _whorl whorl
