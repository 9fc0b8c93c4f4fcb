"""XADD by redis-py as an application does it: one client for the life of the program, and what fails is tried again."""
import json
import os
import sys
import time

import redis

client = redis.from_url(os.environ["REDIS_URL"], socket_timeout=3, socket_connect_timeout=3)
acknowledged, errors, times = [], 0, []
while not os.path.exists(sys.argv[1]):
    name = str(len(acknowledged))
    try:
        client.xadd("redis-py", {"n": name})
        acknowledged.append(name)
        times.append(time.monotonic())
        time.sleep(0.01)
    except redis.RedisError:
        errors += 1
        time.sleep(0.05)
held = {fields[b"n"].decode() for _, fields in client.xrange("redis-py")}
gap = max(after - before for before, after in zip(times, times[1:]))
print(json.dumps({"acknowledged": len(acknowledged), "lost": len(set(acknowledged) - held), "errors": errors, "gap": round(gap, 2)}))
