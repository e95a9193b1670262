#!/usr/bin/env python3
"""Hostile clients and providers against a node that serves good traffic all the while:
tests/e2e/hostile.py BINARY [CASE...]. Every good exchange carries a mark of its own and must get that
mark back; what is hostile is refused or is one request at the provider. CORDON_NIGHTLY=1 cuts
requests at every byte and lets slow clients stay longer."""
import concurrent.futures
import gzip
import http.client
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

from wire import (KEY, Node, Upstream, check, exchange, free_port, key_digest, main, request, within)

BINARY = os.path.realpath(sys.argv[1])
NIGHTLY = bool(os.environ.get("CORDON_NIGHTLY"))
RSS_GROWTH_KIB = 192 * 1024

RULES = """rulepack: hostile-tests
version: 1.0.0
rules:
  - id: test.forbidden-word
    class: unsafe_output
    on: [request, response, tool_arguments]
    match: {pattern: 'forbidden-word-[0-9]{3}'}
    state: live
    action: block
    rationale: A word that no spelling may carry past the rules.
    refs: [{scheme: owasp-llm, edition: 2025, id: LLM05}]
    tests: {match: ['say forbidden-word-123'], pass: ['say forbidden-word']}
"""


def config(port, more=""):
    return f"""
listen: {{gateway: "127.0.0.1:0", control: "127.0.0.1:0"}}
threads: 2
limits: {{body_bytes_max: 1MiB, answer_bytes_max: 4MiB}}
providers: [{{name: up, base_url: "http://127.0.0.1:{port}/v1", timeouts: {{idle: 20s, first_byte: 20s}}{more}}}]
rulepacks: {{files: [rules.yaml]}}
routes:
  - {{name: plain, targets: [{{provider: up, model: m}}], rulepacks: [], retry: {{attempts_max: 1}}}}
  - {{name: guarded, targets: [{{provider: up, model: m}}], rulepacks: [hostile-tests], retry: {{attempts_max: 1}}}}
tenants: [{{name: acme, key_sha256: [{key_digest()}], routes: ['*']}}]
"""


def body_of(text, route="plain"):
    return json.dumps({"model": route, "messages": [{"role": "user", "content": text}]}).encode()


def completion(text):
    return json.dumps({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}).encode()


def whole(body, more=b""):
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s" % (
        more, len(body), body)


def echo(_head, body):
    """The text that was asked last, said back."""
    try:
        yield whole(completion(json.loads(body)["messages"][-1]["content"]))
    except (ValueError, KeyError, TypeError):
        yield whole(completion("unreadable"))


class Traffic:
    """Good exchanges over kept connections, each with its own mark, until the block ends."""

    def __init__(self, port, workers=3):
        self.port, self.done, self.wrong = port, 0, []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(workers)]

    def run(self, worker):
        peer, number = None, 0
        while not self.over.is_set():
            number += 1
            mark = f"good-{worker}-{number}."
            try:
                peer = peer or http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                peer.request("POST", "/v1/chat/completions", body_of(mark, ("plain", "guarded")[number % 2]),
                             {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"})
                answer = peer.getresponse()
                said = json.loads(answer.read())
                if answer.status != 200 or said["choices"][0]["message"]["content"] != mark:
                    self.wrong.append((mark, answer.status, said))
                self.done += 1
            except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
                self.wrong.append((mark, repr(error)))
                peer = None
            time.sleep(0.01)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        check(within(20, lambda: self.done > 10), f"no good traffic: {self.wrong[:2]}")
        return self

    def __exit__(self, kind, *_):
        at = self.done
        alive = within(20, lambda: self.done > at + 10)
        self.over.set()
        for thread in self.threads:
            thread.join()
        if kind is None:
            check(not self.wrong, f"{len(self.wrong)} of {self.done} good exchanges failed: {self.wrong[:3]}")
            check(alive, "good traffic stands still")


class World:
    """A provider, a node, good traffic; memory and descriptors are where they were at the end."""

    def __init__(self, answer=echo, more="", traffic=True):
        self.upstream = Upstream(answer)
        self.node = Node(BINARY, config(self.upstream.port, more), {"rules.yaml": RULES})
        self.traffic = Traffic(self.node.port) if traffic else None

    def __enter__(self):
        try:
            if self.traffic:
                self.traffic.__enter__()
        except BaseException:
            self.node.stop()
            raise
        self.before = (self.node.resident_kib(), self.node.descriptors())
        return self

    def bounded(self):
        grown = self.node.resident_kib() - self.before[0]
        check(grown < RSS_GROWTH_KIB, f"resident memory grew by {grown} KiB")

    def __exit__(self, kind, *rest):
        try:
            if self.traffic:
                self.traffic.__exit__(kind, *rest)
            if kind is None:
                check(self.node.process.poll() is None, "the node ended")
                self.bounded()
                check(within(40, lambda: self.node.clients() <= 4),
                      f"{self.node.clients()} connections of clients who left are still held")
                # Connections to the provider stay open between exchanges.
                check(within(40, lambda: self.node.descriptors() <= self.before[1] + 150),
                      f"descriptors: {self.before[1]} before, {self.node.descriptors()} after")
                check(not self.upstream.faults, f"half a request at the provider: {self.upstream.faults[:2]}")
        finally:
            self.node.stop()


# --- request smuggling ----------------------------------------------------------------------------

def attacks(mark):
    """Name and bytes. `mark` stands in the body of the request that may arrive; a second request,
    hidden where the two sides of a disagreement would see one, says HIDDEN."""
    body = body_of(mark)
    hidden = request(body_of(mark + "HIDDEN"))

    def post(fields, rest, line=b"POST /v1/chat/completions HTTP/1.1\r\n"):
        return (line + b"Host: gateway\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"
                % KEY.encode() + fields + b"\r\n" + rest)

    size = b"%d" % len(body)
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    both = b"%d" % len(chunked)
    te, cl = b"Transfer-Encoding: chunked\r\n", b"Content-Length: %s\r\n"
    yield "length and chunked, hidden behind the chunks", post(cl % b"%d" % (len(chunked) + len(hidden)) + te, chunked + hidden)
    yield "chunked and length, hidden behind the length", post(te + cl % b"4", chunked + hidden)
    yield "chunked first, all inside the length", post(te + cl % both, chunked)
    for i, coding in enumerate((b"Transfer-Encoding: xchunked", b"Transfer-Encoding : chunked",
                                b"Transfer-Encoding:\tchunked", b"Transfer-Encoding: identity, chunked",
                                b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding: chunked, chunked",
                                b"Transfer-Encoding:\x0bchunked", b"Transfer-Encoding: \"chunked\"",
                                b"Transfer-Encoding\x00: chunked", b"X: y\nTransfer-Encoding: chunked",
                                b"X: y\rTransfer-Encoding: chunked", b"Transfer-Encoding:\r\n chunked",
                                b" Transfer-Encoding: chunked", b"Transfer-Encoding: CHUNKED",
                                b"TRANSFER-ENCODING: chunked", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
                                b"Transfer_Encoding: chunked", b"Transfer-Encoding: chunked;q=1",
                                b"Transfer-Encoding: chunked\x00", b"Transfer-Encoding:")):
        yield f"odd coding {i} with a length", post(coding + b"\r\n" + cl % size, body + hidden[:0])
        yield f"odd coding {i}, hidden behind chunks", post(
            coding + b"\r\n" + cl % (b"%d" % (len(chunked) + len(hidden))), chunked + hidden)
    for i, length in enumerate((b"+" + size, b"0" + size, size + b" ", size + b", " + size, b"0x5", b"-1",
                                size + b"\x00", b"\"" + size + b"\"", size + b".0", b"1e2", b"",
                                b"18446744073709551617", size + b";a", b"\xd9\xa5")):
        yield f"odd length {i}", post(cl % length, body)
    yield "two equal lengths", post(cl % size * 2, body)
    yield "two lengths, long first", post(cl % (b"%d" % (len(body) + len(hidden))) + cl % size, body + hidden)
    yield "two lengths, short first", post(cl % b"0" + cl % size, body + hidden)
    yield "whitespace before the colon", post(b"Content-Length : " + size + b"\r\n", body)
    yield "a folded field", post(b"X: a\r\n b: c\r\n" + cl % size, body)
    yield "a folded length", post(b"Content-Length:\r\n " + size + b"\r\n", body)
    yield "bare line feeds", post(cl % size, body).replace(b"\r\n", b"\n")
    yield "a bare line feed before a length", post(b"X: y\nContent-Length: 0\r\n" + cl % size, body)
    yield "a bare carriage return", post(b"X: y\rContent-Length: 0\r\n" + cl % size, body)
    yield "NUL in a field", post(b"X: a\x00b\r\n" + cl % size, body)
    yield "NUL in the target", post(cl % size, body, b"POST /v1/chat\x00/completions HTTP/1.1\r\n")
    yield "a field without a name", post(b": x\r\n" + cl % size, body)
    yield "absolute form", post(cl % size, body, b"POST http://elsewhere/v1/chat/completions HTTP/1.1\r\n")
    yield "two hosts", post(b"Host: elsewhere\r\n" + cl % size, body)
    yield "HTTP/1.0 with chunks", post(te, chunked, b"POST /v1/chat/completions HTTP/1.0\r\n")
    yield "HTTP/0.9", b"POST /v1/chat/completions\r\n" + body
    yield "HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9)
    yield "an upgrade", post(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAAA\r\n" + cl % size, body)
    yield "Connection names the length", post(b"Connection: Content-Length\r\n" + cl % size, body)
    yield "an expectation nobody has", post(b"Expect: 200-ok\r\n" + cl % size, body)
    yield "rubbish behind the body", post(cl % size, body + b"\x00\x01rubbish\r\n\r\n")
    for i, chunks in enumerate((
            b"%x;ext=\"a\r\nb\"\r\n%s\r\n0\r\n\r\n" % (len(body), body),
            b"%x;a=b;c\r\n%s\r\n0\r\n\r\n" % (len(body), body),
            b"%x\n%s\r\n0\r\n\r\n" % (len(body), body), b"%x\r\n%s\n0\n\n" % (len(body), body),
            b"%x\r\n%sXX0\r\n\r\n" % (len(body), body), b"ffffffffffffffff%x\r\n%s\r\n0\r\n\r\n" % (len(body), body),
            b"1" + b"0" * 16 + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body),
            b"0x%x\r\n%s\r\n0\r\n\r\n" % (len(body), body), b"-%x\r\n%s\r\n0\r\n\r\n" % (len(body), body),
            b" %x\r\n%s\r\n0\r\n\r\n" % (len(body), body), b"%x \r\n%s\r\n0\r\n\r\n" % (len(body), body),
            b"\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body), b"%x\r\n%s\r\n00\r\n\r\n" % (len(body), body),
            b"%x\r\n%s\r\n0\r\nContent-Length: 4\r\nHost: x\r\n\r\n" % (len(body), body),
            b"%x\r\n%s\r\n0\r\nX: y\n\n" % (len(body), body))):
        yield f"odd chunks {i}", post(te, chunks)
        yield f"odd chunks {i}, hidden behind", post(te + b"X-Pad: 1\r\n", chunks[:-2] + hidden)


def smuggle(port, upstream, through, forwarded=None):
    """Every attack through one entry. Of each at most one request arrives, and nothing hidden. With a
    proxy in front that has its own reading, `forwarded()` counts what it sent on: never do more
    requests arrive than that."""
    def attack(number):
        mark = f"attack-{through}-{number}."
        name, bytes_ = list(attacks(mark))[number]
        sent_on = forwarded() if forwarded else 0
        # Cordon takes a client that closes its side for one that left; proxies answer all the same.
        exchange(port, bytes_, timeout=1.5, half_close=forwarded is not None)
        hidden, got = upstream.asked((mark + "HIDDEN").encode()), upstream.asked((mark + '"').encode())
        check(got <= 1, f"{through}, {name}: {got} requests at the provider")
        # Behind an end that both sides agree on, the rest is a second request like any other.
        honest = name.endswith("hidden behind") and hidden == got == 1
        if forwarded:
            check(hidden + got == 0 or within(5, lambda: forwarded() - sent_on >= hidden + got),
                  f"{through}, {name}: {forwarded() - sent_on} sent on, {hidden + got} arrived")
        else:
            check(hidden == 0 or honest, f"{through}, {name}: what was hidden arrived {hidden} times")
        return got

    # What a proxy sent on is counted attack by attack.
    with concurrent.futures.ThreadPoolExecutor(1 if forwarded else 16) as pool:
        arrived = sum(pool.map(attack, range(len(list(attacks(""))))))
    check(arrived > 5, f"{through}: of the harmless ones {arrived} arrived")
    # An honest pipeline is two requests and two answers, in their order.
    answers = exchange(port, request(body_of(f"pipe-{through}-1.")) +
                       request(body_of(f"pipe-{through}-2."), more=b"Connection: close\r\n"))
    check([json.loads(body)["choices"][0]["message"]["content"] for _, body in answers] ==
          [f"pipe-{through}-1.", f"pipe-{through}-2."], f"{through}: a pipeline: {answers}")
    return arrived


class Proxy:
    """nginx or HAProxy before `port`, with settings that let through what they can."""

    def __init__(self, kind, port):
        self.dir = pathlib.Path(tempfile.mkdtemp())
        self.port = free_port()
        if kind == "nginx":
            (self.dir / "conf").write_text(f"""
daemon off; master_process off; worker_processes 1; pid {self.dir}/pid; error_log /dev/null;
events {{ worker_connections 256; }}
http {{ log_format one "$upstream_status"; access_log {self.dir}/log one; ignore_invalid_headers off; underscores_in_headers on;
  client_body_temp_path {self.dir}/b; proxy_temp_path {self.dir}/p; fastcgi_temp_path {self.dir}/f;
  uwsgi_temp_path {self.dir}/u; scgi_temp_path {self.dir}/s;
  upstream next {{ server 127.0.0.1:{port}; keepalive 4; }}
  server {{ listen 127.0.0.1:{self.port};
    location / {{ proxy_pass http://next; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_request_buffering off; proxy_buffering off; proxy_next_upstream off;
      proxy_ignore_client_abort on; }} }} }}
""")
            command = [shutil.which("nginx"), "-p", str(self.dir), "-c", str(self.dir / "conf")]
        else:
            (self.dir / "conf").write_text(f"""
global
  maxconn 256
defaults
  mode http
  option http-server-close
  option httplog
  log stdout format raw local0
  timeout connect 5s
  timeout client 20s
  timeout server 20s
frontend f
  bind 127.0.0.1:{self.port}
  default_backend b
backend b
  http-reuse always
  server s 127.0.0.1:{port}
""")
            command = [shutil.which("haproxy"), "-db", "-f", str(self.dir / "conf")]
        self.kind, self.log = kind, self.dir / "log"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL if kind == "nginx" else log,
                                            stderr=subprocess.DEVNULL)

        def listens():
            with socket.socket() as one:
                return one.connect_ex(("127.0.0.1", self.port)) == 0
        check(within(20, listens), f"{kind} does not listen")

    def forwarded(self):
        """How many requests it has sent on and logged."""
        lines = self.log.read_text(errors="replace").splitlines()
        if self.kind == "nginx":
            return sum(line.strip() not in ("", "-") for line in lines)
        return sum(" b/s " in line for line in lines)

    def stop(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def smuggling_is_refused_or_one_request():
    with World() as world:
        smuggle(world.node.port, world.upstream, "alone")


def smuggling_through_a_proxy_in_front_is_refused_or_one_request():
    with World() as world:
        for kind in ("nginx", "haproxy"):
            front = Proxy(kind, world.node.port)
            try:
                smuggle(front.port, world.upstream, f"front {kind}", front.forwarded)
            finally:
                front.stop()


def smuggling_towards_a_proxy_behind_is_refused_or_one_request():
    for kind in ("nginx", "haproxy"):
        upstream = Upstream(echo)
        behind = Proxy(kind, upstream.port)
        node = Node(BINARY, config(behind.port), {"rules.yaml": RULES})
        try:
            with Traffic(node.port):
                smuggle(node.port, upstream, f"behind {kind}")
        finally:
            node.stop()
            behind.stop()


# --- slow, many, gone -----------------------------------------------------------------------------

def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def slow_clients_hold_nobody_up():
    long_answer = whole(completion("x" * 1_000_000))

    def long_or_echo(head, body):
        if b"long-answer" in body:
            yield long_answer
        else:
            yield from echo(head, body)

    with World(long_or_echo) as world:
        good = request(body_of("slow."))
        peers = []
        for i in range(60):
            head, body, read = connect(world.node.port), connect(world.node.port), socket.socket()
            head.sendall(good[:20])
            body.sendall(good[:-10])
            # One that asks for much and reads nothing.
            read.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            read.connect(("127.0.0.1", world.node.port))
            read.sendall(request(body_of(f"long-answer {i}")))
            peers += [head, body, read]
        began = world.traffic.done
        for round_ in range(60 if NIGHTLY else 6):
            for peer in peers[0::3]:
                try:
                    peer.sendall(good[20 + round_:21 + round_])
                except OSError:
                    pass  # given up by the node, as it should in time
            time.sleep(0.5)
            world.bounded()
        check(within(20, lambda: world.traffic.done > began + 20), "good traffic waits for slow clients")
        check(world.upstream.asked(b"slow.") == 0, "half a request was sent on")
        for peer in peers:
            peer.close()


def floods_of_fields_are_refused():
    with World() as world:
        good = request(body_of("flood."))
        line, _, rest = good.partition(b"\r\n")
        floods = [line + b"\r\n" + b"".join(b"X-%d: y\r\n" % i for i in range(5000)) + rest,
                  line + b"\r\nX: " + b"a" * (1 << 20) + b"\r\n" + rest,
                  line.replace(b" HTTP", b"?" + b"a" * (1 << 20) + b" HTTP") + b"\r\n" + rest,
                  line + b"\r\n" + b"a" * (1 << 20), b"\r\n" * (1 << 19) + good]
        for number, flood in enumerate(floods * (20 if NIGHTLY else 3)):
            answers = exchange(world.node.port, flood, timeout=10, half_close=True)
            check(all(400 <= status < 500 for status, _ in answers), f"flood {number}: {answers}")
        # One that never ends: an answer comes although the client still speaks.
        for _ in range(10):
            with connect(world.node.port) as peer:
                endless = line + b"\r\n" + b"".join(b"X-%d: %s\r\n" % (i, b"a" * 100) for i in range(2000))
                try:
                    peer.sendall(endless)
                    said = peer.recv(64)
                except ConnectionError:
                    continue
                check(said.startswith(b"HTTP/1.1 4"), f"an endless head: {said}")
        check(world.upstream.asked(b"flood.") == 0, "a flood was sent on")


def a_client_that_leaves_at_any_byte_leaves_nothing_behind():
    with World() as world:
        good = request(body_of("leaves-0000."))
        step = 1 if NIGHTLY else 9
        for reset in (False, True):
            for cut in range(0, len(good) + 1, step):
                mark = b"leaves-%d%03d." % (reset, cut)
                data = good.replace(b"leaves-0000.", mark)[:cut]
                peer = connect(world.node.port)
                if reset:
                    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                peer.sendall(data)
                peer.close()
                if cut < len(good):
                    check(world.upstream.asked(mark) == 0, f"cut at {cut} of {len(good)} and sent on")
        check(all(world.upstream.asked(b"leaves-%d%03d." % (reset, cut)) <= 1
                  for reset in (0, 1) for cut in range(len(good) + 1)), "sent on twice")


# --- bodies ---------------------------------------------------------------------------------------

def hostile_json_is_refused_or_seen_as_the_provider_sees_it():
    bad, fine = "forbidden-word-123", "fine"

    def two(first, second):
        return json.dumps({"role": "user", "content": first}).encode(), json.dumps(
            {"role": "user", "content": second}).encode()

    with World() as world:
        refused, bodies = 0, []
        depth = 100_000
        nested = b"[" * depth + b"]" * depth
        bodies += [b'{"model":"guarded","messages":[{"role":"user","content":"DEEP"}],"x":' + nested + b"}",
                   b'{"model":"guarded","messages":' + nested + b"}", b'{"a":' * depth,
                   b'{"model":"guarded","messages":[{"role":"user","content":"DEEP"}],"x":' + b'{"a":' * depth + b"1" +
                   b"}" * depth + b"}"]
        deep = len(bodies)
        for pair in ((bad, fine), (fine, bad)):
            one, other = two(*pair)
            bodies += [b'{"model":"guarded","messages":[%s],"messages":[%s]}' % (one, other),
                       b'{"model":"guarded","messages":[%s],"\\u006dessages":[%s]}' % (one, other),
                       b'{"model":"guarded","messages":[{"role":"user","content":"%s","content":"%s"}]}' %
                       tuple(text.encode() for text in pair),
                       b'{"model":"guarded","messages":[{"role":"user","content":"%s","c\\u006fntent":"%s"}]}' %
                       tuple(text.encode() for text in pair),
                       b'{"model":"plain","model":"guarded","messages":[%s]}' % two(bad, "")[0],
                       b'{"model":"guarded","model":"plain","messages":[%s]}' % two(bad, "")[0]]
        escaped = "".join(f"\\u{ord(letter):04x}" for letter in bad).encode()
        bodies += [b'{"model":"guarded","messages":[{"role":"user","content":"%s"}]}' % escaped,
                   b'{"model":"gu\\u0061rded","messages":[{"role":"user","content":"%s"}]}' % escaped,
                   "\ufeff".encode() + body_of(bad, "guarded"), body_of(bad, "guarded").decode().encode("utf-16")]
        for number, body in enumerate(bodies):
            answers = exchange(world.node.port, request(body, more=b"Connection: close\r\n"))
            check(answers and 400 <= answers[0][0] < 500, f"body {number} ({body[:80]!r}): {answers[:1]}")
            check(json.loads(answers[0][1])["error"]["code"], answers)
            refused += 1
        check(refused == len(bodies) and deep == 4, refused)
        check(world.upstream.asked(bad.encode()) == 0 and world.upstream.asked(b"DEEP") == 0,
              "a forbidden text arrived")
        # Not UTF-8, and halves of characters: refused, or sent on exactly as they came.
        for number, text in enumerate((rb"\ud800", rb"\udc00\ud800", rb"a\ud83d", b"\xff", b"\xc0\xaf",
                                       b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", rb"\u0000", b"\x00",
                                       b"\n", rb"\x41")):
            body = b'{"model":"plain","messages":[{"role":"user","content":"odd-%d. %s"}]}' % (number, text)
            answers = exchange(world.node.port, request(body, more=b"Connection: close\r\n"))
            check(answers, f"odd text {number}: no answer")
            came = [one for one in world.upstream.bodies if b"odd-%d." % number in one]
            if answers[0][0] == 400:
                check(came == [], f"odd text {number}: refused and sent on")
            else:
                check(len(came) == 1 and b"odd-%d. %s" % (number, text) in came[0],
                      f"odd text {number}: {answers[0][0]}, {came}")


def compressed_bodies_are_never_unpacked_or_passed_unseen():
    bomb = gzip.compress(bytes(64 << 20), 9)
    packed = gzip.compress(completion("say forbidden-word-123"))

    def answer(head, body):
        if b"packed-answer" in body:
            yield whole(packed, b"Content-Encoding: gzip\r\n")
        elif b"bomb-answer" in body:
            yield whole(bomb, b"Content-Encoding: gzip\r\n")
        else:
            yield from echo(head, body)

    with World(answer) as world:
        for coding in (b"gzip", b"deflate", b"br", b"zstd", b"identity, gzip", b"GZIP"):
            for body in (bomb, gzip.compress(body_of("packed-request"))):
                field = b"Connection: close\r\nContent-Encoding: %s\r\n" % coding
                answers = exchange(world.node.port, request(body, more=field))
                check(answers and answers[0][0] in (400, 413, 415), f"{coding}: {answers[:1]}")
        check(world.upstream.asked(gzip.compress(b"")[:2]) == 0, "a packed request arrived")
        for ask in ("packed-answer", "bomb-answer"):
            answers = exchange(world.node.port, request(
                body_of(ask, "guarded"), more=b"Connection: close\r\nAccept-Encoding: gzip\r\n"))
            check(answers and answers[0][0] == 502, f"{ask}: {answers[:1]}"[:400])
        world.bounded()


def hostile_answers_are_errors_and_nobody_elses():
    def answer(head, body):
        kinds = {b"wide-field": b"HTTP/1.1 200 OK\r\nX: " + b"a" * (4 << 20) + b"\r\n\r\n",
                 b"many-fields": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000 + b"\r\n",
                 b"two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
                 b"both-framings": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                 b"endless": None, b"deep": whole(b"[" * 100_000 + b"]" * 100_000),
                 b"split": b"HTTP/1.1 200 OK\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
                 b"surplus": whole(completion("good")) + whole(completion("STOLEN"))}
        for kind, bytes_ in kinds.items():
            if b"hostile " + kind not in body:
                continue
            if bytes_ is None:
                yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                for _ in range(400):
                    yield b"%x\r\n%s\r\n" % (1 << 16, b" " * (1 << 16))
            yield bytes_ or b""
            if kind != b"surplus":
                yield None
            return
        yield from echo(head, body)

    with World(answer) as world:
        for kind in ("wide-field", "many-fields", "two-lengths", "both-framings", "endless", "deep", "split"):
            for route in ("plain", "guarded"):
                answers = exchange(world.node.port, request(
                    body_of(f"hostile {kind}", route), more=b"Connection: close\r\n"))
                check(len(answers) == 1 and answers[0][0] >= 500 or kind == "deep" and route == "plain",
                      f"{kind} {route}: {str(answers)[:300]}")
        # More than one answer to one question: the rest is for nobody.
        for _ in range(20):
            answers = exchange(world.node.port, request(
                body_of("hostile surplus"), more=b"Connection: close\r\n"))
            check(answers and answers[0][0] == 200 and b"STOLEN" not in answers[0][1], answers)
        world.bounded()


CASES = [smuggling_is_refused_or_one_request, smuggling_through_a_proxy_in_front_is_refused_or_one_request,
         smuggling_towards_a_proxy_behind_is_refused_or_one_request, slow_clients_hold_nobody_up,
         floods_of_fields_are_refused, a_client_that_leaves_at_any_byte_leaves_nothing_behind,
         hostile_json_is_refused_or_seen_as_the_provider_sees_it,
         compressed_bodies_are_never_unpacked_or_passed_unseen, hostile_answers_are_errors_and_nobody_elses]
if __name__ == "__main__":
    sys.exit(main(CASES, sys.argv[2:]))
