"""What cases on the wire are made from: a provider that answers bytes word for word and keeps what it
was asked, a node in front of it, and a client that sends bytes as they are."""
import hashlib
import json
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time

KEY = "ck-wire-tenant-key"


class Wrong(Exception):
    pass


def check(claim, otherwise):
    if not claim:
        raise Wrong(str(otherwise)[:1500])


def within(seconds, claim):
    """Whether `claim()` comes true in so many seconds."""
    for _ in range(int(seconds * 20)):
        if claim():
            return True
        time.sleep(0.05)
    return bool(claim())


class Upstream:
    """One thread for each connection. Reads requests by Content-Length or chunks, strictly, and keeps
    their bodies; `answer(head, body)` gives the pieces of bytes to send, and None closes."""

    def __init__(self, answer):
        self.answer, self.bodies, self.faults = answer, [], []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        try:
            with peer, peer.makefile("rb") as read:
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while self.one(peer, read):
                    pass
        except OSError:
            pass

    def one(self, peer, read):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = read.readline(65536)
            if not line:
                if head:
                    self.faults.append(head)
                return False
            head += line
        length = re.search(rb"\r\ncontent-length: *(\d+)\r\n", head, re.I)
        if length:
            size = int(length[1])
            body = read.read(size)
            if len(body) < size:
                self.faults.append(head + body)
                return False
        elif re.search(rb"\r\ntransfer-encoding: *chunked\r\n", head, re.I):
            body = b""
            while size := int(read.readline(64).split(b";")[0], 16):
                body += read.read(size)
                read.readline(2)
            read.readline(2)
        else:
            body = b""
        self.bodies.append(body)
        for piece in self.answer(head, body):
            if piece is None:
                return False
            peer.sendall(piece)
        return True

    def asked(self, marker):
        return sum(marker in body for body in list(self.bodies))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


class Node:
    """A node of `binary` under `config`, in a directory of its own."""

    def __init__(self, binary, config, files=None):
        self.dir = pathlib.Path(tempfile.mkdtemp())
        (self.dir / "cordon.yaml").write_text(config)
        for name, text in (files or {}).items():
            (self.dir / name).write_text(text)
        self.log = open(self.dir / "log", "w")
        self.process = subprocess.Popen(
            [binary, "serve", "--config", "cordon.yaml", "--data", "data", "--admin-token-file",
             "admin.token", "--addresses-file", "addresses.json"],
            cwd=self.dir, stdout=self.log, stderr=self.log)
        addresses = self.dir / "addresses.json"
        if not within(60, lambda: addresses.exists() or self.process.poll() is not None) or \
                self.process.poll() is not None:
            text = (self.dir / "log").read_text()
            self.stop()
            raise Wrong(f"the node did not start: {text[-800:]}")
        self.host, port = json.loads(addresses.read_text())["gateway"].split(":")
        self.port = int(port)
        self.control = json.loads(addresses.read_text())["control"]
        self.token = (self.dir / "admin.token").read_text().strip()

    def resident_kib(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1])

    def descriptors(self):
        return len(list(pathlib.Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def clients(self):
        """Connections of clients that the node holds open, those among them that have left as well."""
        rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
        local = f":{self.port:04X}"
        return sum(row[1].endswith(local) and row[3] in ("01", "08") for row in rows)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)


def key_digest():
    return hashlib.sha256(KEY.encode()).hexdigest()


def request(body, path="/v1/chat/completions", more=b"", length=True):
    """The bytes of a good POST."""
    head = (f"POST {path} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {KEY}\r\n"
            "Content-Type: application/json\r\n").encode() + more
    if length:
        head += b"Content-Length: %d\r\n" % len(body)
    return head + b"\r\n" + body


def read_answer(read):
    """One whole answer: status and body, or None where nothing whole came."""
    line = read.readline()
    if not line.startswith(b"HTTP/1."):
        return None
    fields = {}
    while (field := read.readline()) not in (b"\r\n", b""):
        name, _, value = field.partition(b":")
        fields[name.lower()] = value.strip()
    status = int(line.split()[1])
    if status == 100:
        return read_answer(read)
    if fields.get(b"transfer-encoding") == b"chunked":
        body = b""
        while True:
            size = read.readline()
            if not size.strip():
                return None
            piece = read.read(int(size, 16))
            read.readline()
            if int(size, 16) == 0:
                return status, body
            body += piece
    if b"content-length" in fields:
        body = read.read(int(fields[b"content-length"]))
        return (status, body) if len(body) == int(fields[b"content-length"]) else None
    return status, read.read()


def exchange(port, data, timeout=20, half_close=False):
    """Sends bytes on a connection of their own; every whole answer until the peer closes."""
    answers = []
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=timeout) as peer:
            try:
                peer.sendall(data)
                if half_close:
                    peer.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # refused before it was all sent: the answer is still there
            with peer.makefile("rb") as read:
                while (answer := read_answer(read)) is not None:
                    answers.append(answer)
    except OSError:
        pass
    return answers


def main(cases, names):
    """Runs cases by name, or all; the exit code."""
    failed = 0
    for case in cases:
        name = case.__name__
        if names and name not in names:
            continue
        began = time.monotonic()
        try:
            case()
            print(f"    {name}: ok, {time.monotonic() - began:.0f} s", flush=True)
        except Wrong as wrong:
            failed += 1
            print(f"    {name}: FAILED: {wrong}", flush=True)
    return failed != 0
