# complete.zsh SCRIPT LINE…: what an interactive zsh that has read SCRIPT offers for each LINE: "= LINE", then a word a line.
emulate -R zsh
zmodload zsh/zpty
work=$(mktemp -d)

# what compadd is told to add is what zsh offers; with -O, -A or -D it only asks
read -r -d '' setup <<'SETUP'
PS1= RPS1= PROMPT_EOL_MARK= LISTMAX=10000
unsetopt zle_bracketed_paste
autoload -Uz compinit && compinit -u -D
compadd() {
  if [[ ${@[1,(i)(-|--)]} != *-(O|A|D)\ * ]]; then
    local -a offered
    builtin compadd -O offered "$@"
    print -rl -- $offered >> WORK/hits
  fi
  builtin compadd "$@"
}
say-done() { print -r -- 'DO''NE' }
zle -N say-done
bindkey '^Y' say-done
source SCRIPT
say-done
SETUP
print -r -- "${${setup//WORK/${(q)work}}//SCRIPT/${(q)1}}" > $work/rc
zpty shell zsh -f -i
zpty -w shell "source ${(q)work}/rc"
zpty -r shell output '*DONE*'
for line in "${@:2}"; do
  : > $work/hits
  zpty -w -n shell $'\x15'"$line"$'\t\x19'  # Ctrl-U for an empty line, Tab, Ctrl-Y
  zpty -r shell output '*DONE*'
  print -r -- "= $line"
  sort -u $work/hits
done
rm -r $work
zpty -d shell
