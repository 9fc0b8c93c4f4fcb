#!/usr/bin/env python3
"""Clients of a Redis that fails, what they were told, and whether that was true.

  history.py record FOLDER    until FOLDER/stop is there: works as the clients below, and prints the history
  history.py selftest         shows to the model each broken promise; ends with 1 if it does not see one
  history.py check FOLDER     compares FOLDER/history, which is that, with what Redis holds; prints one JSON object, ends with 1 if a promise was broken

FOLDER has `settings` (JSON: `address` of the proxies, `seed`, `rate` in operations a second of each client), `nodes` (an address each),
`password`, and `faults` (a line each: start, when it had taken effect, end, kind; seconds of the monotonic clock, which all processes of a machine share).

The clients:
  adders        XADD of a name that is used once. Half of them ask for a replica, too (WAIT 1), and count an entry as acknowledged only then. Some
                reach Redis by the proxies, the others go to a node that says that it is the master, and stay there.
  workers       XREADGROUP and XACK of jobs that a producer adds, with WAIT 1; XAUTOCLAIM of what was not acknowledged for some seconds.
  lockers       SET lock NX PX, then INCR of the fencing token, with WAIT 1.

The promises (docs/high-availability.md):
  each acknowledged entry is there, once; without WAIT it may be lost when it was acknowledged within the time that `may_lose` gives a fault;
  a job whose acknowledgement a replica has is not delivered again;
  a token is greater than every token that was given out before it was asked for.
  A client that stays with a node may lose what it wrote there, with WAIT too, when that was away and comes back just as another one is promoted.
When all nodes are killed at once, none of this holds for what was acknowledged within AOF_BEHIND: nobody but their AOFs has it then.
"""
import bisect
import json
import os
import random
import statistics
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from writer import Client, connected  # noqa: E402

ENTRIES, JOBS, GROUP, LOCK, FENCE = "history:entries", "history:jobs", "workers", "history:lock", "history:fence"
ADDERS, WORKERS, LOCKERS = 6, 2, 2
REDELIVER = 3000  # milliseconds

# Seconds around a fault in which an entry without WAIT may be acknowledged and lost: from so long before its start, to so long after it
# had taken effect, and (a node that comes back and does not know yet) to so long after its end.
# From the last acknowledgement of a replica until its master refuses writes: min-replicas-max-lag is 3, Redis counts whole seconds, and looks once a second
# (refreshGoodSlavesCount in replication.c).
REFUSES_WITHIN = 3 + 2
MAY_LOSE = {
    "kill": (0.1, 0, 0),
    "delete-now": (0.1, 0, 0),
    "freeze": (0.1, 0, 1),
    "cut-off": (0.1, REFUSES_WITHIN, 1),
    "cut-from-nodes": (0.1, REFUSES_WITHIN, 1),
}
# A master that was away, and comes back while another node is being promoted, keeps the replica that has not been told yet: it acknowledges, also
# with WAIT 1, until a sentinel tells that: a second later, or when its connection to a new pod is there. Seconds after the end of the fault.
REPLACED_WITHIN = 5
AWAY = ("freeze", "cut-off", "cut-from-nodes")
# With appendfsync everysec Redis writes to the AOF before it answers, but while an fsync runs it puts that off, for two seconds at most
# (flushAppendOnlyFile in aof.c). Only a busy disk shows it.
AOF_BEHIND = 2


def stays_with_a_node(adder):
    return adder % 3 == 2


class Node:
    """A connection that is made again after whatever happens."""

    def __init__(self, settings, password, direct, rng):
        self.settings, self.password, self.direct, self.rng = settings, password, direct, rng
        self.client = None

    def call(self, *words):
        """The answer; RuntimeError: Redis refused, nothing was done; OSError: not known whether it was done."""
        if self.client is None:
            self.client = self.connect()
        try:
            return self.client.call(*words)
        except OSError:
            self.client = None
            raise
        except RuntimeError:
            if self.direct:
                self.client = None  # it may be the master no more
            raise

    def connect(self):
        try:
            if not self.direct:
                return Client(self.settings["address"], 6379, self.password, 3)
            with open(self.settings["folder"] + "/nodes", encoding="utf-8") as file:
                nodes = file.read().split()
            self.rng.shuffle(nodes)
            for node in nodes:
                try:
                    client = Client(node, 6379, self.password, 1)
                    if client.call("ROLE")[0] == "master":
                        client.socket.settimeout(3)
                        return client
                except OSError:
                    pass
        except OSError as error:
            raise RuntimeError("no connection") from error  # so nothing was sent
        raise RuntimeError("no master")

    def has_replica(self):
        """Of what this connection wrote: a new one would ask for nothing."""
        if self.client is None:
            raise OSError("the connection is gone")
        return self.call("WAIT", "1", "500") >= 1


class Recorder:
    def __init__(self, folder):
        self.folder, self.lock = folder, threading.Lock()
        with open(folder + "/settings", encoding="utf-8") as file:
            self.settings = json.load(file) | {"folder": folder}
        with open(folder + "/password", encoding="utf-8") as file:
            self.password = file.read().strip()

    def stopped(self):
        return os.path.exists(self.folder + "/stop")

    def write(self, *record):
        with self.lock:
            sys.stdout.write(json.dumps(record) + "\n")

    def run(self):
        admin = connected(self.settings["address"], 6379, self.password)
        admin.call("XGROUP", "CREATE", JOBS, GROUP, "0", "MKSTREAM")
        clients = [(self.adder, number) for number in range(ADDERS)] + [(self.worker, number) for number in range(WORKERS)]
        clients += [(self.locker, number) for number in range(LOCKERS)] + [(self.producer, 0)]
        threads = [threading.Thread(target=self.repeat, args=client) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def repeat(self, what, number):
        rng = random.Random(f"{self.settings['seed']} {what.__name__} {number}")
        node = Node(self.settings, self.password, what == self.adder and stays_with_a_node(number), rng)
        count = 0
        while not self.stopped():
            count += 1
            try:
                what(node, number, count)
                time.sleep(rng.uniform(0, 2 / self.settings["rate"]))
            except (OSError, RuntimeError):
                time.sleep(0.05)

    def adder(self, node, number, count):
        name, told, start = f"{number}-{count}", "unknown", time.monotonic()
        try:
            try:
                node.call("XADD", ENTRIES, "*", "n", name)
            except RuntimeError:
                told = "no"
                raise
            if number % 2 == 0:
                told = "yes"
            elif node.has_replica():
                told = "replica"
        finally:
            self.write("add", name, told, start, time.monotonic())

    def producer(self, node, number, count):
        node.call("XADD", JOBS, "*", "n", f"{number}-{count}")

    def worker(self, node, number, count):
        me, start = f"worker-{number}", time.monotonic()
        if count % 20 == 0:
            jobs = node.call("XAUTOCLAIM", JOBS, GROUP, me, str(REDELIVER), "0", "COUNT", "10")[1]
        else:
            reply = node.call("XREADGROUP", "GROUP", GROUP, me, "COUNT", "5", "BLOCK", "500", "STREAMS", JOBS, ">")
            jobs = reply[0][1] if reply else []
        for job in jobs:
            self.write("delivered", job[0], start)
        for job in jobs:
            node.call("XACK", JOBS, GROUP, job[0])
            if node.has_replica():
                self.write("done", job[0], time.monotonic())

    def locker(self, node, number, count):
        mine = f"{number}-{count}"
        if node.call("SET", LOCK, mine, "NX", "PX", "1000") != "OK":
            return
        start = time.monotonic()
        token = node.call("INCR", FENCE)
        if node.has_replica():
            self.write("token", token, start, time.monotonic())
        node.call("EVAL", "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1])", "1", LOCK, mine)


def pages(client, key):
    start = "-"
    while True:
        page = client.call("XRANGE", key, start, "+", "COUNT", "5000")
        if not page:
            return
        yield from page
        start = "(" + page[-1][0]


def may_lose(faults, moment):
    """Whether an entry without WAIT that was acknowledged at this moment may be lost."""
    for start, effective, end, kind in faults:
        if kind not in MAY_LOSE:
            continue
        before, after, late = MAY_LOSE[kind]
        if start - before <= moment <= effective + after or (late > 0 and end <= moment <= end + late):
            return True
    return False


def in_memory_alone(faults, moment):
    """Whether what was acknowledged at this moment may have been in no AOF when all nodes were killed."""
    return any(kind == "kill-all" and start - AOF_BEHIND <= moment <= effective for start, effective, _, kind in faults)


def at_a_replaced_master(faults, name, moment):
    """Whether the client of this entry may have been with a master that came back, and is replaced all the same."""
    return stays_with_a_node(int(name.split("-")[0])) and any(
        kind in AWAY and end <= moment <= end + REPLACED_WITHIN for _, _, end, kind in faults
    )


def outages(records, faults):
    """Of each kind of fault: how often, and the longest time without an answer at the address, median and worst, in seconds. A fault
    lasts until the next one."""
    moments = sorted(r[4] for r in records if r[0] == "add" and r[2] in ("yes", "replica") and not stays_with_a_node(int(r[1].split("-")[0])))
    longest = {}
    for position, (start, _, _, kind) in enumerate(faults):
        first = max(bisect.bisect_right(moments, start) - 1, 0)
        until = faults[position + 1][0] if position + 1 < len(faults) else float("inf")
        during = moments[first : bisect.bisect_left(moments, until)]
        gaps = [after - before for before, after in zip(during, during[1:])]
        longest.setdefault(kind, []).append(max(gaps, default=0))
    return {kind: {"times": len(all_of_it), "median": round(statistics.median(all_of_it), 2), "worst": round(max(all_of_it), 2)} for kind, all_of_it in sorted(longest.items())}


def backward_tokens(tokens, kept):
    """Tokens that are not greater than one of `kept` that was given out before they were asked for. Each: value, start, end."""
    wrong, highest, given = 0, 0, sorted(kept, key=lambda one: one[2])
    position = 0
    for value, start, _ in sorted(tokens, key=lambda one: one[1]):
        while position < len(given) and given[position][2] < start:
            highest = max(highest, given[position][0])
            position += 1
        wrong += value <= highest
    return wrong


def judge(records, faults, held):
    """What was promised and is not so. held: how often each name is in the stream."""
    lost, lost_with_wait, allowed, at_replaced, tokens, done = [], [], 0, 0, [], {}
    counts = {"yes": 0, "replica": 0, "unknown": 0, "no": 0}
    came_back = 0
    refused = 0
    for record in records:
        if record[0] == "add":
            _, name, told, _, end = record
            counts[told] += 1
            if told == "no" and name in held:
                refused += 1
            if told in ("yes", "replica") and name not in held:
                if in_memory_alone(faults, end):
                    allowed += 1
                elif at_a_replaced_master(faults, name, end):
                    at_replaced += 1
                elif told == "replica":
                    lost_with_wait.append(name)
                elif may_lose(faults, end):
                    allowed += 1
                else:
                    lost.append((name, end))
        elif record[0] == "token":
            tokens.append(record[1:])
        elif record[0] == "done" and not in_memory_alone(faults, record[2]):
            done.setdefault(record[1], record[2])
    for record in records:
        if record[0] == "delivered" and record[1] in done and record[2] > done[record[1]]:
            came_back += 1
    kept = [token for token in tokens if not in_memory_alone(faults, token[2])]
    return {
        "entries": counts,
        "lost": len(lost),
        "lost, with WAIT 1": len(lost_with_wait),
        "lost, as said": allowed,
        "lost at a replaced master": at_replaced,
        "twice": sum(1 for often in held.values() if often > 1),
        "refused, but there": refused,
        "jobs done": len(done),
        "jobs that came back": came_back,
        "tokens": len(tokens),
        "tokens that went backward": backward_tokens(tokens, kept) + len(kept) - len({token[0] for token in kept}),
        "faults": len(faults),
        "writes waited": outages(records, faults),
        "first lost": lost[:3] + lost_with_wait[:3],
    }


BROKEN = ("lost", "lost, with WAIT 1", "twice", "refused, but there", "jobs that came back", "tokens that went backward")


def check(folder):
    with open(folder + "/settings", encoding="utf-8") as file:
        settings = json.load(file)
    with open(folder + "/password", encoding="utf-8") as file:
        client = connected(settings["address"], 6379, file.read().strip())
    with open(folder + "/history", encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    with open(folder + "/faults", encoding="utf-8") as file:
        faults = [(*map(float, line.split()[:3]), line.split()[3]) for line in file]
    held = {}
    for _, fields in pages(client, ENTRIES):
        held[fields[1]] = held.get(fields[1], 0) + 1
    verdict = judge(records, faults, held)
    print(json.dumps(verdict))
    return 1 if any(verdict[broken] for broken in BROKEN) else 0


def selftest():
    kept = [["add", "0-1", "yes", 1, 2], ["add", "1-1", "replica", 1, 2], ["add", "0-2", "unknown", 1, 2], ["add", "0-3", "no", 1, 2]]
    kept += [["delivered", "1-1", 3], ["done", "1-1", 5], ["token", 1, 1, 2], ["token", 2, 3, 4]]
    stayed = kept + [["add", "5-1", "replica", 9, 10], ["add", "2-1", "yes", 9, 10]]
    held, cut, all_killed = {"0-1": 1, "1-1": 1}, [(1.5, 1.6, 9, "cut-off")], [(3, 4.5, 4.5, "kill-all")]
    cases = {
        None: [(kept, [], held), (kept, [], held | {"0-2": 1}), (kept, cut, {"1-1": 1}), (kept + [["token", 3, 1, 9]], [], held),
               (stayed, [(1, 1, 8, "freeze")], held), (kept, all_killed, {}), (kept + [["token", 2, 5, 6]], all_killed, held)],
        "lost": [(stayed, [(1, 1, 8, "kill")], held | {"5-1": 1}), (kept, [], {"1-1": 1}), (kept, [(7, 7, 9, "cut-off")], {"1-1": 1}), (kept, [(1.5, 1.6, 9, "failover")], {"1-1": 1})],
        "lost, with WAIT 1": [(stayed, [(1, 1, 4, "freeze")], held | {"2-1": 1}), (kept, [(1, 1, 1, "freeze")], {"0-1": 1}), (kept, cut, {"0-1": 1}), (kept, [(5, 6, 6, "kill-all")], {"0-1": 1}), (kept, [(1.5, 6, 6, "kill")], {"0-1": 1})],
        "twice": [(kept, [], {"0-1": 2, "1-1": 1})],
        "refused, but there": [(kept, [], held | {"0-3": 1})],
        "jobs that came back": [(kept + [["delivered", "1-1", 6]], [], held)],
        "tokens that went backward": [(kept + [["token", 1, 5, 6]], [], held), (kept + [["token", 2, 3, 4]], [], held),
                                      (kept + [["token", 1, 5, 6]], [(3.5, 4.5, 4.5, "kill")], held)],
    }
    wrong = 0
    for broken, all_of_it in cases.items():
        for records, faults, there in all_of_it:
            found = [name for name in BROKEN if judge(records, faults, there)[name]]
            if found != ([broken] if broken else []):
                print(f"{broken}: found {found} in {records}, {faults}, {there}")
                wrong = 1
    answers = [["add", f"0-{second}", "yes", second, second + 0.5] for second in (1, 2, 5, 6, 9)]
    waited = outages(answers + [["add", "2-1", "yes", 3, 3.5]], [(2.6, 2.7, 2.8, "kill"), (5.6, 6, 6, "kill"), (9, 9, 9, "delete")])
    if waited != {"delete": {"times": 1, "median": 3, "worst": 3}, "kill": {"times": 2, "median": 2, "worst": 3}}:
        print(f"found {waited}")
        wrong = 1
    return wrong


if __name__ == "__main__":
    if sys.argv[1:] == ["selftest"]:
        sys.exit(selftest())
    what, where = sys.argv[1:]
    sys.exit(Recorder(where).run() if what == "record" else check(where))
