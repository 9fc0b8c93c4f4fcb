# complete.fish SCRIPT LINE…: what fish offers for each LINE: "= LINE", then a word a line.
source $argv[1]
for line in $argv[2..-1]
    echo "= $line"
    complete -C $line | string replace -r '\t.*' ''
end
exit 0 # nothing to offer is no failure
