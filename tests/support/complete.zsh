# complete.zsh SCRIPT LINE: what an interactive zsh that has read SCRIPT offers for LINE, a word a line.
emulate -R zsh
zmodload zsh/zpty
hits=$(mktemp)

# what compadd is told to add is what zsh offers; with -O, -A or -D it only asks
read -r -d '' setup <<'SETUP'
PS1= RPS1= PROMPT_EOL_MARK= LISTMAX=10000
unsetopt zle_bracketed_paste
autoload -Uz compinit && compinit -u -D
compadd() {
  if [[ ${@[1,(i)(-|--)]} != *-(O|A|D)\ * ]]; then
    local -a offered
    builtin compadd -O offered "$@"
    print -rl -- $offered >> HITS
  fi
  builtin compadd "$@"
}
say-done() { print -r -- 'DO''NE' }
zle -N say-done
bindkey '^Y' say-done
source SCRIPT
say-done
SETUP
print -r -- "${${setup//HITS/${(q)hits}}//SCRIPT/${(q)1}}" > $hits.rc
zpty shell zsh -f -i
zpty -w shell "source ${(q)hits}.rc"
zpty -r shell output '*DONE*'
zpty -w -n shell "$2"$'\t\x19'
zpty -r shell output '*DONE*'
sort -u $hits
rm -f $hits $hits.rc
zpty -d shell
