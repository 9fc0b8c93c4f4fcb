#include "components/redis/commands/examples.hpp"

#include <map>

namespace raibid {

namespace {

using Lines = std::vector<std::string>;

const std::map<std::string, Lines, std::less<>>& known_examples() {
  static const std::map<std::string, Lines, std::less<>> known = {
      {"setup redis",
       {"raibid-cli setup redis", "raibid-cli setup redis --memory-limit 1Gi --size 16Gi --diff",
        "raibid-cli setup redis --target external --url redis://app@cache.example.com:6379/0"}},
      {"status redis", {"raibid-cli status", "raibid-cli status redis -o json", "raibid-cli status --watch"}},
      {"teardown redis",
       {"raibid-cli teardown redis --dry-run", "raibid-cli teardown redis --yes",
        "raibid-cli teardown redis --delete-data --yes"}},
      {"failover redis", {"raibid-cli failover redis --dry-run", "raibid-cli failover redis --to 1 --yes"}},
      {"history redis", {"raibid-cli history redis", "raibid-cli history redis -o json"}},
      {"rollback redis", {"raibid-cli rollback redis --dry-run", "raibid-cli rollback redis --yes"}},
      {"upgrade redis", {"raibid-cli upgrade redis --dry-run"}},
      {"doctor redis",
       {"raibid-cli doctor", "raibid-cli doctor redis --target local",
        "raibid-cli doctor --target external --url redis://app@cache.example.com"}},
      {"smoke redis", {"raibid-cli smoke redis", "raibid-cli smoke redis --durability --yes"}},
      {"connect redis",
       {"raibid-cli connect redis -- redis-cli PING", "raibid-cli connect redis -- sh -c 'redis-cli INFO memory'",
        "raibid-cli connect redis"}},
      {"logs redis", {"raibid-cli logs redis --tail 20"}},
      {"support redis", {"raibid-cli support redis", "raibid-cli support redis issue.tar.gz"}},
      {"images redis", {"raibid-cli images redis", "raibid-cli images redis --no-metrics -o json"}},
      {"bundle redis", {"raibid-cli bundle redis bundle.tar.gz"}},
      {"url redis",
       {"raibid-cli url redis", "raibid-cli url redis --with-password", "raibid-cli url redis --local --port 16379"}},
      {"credentials rotate",
       {"raibid-cli credentials rotate redis", "raibid-cli credentials rotate redis --finish --yes",
        "raibid-cli credentials rotate redis --now --yes"}},
      {"tls rotate",
       {"raibid-cli tls rotate redis", "raibid-cli tls rotate redis --ca",
        "raibid-cli tls rotate redis --ca --finish --yes"}},
      {"credentials sync", {"raibid-cli credentials sync redis", "raibid-cli credentials sync redis --finish --yes"}},
      {"credentials ls", {"raibid-cli credentials ls"}},
      {"credentials show", {"raibid-cli credentials show", "raibid-cli credentials show --with-password -o json"}},
      {"export env", {"raibid-cli export env", "raibid-cli export env --with-password --output json"}},
      {"export secret", {"raibid-cli export secret > secret.yaml"}},
      {"export client-certificate", {"raibid-cli export client-certificate worker > worker-certificate.yaml"}},
      {"export configmap", {"raibid-cli export configmap"}},
      {"export keda", {"raibid-cli export keda > keda.yaml"}},
      {"export external-secret",
       {"raibid-cli export external-secret --store vault --key redis/raibid --property password",
        "raibid-cli export external-secret --for-app --store vault --store-kind ClusterSecretStore --key "
        "redis/raibid"}},
      {"export push-secret", {"raibid-cli export push-secret --store vault --key redis/raibid --property password"}},
      {"export secret-provider-class",
       {"raibid-cli export secret-provider-class --provider gcp --key projects/1/secrets/redis/versions/latest"}},
      {"export sealed-secret", {"raibid-cli export sealed-secret --cert sealed-secrets.pem > sealed-secret.yaml"}},
      {"export compose", {"raibid-cli export compose"}},
      {"export alerts",
       {"raibid-cli export alerts > alerts.yaml", "raibid-cli export alerts --plain > redis-rules.yaml"}},
      {"export dashboard",
       {"raibid-cli export dashboard > dashboard.yaml", "raibid-cli export dashboard --plain > dashboard.json"}},
      {"export helm-release", {"raibid-cli export helm-release > redis.yaml"}},
      {"export argocd-application",
       {"raibid-cli export argocd-application --repo https://git.example.com/infra.git > redis.yaml"}},
      {"export kustomize", {"raibid-cli export kustomize ./redis"}},
      {"export servicemonitor", {"raibid-cli export servicemonitor"}},
      {"export scrape-config", {"raibid-cli export scrape-config > scrape.yaml"}},
      {"export values", {"raibid-cli export values"}},
      {"backup redis",
       {"raibid-cli backup redis backups", "raibid-cli backup redis backups --keep 7",
        "raibid-cli backup redis rclone:store:redis"}},
      {"backup ls", {"raibid-cli backup ls backups", "raibid-cli backup ls backups -o json"}},
      {"backup verify", {"raibid-cli backup verify backups/raibid-redis-20260131T090807Z.rdb"}},
      {"backup prune", {"raibid-cli backup prune backups --keep-daily 7 --keep-weekly 4 --yes"}},
      {"backup drill", {"raibid-cli backup drill backups", "raibid-cli backup drill backups --max-age 26h"}},
      {"restore redis", {"raibid-cli restore redis backups --dry-run", "raibid-cli restore redis backups --yes"}},
      {"queue stats",
       {"raibid-cli queue stats", "raibid-cli queue stats --rate 2s",
        "raibid-cli queue stats --max-lag 1000 --max-pending-age 5m --max-dead 0"}},
      {"queue top", {"raibid-cli queue top", "raibid-cli queue top --interval 5s --looks 12 > queue.log"}},
      {"queue add",
       {"raibid-cli queue add --field job_id=1 --field job_type=build --field payload='{}'",
        "raibid-cli queue add jobs.jsonl", "raibid-cli queue add jobs.jsonl --resume"}},
      {"queue ls",
       {"raibid-cli queue ls --state pending", "raibid-cli queue ls --from 1h --field job_type=build",
        "raibid-cli queue ls --queue default --state retry"}},
      {"queue show", {"raibid-cli queue show 1700000000000-0"}},
      {"queue grep", {"raibid-cli queue grep main", "raibid-cli queue grep error --state dead --limit 0"}},
      {"queue tail", {"raibid-cli queue tail", "raibid-cli queue tail -f -o json"}},
      {"queue export", {"raibid-cli queue export > jobs.export", "raibid-cli queue export --dead > dead.export"}},
      {"queue import",
       {"raibid-cli queue import jobs.export --new-ids", "raibid-cli queue import jobs.export --new-ids --dry-run"}},
      {"queue trim",
       {"raibid-cli queue trim --older-than 24h --dry-run", "raibid-cli queue trim --max-length 1000 --yes"}},
      {"queue repair-lag", {"raibid-cli queue repair-lag --dry-run", "raibid-cli queue repair-lag --yes"}},
      {"queue retry",
       {"raibid-cli queue retry 1700000000000-0 --yes", "raibid-cli queue retry --all --idle 10m --yes",
        "raibid-cli queue retry --queue default --all --yes"}},
      {"queue claim",
       {"raibid-cli queue claim 1700000000000-0 --consumer worker-2",
        "raibid-cli queue claim --all --idle 10m --consumer worker-2 --yes"}},
      {"queue dead",
       {"raibid-cli queue dead ls", "raibid-cli queue dead requeue --all --yes",
        "raibid-cli queue dead drop --all --dry-run"}},
      {"queue rm", {"raibid-cli queue rm 1700000000000-0 --yes"}},
      {"queue pause", {"raibid-cli queue pause maintenance until noon", "raibid-cli queue pause --queue low"}},
      {"queue resume", {"raibid-cli queue resume"}},
      {"queue work",
       {"raibid-cli queue work --until-empty -- sh -c 'cat >/dev/null'",
        "raibid-cli queue work --until-empty --batch -- sed -u 's/.*/ok/'",
        "raibid-cli queue work --concurrency 4 -- ./build.sh"}},
  };
  return known;
}

}  // namespace

std::vector<std::string> redis_examples(std::string_view command) {
  const auto found = known_examples().find(command);
  return found == known_examples().end() ? Lines{} : found->second;
}

}  // namespace raibid
