# fish completion for raibid-cli, made by `raibid-cli completion fish`

# The words of the command that are there: a verb, an object; "--" once a command of its own has begun.
function __raibid_cli_words
    set -l skip no
    for word in (commandline -opc)[2..-1]
        if test $skip = yes
            set skip no
        else if test "$word" = --
            echo -- --
            return
        else if contains -- $word --kubeconfig --context -n --namespace --release --preset --target --config -o --output --color --timeout --chart --chart-version --image --exporter-image --size --storage-class --memory-request --memory-limit --cpu-request --cpu-limit --password-file --allow-from --stream --group --max-length --set -f --values --port
            set skip yes
        else if not string match -q -- '-*' $word
            echo $word
        end
    end
end

# Whether these are exactly the words.
function __raibid_cli_at
    set -l words (__raibid_cli_words)
    test "$words" = "$argv"
end

function __raibid_cli_behind_dashes
    contains -- -- (__raibid_cli_words)
end

complete -c raibid-cli -f
complete -c raibid-cli -n __raibid_cli_behind_dashes -F -a '(__fish_complete_command)'
complete -c raibid-cli -n 'not __raibid_cli_behind_dashes' -s h -l help -d 'what the command does, and its options'
complete -c raibid-cli -n 'not __raibid_cli_behind_dashes' -l version -d 'the version of the program'
complete -c raibid-cli -n '__raibid_cli_at' -a setup -d 'Install Redis and make it ready for jobs; run again it converges'
complete -c raibid-cli -n '__raibid_cli_at help' -a setup -d 'Install Redis and make it ready for jobs; run again it converges'
complete -c raibid-cli -n '__raibid_cli_at setup' -a redis -d 'Install Redis and make it ready for jobs; run again it converges'
complete -c raibid-cli -n '__raibid_cli_at help setup' -a redis -d 'Install Redis and make it ready for jobs; run again it converges'
complete -c raibid-cli -n '__raibid_cli_at' -a status -d 'Prove that it is healthy: release, pod, claim, Redis, streams'
complete -c raibid-cli -n '__raibid_cli_at help' -a status -d 'Prove that it is healthy: release, pod, claim, Redis, streams'
complete -c raibid-cli -n '__raibid_cli_at status' -a redis -d 'Prove that it is healthy: release, pod, claim, Redis, streams'
complete -c raibid-cli -n '__raibid_cli_at help status' -a redis -d 'Prove that it is healthy: release, pod, claim, Redis, streams'
complete -c raibid-cli -n '__raibid_cli_at' -a teardown -d 'Remove it; the data stays unless --delete-data'
complete -c raibid-cli -n '__raibid_cli_at help' -a teardown -d 'Remove it; the data stays unless --delete-data'
complete -c raibid-cli -n '__raibid_cli_at teardown' -a redis -d 'Remove it; the data stays unless --delete-data'
complete -c raibid-cli -n '__raibid_cli_at help teardown' -a redis -d 'Remove it; the data stays unless --delete-data'
complete -c raibid-cli -n '__raibid_cli_at' -a doctor -d 'Check everything that setup needs, with a hint for what is missing'
complete -c raibid-cli -n '__raibid_cli_at help' -a doctor -d 'Check everything that setup needs, with a hint for what is missing'
complete -c raibid-cli -n '__raibid_cli_at doctor' -a redis -d 'Check everything that setup needs, with a hint for what is missing'
complete -c raibid-cli -n '__raibid_cli_at help doctor' -a redis -d 'Check everything that setup needs, with a hint for what is missing'
complete -c raibid-cli -n '__raibid_cli_at' -a smoke -d 'Do on the real server what the preset\'s application does'
complete -c raibid-cli -n '__raibid_cli_at help' -a smoke -d 'Do on the real server what the preset\'s application does'
complete -c raibid-cli -n '__raibid_cli_at smoke' -a redis -d 'Do on the real server what the preset\'s application does'
complete -c raibid-cli -n '__raibid_cli_at help smoke' -a redis -d 'Do on the real server what the preset\'s application does'
complete -c raibid-cli -n '__raibid_cli_at' -a connect -d 'Keep a port-forward to it open, or run a command through it'
complete -c raibid-cli -n '__raibid_cli_at help' -a connect -d 'Keep a port-forward to it open, or run a command through it'
complete -c raibid-cli -n '__raibid_cli_at connect' -a redis -d 'Keep a port-forward to it open, or run a command through it'
complete -c raibid-cli -n '__raibid_cli_at help connect' -a redis -d 'Keep a port-forward to it open, or run a command through it'
complete -c raibid-cli -n '__raibid_cli_at' -a url -d 'Print its address as an application uses it'
complete -c raibid-cli -n '__raibid_cli_at help' -a url -d 'Print its address as an application uses it'
complete -c raibid-cli -n '__raibid_cli_at url' -a redis -d 'Print its address as an application uses it'
complete -c raibid-cli -n '__raibid_cli_at help url' -a redis -d 'Print its address as an application uses it'
complete -c raibid-cli -n '__raibid_cli_at' -a config -d 'Every setting with its value and where that comes from'
complete -c raibid-cli -n '__raibid_cli_at help' -a config -d 'Every setting with its value and where that comes from'
complete -c raibid-cli -n '__raibid_cli_at config' -a show -d 'Every setting with its value and where that comes from'
complete -c raibid-cli -n '__raibid_cli_at help config' -a show -d 'Every setting with its value and where that comes from'
complete -c raibid-cli -n '__raibid_cli_at' -a presets -d 'list, show, new'
complete -c raibid-cli -n '__raibid_cli_at help' -a presets -d 'list, show, new'
complete -c raibid-cli -n '__raibid_cli_at presets' -a list -d 'The presets: one for each system that this program knows the Redis of'
complete -c raibid-cli -n '__raibid_cli_at help presets' -a list -d 'The presets: one for each system that this program knows the Redis of'
complete -c raibid-cli -n '__raibid_cli_at presets' -a show -d 'A preset as its file, with comments'
complete -c raibid-cli -n '__raibid_cli_at help presets' -a show -d 'A preset as its file, with comments'
complete -c raibid-cli -n '__raibid_cli_at presets' -a new -d 'Write a preset of your own, with every key explained; never over a file'
complete -c raibid-cli -n '__raibid_cli_at help presets' -a new -d 'Write a preset of your own, with every key explained; never over a file'
complete -c raibid-cli -n '__raibid_cli_at' -a completion -d 'bash, zsh, fish'
complete -c raibid-cli -n '__raibid_cli_at help' -a completion -d 'bash, zsh, fish'
complete -c raibid-cli -n '__raibid_cli_at completion' -a bash -d 'The completion script for bash'
complete -c raibid-cli -n '__raibid_cli_at help completion' -a bash -d 'The completion script for bash'
complete -c raibid-cli -n '__raibid_cli_at completion' -a zsh -d 'The completion script for zsh'
complete -c raibid-cli -n '__raibid_cli_at help completion' -a zsh -d 'The completion script for zsh'
complete -c raibid-cli -n '__raibid_cli_at completion' -a fish -d 'The completion script for fish'
complete -c raibid-cli -n '__raibid_cli_at help completion' -a fish -d 'The completion script for fish'
complete -c raibid-cli -n '__raibid_cli_at' -a version -d 'The versions of this program, its charts and their images'
complete -c raibid-cli -n '__raibid_cli_at help' -a version -d 'The versions of this program, its charts and their images'
complete -c raibid-cli -n '__raibid_cli_at' -a help -d 'What a command does, and its options'
complete -c raibid-cli -n '__raibid_cli_at help' -a help -d 'What a command does, and its options'
complete -c raibid-cli -n '__raibid_cli_at setup redis' -l chart -x -d 'Chart: embedded, bitnami, a path, oci://… or REPOSITORY/NAME'
complete -c raibid-cli -n '__raibid_cli_at setup redis' -l chart-version -x -d 'Version of the chart'
complete -c raibid-cli -n '__raibid_cli_at setup redis' -l image -x -d 'Image of Redis or Valkey'
complete -c raibid-cli -n '__raibid_cli_at setup redis' -l exporter-image -x -d 'Image of redis_exporter'
complete -c raibid-cli -n '__raibid_cli_at setup redis' -l size -x -d 'Size of the data claim'
complete -c raibid-cli -n '__raibid_cli_at setup redis' -l storage-class -x -d 'StorageClass of the claim; the cluster\'s default when not given'
complete -c raibid-cli -n '__raibid_cli_at setup redis' -l no-persistence -d 'Keep nothing on disk: no claim, no AOF, no snapshots'
complete -c raibid-cli -n '__raibid_cli_at setup redis' -l memory-request -x -d 'Memory that the pod is sure of'
complete -c raibid-cli -n '__raibid_cli_at setup redis' -l memory-limit -x -d 'Memory at most; maxmemory is derived from it'
complete -c raibid-cli -n '__raibid_cli_at setup redis' -l cpu-request -x -d 'CPU that the pod is sure of'
complete -c raibid-cli -n '__raibid_cli_at setup redis' -l cpu-limit -x -d 'CPU at most'
complete -c raibid-cli -n '__raibid_cli_at setup redis' -l no-metrics -d 'No Prometheus exporter beside Redis'
complete -c raibid-cli -n '__raibid_cli_at setup redis' -l no-auth -d 'No password'
complete -c raibid-cli -n '__raibid_cli_at setup redis' -l password-file -r -F -d 'Take the password from the first line of this file instead of making one'
complete -c raibid-cli -n '__raibid_cli_at setup redis' -l allow-from -x -d 'Who may connect: a namespace, or pods in it by label; everyone in the cluster when not given'
complete -c raibid-cli -n '__raibid_cli_at setup redis' -l stream -x -d 'Name of the stream'
complete -c raibid-cli -n '__raibid_cli_at setup redis' -l group -x -d 'Name of its consumer group'
complete -c raibid-cli -n '__raibid_cli_at setup redis' -l max-length -x -d 'Entries that the stream should hold at most; 0 for no limit'
complete -c raibid-cli -n '__raibid_cli_at setup redis' -l set -x -d 'A value of the chart, as helm takes it'
complete -c raibid-cli -n '__raibid_cli_at setup redis' -s f -l values -r -F -d 'A file of the chart\'s values'
complete -c raibid-cli -n '__raibid_cli_at setup redis' -l strict -d 'Warnings about risky settings are errors, and nothing is changed'
complete -c raibid-cli -n '__raibid_cli_at setup redis' -l adopt -d 'Take over a namespace, Secret or release of this name that something else made'
complete -c raibid-cli -n '__raibid_cli_at setup redis' -l keep-on-failure -d 'Do not roll back when setup fails'
complete -c raibid-cli -n '__raibid_cli_at status redis; or __raibid_cli_at status' -l all -d 'Every Redis that is set up, as a list'
complete -c raibid-cli -n '__raibid_cli_at status redis; or __raibid_cli_at status' -s w -l watch -d 'Look every two seconds, until Ctrl-C'
complete -c raibid-cli -n '__raibid_cli_at teardown redis' -l delete-data -d 'Remove the data too: claim, Secret and credentials'
complete -c raibid-cli -n '__raibid_cli_at doctor redis; or __raibid_cli_at doctor' -l chart -x -d 'Chart: embedded, bitnami, a path, oci://… or REPOSITORY/NAME'
complete -c raibid-cli -n '__raibid_cli_at doctor redis; or __raibid_cli_at doctor' -l chart-version -x -d 'Version of the chart'
complete -c raibid-cli -n '__raibid_cli_at doctor redis; or __raibid_cli_at doctor' -l image -x -d 'Image of Redis or Valkey'
complete -c raibid-cli -n '__raibid_cli_at doctor redis; or __raibid_cli_at doctor' -l exporter-image -x -d 'Image of redis_exporter'
complete -c raibid-cli -n '__raibid_cli_at doctor redis; or __raibid_cli_at doctor' -l size -x -d 'Size of the data claim'
complete -c raibid-cli -n '__raibid_cli_at doctor redis; or __raibid_cli_at doctor' -l storage-class -x -d 'StorageClass of the claim; the cluster\'s default when not given'
complete -c raibid-cli -n '__raibid_cli_at doctor redis; or __raibid_cli_at doctor' -l no-persistence -d 'Keep nothing on disk: no claim, no AOF, no snapshots'
complete -c raibid-cli -n '__raibid_cli_at doctor redis; or __raibid_cli_at doctor' -l memory-request -x -d 'Memory that the pod is sure of'
complete -c raibid-cli -n '__raibid_cli_at doctor redis; or __raibid_cli_at doctor' -l memory-limit -x -d 'Memory at most; maxmemory is derived from it'
complete -c raibid-cli -n '__raibid_cli_at doctor redis; or __raibid_cli_at doctor' -l cpu-request -x -d 'CPU that the pod is sure of'
complete -c raibid-cli -n '__raibid_cli_at doctor redis; or __raibid_cli_at doctor' -l cpu-limit -x -d 'CPU at most'
complete -c raibid-cli -n '__raibid_cli_at doctor redis; or __raibid_cli_at doctor' -l no-metrics -d 'No Prometheus exporter beside Redis'
complete -c raibid-cli -n '__raibid_cli_at doctor redis; or __raibid_cli_at doctor' -l no-auth -d 'No password'
complete -c raibid-cli -n '__raibid_cli_at doctor redis; or __raibid_cli_at doctor' -l password-file -r -F -d 'Take the password from the first line of this file instead of making one'
complete -c raibid-cli -n '__raibid_cli_at doctor redis; or __raibid_cli_at doctor' -l allow-from -x -d 'Who may connect: a namespace, or pods in it by label; everyone in the cluster when not given'
complete -c raibid-cli -n '__raibid_cli_at doctor redis; or __raibid_cli_at doctor' -l stream -x -d 'Name of the stream'
complete -c raibid-cli -n '__raibid_cli_at doctor redis; or __raibid_cli_at doctor' -l group -x -d 'Name of its consumer group'
complete -c raibid-cli -n '__raibid_cli_at doctor redis; or __raibid_cli_at doctor' -l max-length -x -d 'Entries that the stream should hold at most; 0 for no limit'
complete -c raibid-cli -n '__raibid_cli_at doctor redis; or __raibid_cli_at doctor' -l set -x -d 'A value of the chart, as helm takes it'
complete -c raibid-cli -n '__raibid_cli_at doctor redis; or __raibid_cli_at doctor' -s f -l values -r -F -d 'A file of the chart\'s values'
complete -c raibid-cli -n '__raibid_cli_at doctor redis; or __raibid_cli_at doctor' -l strict -d 'Warnings about risky settings are errors, and nothing is changed'
complete -c raibid-cli -n '__raibid_cli_at doctor redis; or __raibid_cli_at doctor' -l adopt -d 'Take over a namespace, Secret or release of this name that something else made'
complete -c raibid-cli -n '__raibid_cli_at doctor redis; or __raibid_cli_at doctor' -l keep-on-failure -d 'Do not roll back when setup fails'
complete -c raibid-cli -n '__raibid_cli_at connect redis' -l port -x -d 'Local port (default: a free one)'
complete -c raibid-cli -n '__raibid_cli_at url redis' -l with-password -d 'Put the password into the address'
complete -c raibid-cli -n 'not __raibid_cli_behind_dashes' -l kubeconfig -r -F -d 'kubeconfig of the cluster (else KUBECONFIG, ~/.kube/config, /etc/rancher/k3s/k3s.yaml)'
complete -c raibid-cli -n 'not __raibid_cli_behind_dashes' -l context -x -d 'context of the kubeconfig (else its current one)'
complete -c raibid-cli -n 'not __raibid_cli_behind_dashes' -s n -l namespace -x -d 'namespace of the release'
complete -c raibid-cli -n 'not __raibid_cli_behind_dashes' -l release -x -d 'name of the Helm release'
complete -c raibid-cli -n 'not __raibid_cli_behind_dashes' -l preset -r -F -a 'mirai mxclone raibid sla-management will-it-compile' -d 'whose Redis: the name of a preset, or a file of your own'
complete -c raibid-cli -n 'not __raibid_cli_behind_dashes' -l target -x -a 'kubernetes local' -d 'a cluster, or a redis-server of this machine'
complete -c raibid-cli -n 'not __raibid_cli_behind_dashes' -l config -r -F -d 'file of settings (else config.yaml in RAIBID_HOME or ~/.raibid)'
complete -c raibid-cli -n 'not __raibid_cli_behind_dashes' -s o -l output -x -a 'table json yaml' -d 'how results are written'
complete -c raibid-cli -n 'not __raibid_cli_behind_dashes' -l color -x -a 'auto always never' -d 'whether progress is coloured; auto also heeds NO_COLOR'
complete -c raibid-cli -n 'not __raibid_cli_behind_dashes' -s v -l verbose -d 'say more about what is done'
complete -c raibid-cli -n 'not __raibid_cli_behind_dashes' -s q -l quiet -d 'only warnings and errors'
complete -c raibid-cli -n 'not __raibid_cli_behind_dashes' -l timeout -x -d 'one deadline for everything; undoing has a minute of its own'
complete -c raibid-cli -n 'not __raibid_cli_behind_dashes' -s y -l yes -d 'answer questions with yes'
complete -c raibid-cli -n 'not __raibid_cli_behind_dashes' -l dry-run -d 'show what would be done, and change nothing'

