# bash completion for raibid-cli, made by `raibid-cli completion bash`
_raibid_cli() {
  local words=() current option= verb= object= offered= names= breaks= before= cut= word piece i
  local rest=${COMP_LINE:0:COMP_POINT}
  COMPREPLY=()
  # bash takes words apart at = and :, too; what no space parts is one word
  for ((i = 0; i <= COMP_CWORD; i++)); do
    piece=${COMP_WORDS[i]}
    if [[ $i == 0 || $rest == [[:space:]]* ]]; then
      words+=("")
      rest=${rest#"${rest%%[![:space:]]*}"}
    fi
    [[ $rest == "$piece"* ]] || piece=$rest # the cursor stands in this word
    words[-1]+=$piece
    rest=${rest#"$piece"}
  done
  current=${words[-1]}
  for ((i = 1; i < ${#words[@]} - 1; i++)); do
    word=${words[i]}
    case $word in
      --)
        if ((i + 2 == ${#words[@]})); then mapfile -t COMPREPLY < <(compgen -c -- "$current"); else compopt -o default; fi
        return
        ;;
      --kubeconfig | --context | -n | --namespace | --release | --preset | --target | --url | --tls-ca | --tls-cert | --tls-key | --adopt-service | --config | -o | --output | --color | --timeout | --chart | --chart-version | --image | --exporter-image | --proxy-image | --size | --storage-class | --replicas | --memory-request | --memory-limit | --cpu-request | --cpu-limit | --password-file | --existing-secret | --user | --tls-secret | --tls-issuer | --cluster-domain | --allow-from | --stream | --group | --max-length | --trim-schedule | --backup-schedule | --backup-to | --backup-keep | --backup-secret | --backup-image | --set | -f | --values | --for | --interval | --to | --port | --tail | --app-namespace | --days | --format | --name | --worker-image | --list | --source | --chart-path | --repo | --git-revision | --store | --store-kind | --key | --property | --api-version | --provider | --parameter | --cert | --scope | --controller-name | --controller-namespace | --keep | --keep-daily | --keep-weekly | --max-age | --to-time | --queue | --max-lag | --max-pending-age | --max-dead | --rate | --looks | --field | --type | --payload | --max-retry | --from | --state | --limit | --older-than | --idle | --consumer | --concurrency | --max-deliveries | --backoff | --claim-after)
        ((++i >= ${#words[@]} - 1)) && option=$word
        ;;
      -*) ;;
      *) if [[ -z $verb ]]; then verb=$word; elif [[ -z $object ]]; then object=$word; fi ;;
    esac
  done
  if [[ -z $option && $current == --*=* ]]; then
    option=${current%%=*}
    current=${current#*=}
    [[ $COMP_WORDBREAKS == *=* ]] || before=$option=
  fi
  if [[ -n $option ]]; then
    case $option in
      --kubeconfig) compopt -o default ;;
      --context) names=contexts ;;
      -n | --namespace) names=namespaces ;;
      --release) names=releases ;;
      --preset) offered='mirai mxclone raibid sla-management will-it-compile'; compopt -o default ;;
      --target) offered='kubernetes local external' ;;
      --tls-ca) compopt -o default ;;
      --tls-cert) compopt -o default ;;
      --tls-key) compopt -o default ;;
      --config) compopt -o default ;;
      -o | --output) offered='table json yaml junit name' ;;
      --color) offered='auto always never' ;;
      --chart) offered='embedded bitnami'; compopt -o default ;;
      --storage-class) names=storage-classes ;;
      --password-file) compopt -o default ;;
      -f | --values) compopt -o default ;;
      --for) offered='healthy ready drained' ;;
      --format) offered='shell dotenv docker' ;;
      --chart-path) compopt -o default ;;
      --store-kind) offered='SecretStore ClusterSecretStore' ;;
      --key) compopt -o default ;;
      --provider) offered='vault aws azure gcp' ;;
      --cert) compopt -o default ;;
      --scope) offered='strict namespace-wide cluster-wide' ;;
      --state) offered='waiting pending dead done active scheduled retry archived completed aggregating' ;;
    esac
  elif [[ $current == -* ]]; then
    offered='--help --version --kubeconfig --context --namespace --release --preset --target --url --tls-ca --tls-cert --tls-key --adopt-service --config --output --color --verbose --debug --quiet --timing --timeout --yes --dry-run'
    case $verb/$object in
      setup/redis) offered+=' --chart --chart-version --image --exporter-image --proxy-image --size --storage-class --no-persistence --ha --replicas --memory-request --memory-limit --cpu-request --cpu-limit --no-metrics --monitoring --no-auth --password-file --existing-secret --user --tls --tls-secret --tls-issuer --tls-client-certs --tls-migrate --cluster-domain --allow-from --stream --group --max-length --trim-schedule --backup-schedule --backup-to --backup-keep --backup-secret --backup-image --set --values --strict --reset --restart --adopt --discard-data --keep-on-failure --diff --exit-code' ;;
      status/ | status/redis) offered+=' --all --watch --wait --for --interval --password-file --existing-secret' ;;
      teardown/redis) offered+=' --delete-data --delete-backups --password-file --existing-secret' ;;
      failover/redis) offered+=' --to --password-file --existing-secret' ;;
      doctor/ | doctor/redis) offered+=' --chart --chart-version --image --exporter-image --proxy-image --size --storage-class --no-persistence --ha --replicas --memory-request --memory-limit --cpu-request --cpu-limit --no-metrics --monitoring --no-auth --password-file --existing-secret --user --tls --tls-secret --tls-issuer --tls-client-certs --tls-migrate --cluster-domain --allow-from --stream --group --max-length --trim-schedule --backup-schedule --backup-to --backup-keep --backup-secret --backup-image --set --values --strict --reset --restart --adopt --discard-data --keep-on-failure --role' ;;
      smoke/redis) offered+=' --durability --password-file --existing-secret' ;;
      connect/redis) offered+=' --port --admin --password-file --existing-secret' ;;
      logs/redis) offered+=' --follow --previous --tail --password-file --existing-secret' ;;
      support/redis) offered+=' --password-file --existing-secret' ;;
      images/redis) offered+=' --chart --chart-version --image --exporter-image --proxy-image --size --storage-class --no-persistence --ha --replicas --memory-request --memory-limit --cpu-request --cpu-limit --no-metrics --monitoring --no-auth --password-file --existing-secret --user --tls --tls-secret --tls-issuer --tls-client-certs --tls-migrate --cluster-domain --allow-from --stream --group --max-length --trim-schedule --backup-schedule --backup-to --backup-keep --backup-secret --backup-image --set --values --strict --reset --restart --adopt --discard-data --keep-on-failure' ;;
      bundle/redis) offered+=' --chart --chart-version --image --exporter-image --proxy-image --size --storage-class --no-persistence --ha --replicas --memory-request --memory-limit --cpu-request --cpu-limit --no-metrics --monitoring --no-auth --password-file --existing-secret --user --tls --tls-secret --tls-issuer --tls-client-certs --tls-migrate --cluster-domain --allow-from --stream --group --max-length --trim-schedule --backup-schedule --backup-to --backup-keep --backup-secret --backup-image --set --values --strict --reset --restart --adopt --discard-data --keep-on-failure' ;;
      url/redis) offered+=' --with-password --local --port --password-file --existing-secret' ;;
      export/client-certificate) offered+=' --app-namespace --days --password-file --existing-secret' ;;
      export/env) offered+=' --format --with-password --sentinel --app-namespace --password-file --existing-secret' ;;
      export/secret) offered+=' --app-namespace --name --password-file --existing-secret' ;;
      export/configmap) offered+=' --app-namespace --name --password-file --existing-secret' ;;
      export/keda) offered+=' --app-namespace --name --worker-image --list --stream --group --password-file --existing-secret' ;;
      export/compose) offered+=' --chart --chart-version --image --exporter-image --proxy-image --size --storage-class --no-persistence --ha --replicas --memory-request --memory-limit --cpu-request --cpu-limit --no-metrics --monitoring --no-auth --password-file --existing-secret --user --tls --tls-secret --tls-issuer --tls-client-certs --tls-migrate --cluster-domain --allow-from --stream --group --max-length --trim-schedule --backup-schedule --backup-to --backup-keep --backup-secret --backup-image --set --values --strict --reset --restart --adopt --discard-data --keep-on-failure' ;;
      export/values) offered+=' --chart --chart-version --image --exporter-image --proxy-image --size --storage-class --no-persistence --ha --replicas --memory-request --memory-limit --cpu-request --cpu-limit --no-metrics --monitoring --no-auth --password-file --existing-secret --user --tls --tls-secret --tls-issuer --tls-client-certs --tls-migrate --cluster-domain --allow-from --stream --group --max-length --trim-schedule --backup-schedule --backup-to --backup-keep --backup-secret --backup-image --set --values --strict --reset --restart --adopt --discard-data --keep-on-failure --service-monitor' ;;
      export/alerts) offered+=' --plain --chart --chart-version --image --exporter-image --proxy-image --size --storage-class --no-persistence --ha --replicas --memory-request --memory-limit --cpu-request --cpu-limit --no-metrics --monitoring --no-auth --password-file --existing-secret --user --tls --tls-secret --tls-issuer --tls-client-certs --tls-migrate --cluster-domain --allow-from --stream --group --max-length --trim-schedule --backup-schedule --backup-to --backup-keep --backup-secret --backup-image --set --values --strict --reset --restart --adopt --discard-data --keep-on-failure' ;;
      export/dashboard) offered+=' --plain --chart --chart-version --image --exporter-image --proxy-image --size --storage-class --no-persistence --ha --replicas --memory-request --memory-limit --cpu-request --cpu-limit --no-metrics --monitoring --no-auth --password-file --existing-secret --user --tls --tls-secret --tls-issuer --tls-client-certs --tls-migrate --cluster-domain --allow-from --stream --group --max-length --trim-schedule --backup-schedule --backup-to --backup-keep --backup-secret --backup-image --set --values --strict --reset --restart --adopt --discard-data --keep-on-failure' ;;
      export/servicemonitor) offered+=' --chart --chart-version --image --exporter-image --proxy-image --size --storage-class --no-persistence --ha --replicas --memory-request --memory-limit --cpu-request --cpu-limit --no-metrics --monitoring --no-auth --password-file --existing-secret --user --tls --tls-secret --tls-issuer --tls-client-certs --tls-migrate --cluster-domain --allow-from --stream --group --max-length --trim-schedule --backup-schedule --backup-to --backup-keep --backup-secret --backup-image --set --values --strict --reset --restart --adopt --discard-data --keep-on-failure' ;;
      export/scrape-config) offered+=' --chart --chart-version --image --exporter-image --proxy-image --size --storage-class --no-persistence --ha --replicas --memory-request --memory-limit --cpu-request --cpu-limit --no-metrics --monitoring --no-auth --password-file --existing-secret --user --tls --tls-secret --tls-issuer --tls-client-certs --tls-migrate --cluster-domain --allow-from --stream --group --max-length --trim-schedule --backup-schedule --backup-to --backup-keep --backup-secret --backup-image --set --values --strict --reset --restart --adopt --discard-data --keep-on-failure' ;;
      export/helm-release) offered+=' --chart --chart-version --image --exporter-image --proxy-image --size --storage-class --no-persistence --ha --replicas --memory-request --memory-limit --cpu-request --cpu-limit --no-metrics --monitoring --no-auth --password-file --existing-secret --user --tls --tls-secret --tls-issuer --tls-client-certs --tls-migrate --cluster-domain --allow-from --stream --group --max-length --trim-schedule --backup-schedule --backup-to --backup-keep --backup-secret --backup-image --set --values --strict --reset --restart --adopt --discard-data --keep-on-failure --source --chart-path --service-monitor' ;;
      export/argocd-application) offered+=' --chart --chart-version --image --exporter-image --proxy-image --size --storage-class --no-persistence --ha --replicas --memory-request --memory-limit --cpu-request --cpu-limit --no-metrics --monitoring --no-auth --password-file --existing-secret --user --tls --tls-secret --tls-issuer --tls-client-certs --tls-migrate --cluster-domain --allow-from --stream --group --max-length --trim-schedule --backup-schedule --backup-to --backup-keep --backup-secret --backup-image --set --values --strict --reset --restart --adopt --discard-data --keep-on-failure --repo --git-revision --chart-path --service-monitor' ;;
      export/kustomize) offered+=' --chart --chart-version --image --exporter-image --proxy-image --size --storage-class --no-persistence --ha --replicas --memory-request --memory-limit --cpu-request --cpu-limit --no-metrics --monitoring --no-auth --password-file --existing-secret --user --tls --tls-secret --tls-issuer --tls-client-certs --tls-migrate --cluster-domain --allow-from --stream --group --max-length --trim-schedule --backup-schedule --backup-to --backup-keep --backup-secret --backup-image --set --values --strict --reset --restart --adopt --discard-data --keep-on-failure --service-monitor' ;;
      history/redis) offered+=' --password-file --existing-secret' ;;
      rollback/redis) offered+=' --password-file --existing-secret' ;;
      upgrade/redis) offered+=' --image --password-file --existing-secret' ;;
      tls/rotate) offered+=' --ca --finish --password-file --existing-secret' ;;
      export/external-secret) offered+=' --store --store-kind --key --property --for-app --api-version --app-namespace --name --password-file --existing-secret' ;;
      export/push-secret) offered+=' --store --store-kind --key --property --api-version --password-file --existing-secret' ;;
      export/secret-provider-class) offered+=' --provider --parameter --key --property --api-version --app-namespace --name --password-file --existing-secret' ;;
      export/sealed-secret) offered+=' --cert --scope --controller-name --controller-namespace --app-namespace --name --password-file --existing-secret' ;;
      credentials/rotate) offered+=' --finish --now --internal --kick --password-file --existing-secret' ;;
      credentials/sync) offered+=' --finish --kick --existing-secret --password-file' ;;
      credentials/ls) offered+=' --password-file --existing-secret' ;;
      credentials/show) offered+=' --with-password --password-file --existing-secret' ;;
      backup/redis) offered+=' --no-verify --keep --password-file --existing-secret' ;;
      backup/ls) offered+=' --password-file --existing-secret' ;;
      backup/verify) offered+=' --password-file --existing-secret' ;;
      backup/prune) offered+=' --keep --keep-daily --keep-weekly --password-file --existing-secret' ;;
      backup/drill) offered+=' --max-age --password-file --existing-secret' ;;
      restore/redis) offered+=' --no-verify --no-copy --live --to-time --password-file --existing-secret' ;;
      queue/stats) offered+=' --stream --queue --all --max-lag --max-pending-age --max-dead --rate --password-file --existing-secret' ;;
      queue/top) offered+=' --stream --group --queue --interval --looks --password-file --existing-secret' ;;
      queue/add) offered+=' --stream --max-length --queue --field --type --payload --max-retry --resume --again --skip-invalid --password-file --existing-secret' ;;
      queue/ls) offered+=' --stream --group --queue --from --to --state --field --newest --limit --password-file --existing-secret' ;;
      queue/show) offered+=' --stream --group --queue --password-file --existing-secret' ;;
      queue/grep) offered+=' --stream --group --queue --from --to --state --field --newest --limit --password-file --existing-secret' ;;
      queue/tail) offered+=' --stream --group --queue --follow --limit --password-file --existing-secret' ;;
      queue/export) offered+=' --stream --queue --from --to --dead --password-file --existing-secret' ;;
      queue/import) offered+=' --stream --max-length --queue --new-ids --resume --again --skip-invalid --password-file --existing-secret' ;;
      queue/trim) offered+=' --stream --max-length --queue --older-than --password-file --existing-secret' ;;
      queue/repair-lag) offered+=' --stream --group --queue --password-file --existing-secret' ;;
      queue/retry) offered+=' --stream --group --queue --all --idle --password-file --existing-secret' ;;
      queue/claim) offered+=' --stream --group --queue --all --idle --consumer --password-file --existing-secret' ;;
      queue/dead) offered+=' --stream --group --queue --all --limit --password-file --existing-secret' ;;
      queue/rm) offered+=' --stream --group --queue --password-file --existing-secret' ;;
      queue/pause) offered+=' --stream --queue --password-file --existing-secret' ;;
      queue/resume) offered+=' --stream --queue --password-file --existing-secret' ;;
      queue/work) offered+=' --stream --group --queue --concurrency --max-deliveries --backoff --claim-after --consumer --batch --until-empty --password-file --existing-secret' ;;
      config/show) offered+=' --installed' ;;
      config/use) offered+=' --nothing' ;;
    esac
  else
    case $verb/$object in
      / | help/) offered='setup status teardown failover doctor smoke connect logs support images bundle url export history rollback upgrade tls credentials backup restore queue config presets completion man-pages version help' ;;
      setup/ | help/setup) offered='redis' ;;
      status/ | help/status) offered='redis' ;;
      teardown/ | help/teardown) offered='redis' ;;
      failover/ | help/failover) offered='redis' ;;
      doctor/ | help/doctor) offered='redis' ;;
      smoke/ | help/smoke) offered='redis' ;;
      connect/ | help/connect) offered='redis' ;;
      logs/ | help/logs) offered='redis' ;;
      support/ | help/support) offered='redis' ;;
      images/ | help/images) offered='redis' ;;
      bundle/ | help/bundle) offered='redis' ;;
      url/ | help/url) offered='redis' ;;
      export/ | help/export) offered='client-certificate env secret configmap keda compose values alerts dashboard servicemonitor scrape-config helm-release argocd-application kustomize external-secret push-secret secret-provider-class sealed-secret' ;;
      history/ | help/history) offered='redis' ;;
      rollback/ | help/rollback) offered='redis' ;;
      upgrade/ | help/upgrade) offered='redis' ;;
      tls/ | help/tls) offered='rotate' ;;
      credentials/ | help/credentials) offered='rotate sync ls show' ;;
      backup/ | help/backup) offered='redis ls verify prune drill' ;;
      restore/ | help/restore) offered='redis' ;;
      queue/ | help/queue) offered='stats top add ls show grep tail export import trim repair-lag retry claim dead rm pause resume work' ;;
      config/ | help/config) offered='show set unset use' ;;
      presets/ | help/presets) offered='list show new' ;;
      completion/ | help/completion) offered='bash zsh fish' ;;
      support/redis) compopt -o default ;;
      bundle/redis) compopt -o default ;;
      export/kustomize) compopt -o default ;;
      backup/redis) compopt -o default ;;
      backup/ls) compopt -o default ;;
      backup/verify) compopt -o default ;;
      backup/prune) compopt -o default ;;
      backup/drill) compopt -o default ;;
      restore/redis) compopt -o default ;;
      queue/add) compopt -o default ;;
      queue/import) compopt -o default ;;
      config/set) offered='kubeconfig context namespace release preset target url tls-ca tls-cert tls-key adopt-service output color verbose quiet timeout chart chart-version image exporter-image proxy-image size storage-class no-persistence ha replicas memory-request memory-limit cpu-request cpu-limit no-metrics monitoring no-auth password-file existing-secret user tls tls-secret tls-issuer tls-client-certs tls-migrate cluster-domain allow-from stream group max-length trim-schedule backup-schedule backup-to backup-keep backup-secret backup-image set values strict' ;;
      config/unset) offered='kubeconfig context namespace release preset target url tls-ca tls-cert tls-key adopt-service output color verbose quiet timeout chart chart-version image exporter-image proxy-image size storage-class no-persistence ha replicas memory-request memory-limit cpu-request cpu-limit no-metrics monitoring no-auth password-file existing-secret user tls tls-secret tls-issuer tls-client-certs tls-migrate cluster-domain allow-from stream group max-length trim-schedule backup-schedule backup-to backup-keep backup-secret backup-image set values strict' ;;
      presets/show) offered='mirai mxclone raibid sla-management will-it-compile'; compopt -o default ;;
      presets/new) compopt -o default ;;
      man-pages/) compopt -o default ;;
    esac
  fi
  read -r -a offered <<< "$offered"
  if [[ -n $names ]]; then # those have to be looked up; whatever is wrong there, nothing is said
    mapfile -t offered < <("${words[0]/#\~/$HOME}" __complete "$names" "${words[@]:1:${#words[@]}-2}" 2>/dev/null)
  fi
  # what stands before the last : or = stays as it is typed
  [[ $COMP_WORDBREAKS == *:* ]] && breaks+=:
  [[ $COMP_WORDBREAKS == *=* ]] && breaks+==
  [[ -n $breaks ]] && cut=${current%"${current##*[$breaks]}"}
  for word in "${offered[@]}"; do
    [[ $word == "$current"* ]] || continue
    printf -v word %q "${word#"$cut"}"
    COMPREPLY+=("$before$word")
  done
}
complete -F _raibid_cli raibid-cli
