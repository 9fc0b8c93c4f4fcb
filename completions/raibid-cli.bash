# bash completion for raibid-cli, made by `raibid-cli completion bash`
_raibid_cli() {
  local current=${COMP_WORDS[COMP_CWORD]} option= verb= object= words= word i
  COMPREPLY=()
  # bash makes words of their own of the = in --option=value
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case $word in
      --)
        if ((i + 1 == COMP_CWORD)); then mapfile -t COMPREPLY < <(compgen -c -- "$current"); else compopt -o default; fi
        return
        ;;
      --kubeconfig | --context | -n | --namespace | --release | --preset | --target | --url | --tls-ca | --tls-cert | --tls-key | --adopt-service | --config | -o | --output | --color | --timeout | --chart | --chart-version | --image | --exporter-image | --proxy-image | --size | --storage-class | --replicas | --memory-request | --memory-limit | --cpu-request | --cpu-limit | --password-file | --existing-secret | --user | --tls-secret | --tls-issuer | --cluster-domain | --allow-from | --stream | --group | --max-length | --trim-schedule | --backup-schedule | --backup-to | --backup-keep | --backup-secret | --backup-image | --set | -f | --values | --for | --interval | --to | --port | --tail | --app-namespace | --days | --format | --name | --worker-image | --list | --source | --chart-path | --repo | --git-revision | --store | --store-kind | --key | --property | --api-version | --provider | --parameter | --cert | --scope | --controller-name | --controller-namespace | --keep | --keep-daily | --keep-weekly | --max-age | --to-time | --queue | --max-lag | --max-pending-age | --max-dead | --rate | --looks | --field | --type | --payload | --max-retry | --from | --state | --limit | --older-than | --idle | --consumer | --concurrency | --max-deliveries | --backoff | --claim-after)
        [[ ${COMP_WORDS[i + 1]} == = ]] && ((i++))
        ((++i >= COMP_CWORD)) && option=$word
        ;;
      = | -*) ;;
      *) if [[ -z $verb ]]; then verb=$word; elif [[ -z $object ]]; then object=$word; fi ;;
    esac
  done
  [[ $current == = ]] && current=
  if [[ -n $option ]]; then
    case $option in
      --kubeconfig) compopt -o default;;
      --preset) words='mirai mxclone raibid sla-management will-it-compile'; compopt -o default;;
      --target) words='kubernetes local external';;
      --tls-ca) compopt -o default;;
      --tls-cert) compopt -o default;;
      --tls-key) compopt -o default;;
      --config) compopt -o default;;
      -o | --output) words='table json yaml junit name';;
      --color) words='auto always never';;
      --password-file) compopt -o default;;
      -f | --values) compopt -o default;;
      --for) words='healthy ready drained';;
      --format) words='shell dotenv docker';;
      --chart-path) compopt -o default;;
      --store-kind) words='SecretStore ClusterSecretStore';;
      --key) compopt -o default;;
      --provider) words='vault aws azure gcp';;
      --cert) compopt -o default;;
      --scope) words='strict namespace-wide cluster-wide';;
      --state) words='waiting pending dead done active scheduled retry archived completed aggregating';;
    esac
  elif [[ $current == -* ]]; then
    words='--help --version --kubeconfig --context --namespace --release --preset --target --url --tls-ca --tls-cert --tls-key --adopt-service --config --output --color --verbose --debug --quiet --timing --timeout --yes --dry-run'
    case $verb/$object in
      setup/redis) words+=' --chart --chart-version --image --exporter-image --proxy-image --size --storage-class --no-persistence --ha --replicas --memory-request --memory-limit --cpu-request --cpu-limit --no-metrics --monitoring --no-auth --password-file --existing-secret --user --tls --tls-secret --tls-issuer --tls-client-certs --tls-migrate --cluster-domain --allow-from --stream --group --max-length --trim-schedule --backup-schedule --backup-to --backup-keep --backup-secret --backup-image --set --values --strict --reset --restart --adopt --discard-data --keep-on-failure --diff --exit-code' ;;
      status/ | status/redis) words+=' --all --watch --wait --for --interval --password-file --existing-secret' ;;
      teardown/redis) words+=' --delete-data --delete-backups --password-file --existing-secret' ;;
      failover/redis) words+=' --to --password-file --existing-secret' ;;
      doctor/ | doctor/redis) words+=' --chart --chart-version --image --exporter-image --proxy-image --size --storage-class --no-persistence --ha --replicas --memory-request --memory-limit --cpu-request --cpu-limit --no-metrics --monitoring --no-auth --password-file --existing-secret --user --tls --tls-secret --tls-issuer --tls-client-certs --tls-migrate --cluster-domain --allow-from --stream --group --max-length --trim-schedule --backup-schedule --backup-to --backup-keep --backup-secret --backup-image --set --values --strict --reset --restart --adopt --discard-data --keep-on-failure --role' ;;
      smoke/redis) words+=' --durability --password-file --existing-secret' ;;
      connect/redis) words+=' --port --admin --password-file --existing-secret' ;;
      logs/redis) words+=' --follow --previous --tail --password-file --existing-secret' ;;
      support/redis) words+=' --password-file --existing-secret' ;;
      images/redis) words+=' --chart --chart-version --image --exporter-image --proxy-image --size --storage-class --no-persistence --ha --replicas --memory-request --memory-limit --cpu-request --cpu-limit --no-metrics --monitoring --no-auth --password-file --existing-secret --user --tls --tls-secret --tls-issuer --tls-client-certs --tls-migrate --cluster-domain --allow-from --stream --group --max-length --trim-schedule --backup-schedule --backup-to --backup-keep --backup-secret --backup-image --set --values --strict --reset --restart --adopt --discard-data --keep-on-failure' ;;
      bundle/redis) words+=' --chart --chart-version --image --exporter-image --proxy-image --size --storage-class --no-persistence --ha --replicas --memory-request --memory-limit --cpu-request --cpu-limit --no-metrics --monitoring --no-auth --password-file --existing-secret --user --tls --tls-secret --tls-issuer --tls-client-certs --tls-migrate --cluster-domain --allow-from --stream --group --max-length --trim-schedule --backup-schedule --backup-to --backup-keep --backup-secret --backup-image --set --values --strict --reset --restart --adopt --discard-data --keep-on-failure' ;;
      url/redis) words+=' --with-password --local --port --password-file --existing-secret' ;;
      export/client-certificate) words+=' --app-namespace --days --password-file --existing-secret' ;;
      export/env) words+=' --format --with-password --sentinel --app-namespace --password-file --existing-secret' ;;
      export/secret) words+=' --app-namespace --name --password-file --existing-secret' ;;
      export/configmap) words+=' --app-namespace --name --password-file --existing-secret' ;;
      export/keda) words+=' --app-namespace --name --worker-image --list --stream --group --password-file --existing-secret' ;;
      export/compose) words+=' --chart --chart-version --image --exporter-image --proxy-image --size --storage-class --no-persistence --ha --replicas --memory-request --memory-limit --cpu-request --cpu-limit --no-metrics --monitoring --no-auth --password-file --existing-secret --user --tls --tls-secret --tls-issuer --tls-client-certs --tls-migrate --cluster-domain --allow-from --stream --group --max-length --trim-schedule --backup-schedule --backup-to --backup-keep --backup-secret --backup-image --set --values --strict --reset --restart --adopt --discard-data --keep-on-failure' ;;
      export/values) words+=' --chart --chart-version --image --exporter-image --proxy-image --size --storage-class --no-persistence --ha --replicas --memory-request --memory-limit --cpu-request --cpu-limit --no-metrics --monitoring --no-auth --password-file --existing-secret --user --tls --tls-secret --tls-issuer --tls-client-certs --tls-migrate --cluster-domain --allow-from --stream --group --max-length --trim-schedule --backup-schedule --backup-to --backup-keep --backup-secret --backup-image --set --values --strict --reset --restart --adopt --discard-data --keep-on-failure --service-monitor' ;;
      export/alerts) words+=' --plain --chart --chart-version --image --exporter-image --proxy-image --size --storage-class --no-persistence --ha --replicas --memory-request --memory-limit --cpu-request --cpu-limit --no-metrics --monitoring --no-auth --password-file --existing-secret --user --tls --tls-secret --tls-issuer --tls-client-certs --tls-migrate --cluster-domain --allow-from --stream --group --max-length --trim-schedule --backup-schedule --backup-to --backup-keep --backup-secret --backup-image --set --values --strict --reset --restart --adopt --discard-data --keep-on-failure' ;;
      export/dashboard) words+=' --plain --chart --chart-version --image --exporter-image --proxy-image --size --storage-class --no-persistence --ha --replicas --memory-request --memory-limit --cpu-request --cpu-limit --no-metrics --monitoring --no-auth --password-file --existing-secret --user --tls --tls-secret --tls-issuer --tls-client-certs --tls-migrate --cluster-domain --allow-from --stream --group --max-length --trim-schedule --backup-schedule --backup-to --backup-keep --backup-secret --backup-image --set --values --strict --reset --restart --adopt --discard-data --keep-on-failure' ;;
      export/servicemonitor) words+=' --chart --chart-version --image --exporter-image --proxy-image --size --storage-class --no-persistence --ha --replicas --memory-request --memory-limit --cpu-request --cpu-limit --no-metrics --monitoring --no-auth --password-file --existing-secret --user --tls --tls-secret --tls-issuer --tls-client-certs --tls-migrate --cluster-domain --allow-from --stream --group --max-length --trim-schedule --backup-schedule --backup-to --backup-keep --backup-secret --backup-image --set --values --strict --reset --restart --adopt --discard-data --keep-on-failure' ;;
      export/scrape-config) words+=' --chart --chart-version --image --exporter-image --proxy-image --size --storage-class --no-persistence --ha --replicas --memory-request --memory-limit --cpu-request --cpu-limit --no-metrics --monitoring --no-auth --password-file --existing-secret --user --tls --tls-secret --tls-issuer --tls-client-certs --tls-migrate --cluster-domain --allow-from --stream --group --max-length --trim-schedule --backup-schedule --backup-to --backup-keep --backup-secret --backup-image --set --values --strict --reset --restart --adopt --discard-data --keep-on-failure' ;;
      export/helm-release) words+=' --chart --chart-version --image --exporter-image --proxy-image --size --storage-class --no-persistence --ha --replicas --memory-request --memory-limit --cpu-request --cpu-limit --no-metrics --monitoring --no-auth --password-file --existing-secret --user --tls --tls-secret --tls-issuer --tls-client-certs --tls-migrate --cluster-domain --allow-from --stream --group --max-length --trim-schedule --backup-schedule --backup-to --backup-keep --backup-secret --backup-image --set --values --strict --reset --restart --adopt --discard-data --keep-on-failure --source --chart-path --service-monitor' ;;
      export/argocd-application) words+=' --chart --chart-version --image --exporter-image --proxy-image --size --storage-class --no-persistence --ha --replicas --memory-request --memory-limit --cpu-request --cpu-limit --no-metrics --monitoring --no-auth --password-file --existing-secret --user --tls --tls-secret --tls-issuer --tls-client-certs --tls-migrate --cluster-domain --allow-from --stream --group --max-length --trim-schedule --backup-schedule --backup-to --backup-keep --backup-secret --backup-image --set --values --strict --reset --restart --adopt --discard-data --keep-on-failure --repo --git-revision --chart-path --service-monitor' ;;
      export/kustomize) words+=' --chart --chart-version --image --exporter-image --proxy-image --size --storage-class --no-persistence --ha --replicas --memory-request --memory-limit --cpu-request --cpu-limit --no-metrics --monitoring --no-auth --password-file --existing-secret --user --tls --tls-secret --tls-issuer --tls-client-certs --tls-migrate --cluster-domain --allow-from --stream --group --max-length --trim-schedule --backup-schedule --backup-to --backup-keep --backup-secret --backup-image --set --values --strict --reset --restart --adopt --discard-data --keep-on-failure --service-monitor' ;;
      history/redis) words+=' --password-file --existing-secret' ;;
      rollback/redis) words+=' --password-file --existing-secret' ;;
      upgrade/redis) words+=' --image --password-file --existing-secret' ;;
      tls/rotate) words+=' --ca --finish --password-file --existing-secret' ;;
      export/external-secret) words+=' --store --store-kind --key --property --for-app --api-version --app-namespace --name --password-file --existing-secret' ;;
      export/push-secret) words+=' --store --store-kind --key --property --api-version --password-file --existing-secret' ;;
      export/secret-provider-class) words+=' --provider --parameter --key --property --api-version --app-namespace --name --password-file --existing-secret' ;;
      export/sealed-secret) words+=' --cert --scope --controller-name --controller-namespace --app-namespace --name --password-file --existing-secret' ;;
      credentials/rotate) words+=' --finish --now --internal --kick --password-file --existing-secret' ;;
      credentials/sync) words+=' --finish --kick --existing-secret --password-file' ;;
      credentials/ls) words+=' --password-file --existing-secret' ;;
      credentials/show) words+=' --with-password --password-file --existing-secret' ;;
      backup/redis) words+=' --no-verify --keep --password-file --existing-secret' ;;
      backup/ls) words+=' --password-file --existing-secret' ;;
      backup/verify) words+=' --password-file --existing-secret' ;;
      backup/prune) words+=' --keep --keep-daily --keep-weekly --password-file --existing-secret' ;;
      backup/drill) words+=' --max-age --password-file --existing-secret' ;;
      restore/redis) words+=' --no-verify --no-copy --live --to-time --password-file --existing-secret' ;;
      queue/stats) words+=' --stream --queue --all --max-lag --max-pending-age --max-dead --rate --password-file --existing-secret' ;;
      queue/top) words+=' --stream --group --queue --interval --looks --password-file --existing-secret' ;;
      queue/add) words+=' --stream --max-length --queue --field --type --payload --max-retry --resume --again --skip-invalid --password-file --existing-secret' ;;
      queue/ls) words+=' --stream --group --queue --from --to --state --field --newest --limit --password-file --existing-secret' ;;
      queue/show) words+=' --stream --group --queue --password-file --existing-secret' ;;
      queue/grep) words+=' --stream --group --queue --from --to --state --field --newest --limit --password-file --existing-secret' ;;
      queue/tail) words+=' --stream --group --queue --follow --limit --password-file --existing-secret' ;;
      queue/export) words+=' --stream --queue --from --to --dead --password-file --existing-secret' ;;
      queue/import) words+=' --stream --max-length --queue --new-ids --resume --again --skip-invalid --password-file --existing-secret' ;;
      queue/trim) words+=' --stream --max-length --queue --older-than --password-file --existing-secret' ;;
      queue/repair-lag) words+=' --stream --group --queue --password-file --existing-secret' ;;
      queue/retry) words+=' --stream --group --queue --all --idle --password-file --existing-secret' ;;
      queue/claim) words+=' --stream --group --queue --all --idle --consumer --password-file --existing-secret' ;;
      queue/dead) words+=' --stream --group --queue --all --limit --password-file --existing-secret' ;;
      queue/rm) words+=' --stream --group --queue --password-file --existing-secret' ;;
      queue/pause) words+=' --stream --queue --password-file --existing-secret' ;;
      queue/resume) words+=' --stream --queue --password-file --existing-secret' ;;
      queue/work) words+=' --stream --group --queue --concurrency --max-deliveries --backoff --claim-after --consumer --batch --until-empty --password-file --existing-secret' ;;
      config/show) words+=' --installed' ;;
      config/use) words+=' --nothing' ;;
    esac
  else
    case $verb/$object in
      / | help/) words='setup status teardown failover doctor smoke connect logs support images bundle url export history rollback upgrade tls credentials backup restore queue config presets completion man-pages version help' ;;
      setup/ | help/setup) words='redis' ;;
      status/ | help/status) words='redis' ;;
      teardown/ | help/teardown) words='redis' ;;
      failover/ | help/failover) words='redis' ;;
      doctor/ | help/doctor) words='redis' ;;
      smoke/ | help/smoke) words='redis' ;;
      connect/ | help/connect) words='redis' ;;
      logs/ | help/logs) words='redis' ;;
      support/ | help/support) words='redis' ;;
      images/ | help/images) words='redis' ;;
      bundle/ | help/bundle) words='redis' ;;
      url/ | help/url) words='redis' ;;
      export/ | help/export) words='client-certificate env secret configmap keda compose values alerts dashboard servicemonitor scrape-config helm-release argocd-application kustomize external-secret push-secret secret-provider-class sealed-secret' ;;
      history/ | help/history) words='redis' ;;
      rollback/ | help/rollback) words='redis' ;;
      upgrade/ | help/upgrade) words='redis' ;;
      tls/ | help/tls) words='rotate' ;;
      credentials/ | help/credentials) words='rotate sync ls show' ;;
      backup/ | help/backup) words='redis ls verify prune drill' ;;
      restore/ | help/restore) words='redis' ;;
      queue/ | help/queue) words='stats top add ls show grep tail export import trim repair-lag retry claim dead rm pause resume work' ;;
      config/ | help/config) words='show set unset use' ;;
      presets/ | help/presets) words='list show new' ;;
      completion/ | help/completion) words='bash zsh fish' ;;
    esac
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _raibid_cli raibid-cli
