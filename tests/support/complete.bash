# complete.bash SCRIPT LINE…: what the function that SCRIPT registers offers for each LINE: "= LINE", then a word a line ("files" when
# bash's own completion of files takes over).
# shellcheck shell=bash
# shellcheck source=/dev/null
source "$1"
compopt() { echo files; }  # there is none outside of a completion
registered=$(complete -p raibid-cli) || exit 1
for line in "${@:2}"; do
  echo "= $line"
  spaced=${line//=/ = } spaced=${spaced//:/ : } # as readline takes words apart
  read -r -a COMP_WORDS <<< "$spaced"
  if [[ $spaced == *' ' && $spaced != *[=:]' ' ]]; then COMP_WORDS+=(""); fi
  COMP_LINE=$line COMP_POINT=${#line}
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  function=${registered#*-F }
  "${function%% *}"
  for word in "${COMPREPLY[@]}"; do echo "$word"; done
done
