#!/usr/bin/env python3
"""Clients that add to a stream as fast as they are answered, and go on after whatever happens.

  writer.py write HOST PORT PASSWORD_FILE STOP_FILE    until STOP_FILE is there; prints {"gaps": [...], "failed": N, "acknowledged": [...]}
  with WRITER_CA and WRITER_NAME: by TLS, with this file and this name of the server; with WRITER_EITHER, too: by TLS or without, in turn
  writer.py check HOST PORT PASSWORD_FILE < WRITTEN    prints {"acknowledged": N, "lost": N}
"""
import json
import os
import socket
import ssl
import sys
import threading
import time

KEY = "kept"
encrypted = "WRITER_CA" in os.environ


class Client:
    def __init__(self, host, port, password, timeout):
        global encrypted
        self.socket = socket.create_connection((host, port), timeout)
        self.buffer = b""
        either = "WRITER_EITHER" in os.environ
        if either:
            self.socket.settimeout(1)  # a server that speaks no TLS does not answer
        try:
            if encrypted:
                context = ssl.create_default_context(cafile=os.environ["WRITER_CA"])
                self.socket = context.wrap_socket(self.socket, server_hostname=os.environ["WRITER_NAME"])
            self.call("AUTH", password)
        except OSError:
            if either:
                encrypted = not encrypted
            raise
        except RuntimeError as error:
            if "without any password" not in str(error):
                raise
        self.socket.settimeout(timeout)

    def call(self, *words):
        out = b"*%d\r\n" % len(words)
        for word in words:
            data = word.encode()
            out += b"$%d\r\n%s\r\n" % (len(data), data)
        self.socket.sendall(out)
        reply = self.reply()
        if isinstance(reply, Exception):
            raise reply
        return reply

    def line(self):
        while b"\r\n" not in self.buffer:
            self.more()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("closed")
        self.buffer += data

    def reply(self):
        line = self.line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            return RuntimeError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        length = int(rest)
        if length < 0:
            return None
        while len(self.buffer) < length + 2:
            self.more()
        data, self.buffer = self.buffer[:length], self.buffer[length + 2:]
        return data.decode()


def read(path):
    with open(path, encoding="utf-8") as secret:
        return secret.read().strip()


def write(host, port, password_file, stop):
    """Two of the clients connect again now and then, with the password that the file has by then."""
    lock, acknowledged, times, failed = threading.Lock(), [], [], []
    run = os.urandom(4).hex()  # the stream keeps what earlier runs have added

    def work(number):
        client, count = None, 0
        while not os.path.exists(stop):
            try:
                if client is None or (number % 2 and count % 100 == 99):
                    client = Client(host, port, read(password_file), 3)
                count += 1
                name = f"{run}-{number}-{count}"
                client.call("XADD", KEY, "*", "n", name)
                with lock:
                    acknowledged.append(name)
                    times.append(time.monotonic())
            except (OSError, RuntimeError) as error:
                failed.append(str(error))
                client = None
                time.sleep(0.02)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gaps = sorted((after - before for before, after in zip(times, times[1:])), reverse=True)[:8]
    print(json.dumps({"gaps": [round(gap, 2) for gap in gaps], "failed": len(failed), "failures": failed[:3], "acknowledged": acknowledged}))


def connected(host, port, password):
    """A node of the cluster needs a moment to know a new Service."""
    until = time.monotonic() + 20
    while True:
        try:
            return Client(host, port, password, 20)
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def check(host, port, password_file):
    password = read(password_file)
    acknowledged = set(json.load(sys.stdin)["acknowledged"])
    client, held, start, tries = connected(host, port, password), set(), "-", 10
    while True:
        try:
            page = client.call("XRANGE", KEY, start, "+", "COUNT", "5000")
        except OSError:  # the master's role has moved
            tries -= 1
            if tries == 0:
                raise
            client = connected(host, port, password)
            continue
        if not page:
            break
        held.update(fields[1] for _, fields in page)
        start = "(" + page[-1][0]
    print(json.dumps({"acknowledged": len(acknowledged), "lost": len(acknowledged - held)}))


if __name__ == "__main__":
    what, host, port, password_file, *more = sys.argv[1:]
    {"write": write, "check": check}[what](host, int(port), password_file, *more)
