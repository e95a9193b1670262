#!/usr/bin/env python3
"""What the built-in rules find in labelled texts that go through the real gateway.

Every text of role user is sent as a user's message, of role tool as a tool's result, of role
assistant as the provider's answer. The route observes: everything is recorded and nothing changed.
Then the journal is read: what the records say is what is counted. A text counts as found when a
rule of its class matched in its own direction; a benign one when any rule did.
"""
import argparse
import collections
import gzip
import hashlib
import http.client
import http.server
import json
import pathlib
import queue
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

CLASS_OF = {"injection": "prompt_injection_bypass", "jailbreak": "prompt_injection_bypass",
            "unsafe": "unsafe_output", "secret": "data_leakage", "pii": "data_leakage"}
CLASSES = ["prompt_injection_bypass", "unsafe_output", "data_leakage", "policy_drift"]
KEY = "ck-detection-table"


def read_texts(path, sample, seed):
    opened = gzip.open(path, "rt") if str(path).endswith(".gz") else open(path)
    with opened as lines:
        rows = [json.loads(line) for line in lines]
    if sample and sample < len(rows):
        rows = random.Random(seed).sample(rows, sample)
    return rows


def provider(rows):
    """A provider whose answer to "row 17" is the text of that row; to all else it says OK."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            said = json.loads(body)["messages"][-1]
            asked = re.fullmatch(r"row (\d+)", said["content"]) if said["role"] == "user" else None
            answer = rows[int(asked[1])]["text"] if asked else "OK."
            choice = {"index": 0, "finish_reason": "stop",
                      "message": {"role": "assistant", "content": answer}}
            reply = json.dumps({"id": "chatcmpl-1", "object": "chat.completion", "created": 1,
                                "model": "m", "choices": [choice]}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def messages_of(index, row):
    text = row["text"]
    if row["role"] == "assistant":
        return [{"role": "user", "content": f"row {index}"}]
    if row["role"] == "tool":
        call = {"id": "call_1", "type": "function", "function": {"name": "get", "arguments": "{}"}}
        return [{"role": "user", "content": "Look it up."},
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "call_1", "content": text}]
    return [{"role": "user", "content": text}]


def send_all(rows, gateway, senders):
    """The id of each row's decision, in the order of the rows."""
    ids = [None] * len(rows)
    work = queue.Queue()
    for index in range(len(rows)):
        work.put(index)
    errors = []

    def send():
        host, port = gateway.split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=60)
        while not errors:
            try:
                index = work.get_nowait()
            except queue.Empty:
                return
            body = json.dumps({"model": "table", "messages": messages_of(index, rows[index])})
            try:
                connection.request("POST", "/v1/chat/completions", body.encode(), {
                    "content-type": "application/json", "authorization": "Bearer " + KEY})
                answer = connection.getresponse()
                data = answer.read()
            except OSError as error:
                errors.append(f"row {index}: {error}")
                return
            if answer.status != 200:
                errors.append(f"row {index}: status {answer.status}: {data[:200]!r}")
                return
            ids[index] = answer.getheader("x-cordon-decision-id")

    threads = [threading.Thread(target=send) for _ in range(senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        sys.exit("detection_table: " + errors[0])
    return ids


def run_gateway(binary, rows, work, senders):
    server = provider(rows)
    config = f"""
node: table-1
listen: {{gateway: "127.0.0.1:0", control: "127.0.0.1:0"}}
providers: [{{name: p, base_url: "http://127.0.0.1:{server.server_address[1]}/v1"}}]
routes: [{{name: table, targets: [{{provider: p, model: m}}], mode: observe, durability: deferred}}]
tenants: [{{name: t, key_sha256: [{hashlib.sha256(KEY.encode()).hexdigest()}], routes: [table]}}]
"""
    (work / "cordon.yaml").write_text(config)
    with open(work / "node.log", "w") as log:
        node = subprocess.Popen(
            [binary, "serve", "--config", work / "cordon.yaml", "--data", work / "data",
             "--admin-token-file", work / "token", "--addresses-file", work / "addresses"],
            stdout=log, stderr=log)
    try:
        for _ in range(1200):
            if (work / "addresses").exists() and (work / "addresses").stat().st_size:
                break
            if node.poll() is not None:
                sys.exit("detection_table: the node did not start: " + (work / "node.log").read_text()[-800:])
            time.sleep(0.05)
        gateway = json.loads((work / "addresses").read_text())["gateway"]
        ids = send_all(rows, gateway, senders)
        time.sleep(0.5)
    finally:
        node.send_signal(signal.SIGTERM)
        node.wait(60)
        server.shutdown()
    return ids


def read_hits(binary, data, ids):
    """For each row the rules that matched, per direction: ([request hits], [answer hits])."""
    journal = data / "journal" if (data / "journal").is_dir() else data
    exchanges, requests, answers = {}, {}, {}
    for kind in ("decision", "response_end"):
        shown = subprocess.run([binary, "journal", "show", journal, "--kind", kind, "--json",
                                "--limit", "10000000"], capture_output=True, text=True)
        if shown.returncode != 0:
            sys.exit("detection_table: " + shown.stderr)
        for line in shown.stdout.splitlines():
            entry = json.loads(line)
            entry = entry.get("entry", entry)
            if kind == "decision":
                exchanges[entry["id"]] = entry["exchange"]
                requests[entry["exchange"]] = entry["rules"]
            else:
                answers[entry["exchange"]] = [h for h in entry["rules"] if h.get("on") != "request"]
    hits = []
    for id_ in ids:
        exchange = exchanges.get(id_)
        if exchange is None or exchange not in answers:
            sys.exit(f"detection_table: no record of decision {id_}")
        hits.append((requests[exchange], answers[exchange]))
    return hits


def share(hit, of):
    return f"{hit:6} / {of:6} {100 * hit / of:6.2f} %" if of else "     - /      -      -"


class Count:
    def __init__(self):
        self.of = self.hit = self.stopped = 0

    def add(self, found, stopped):
        self.of += 1
        self.hit += found
        self.stopped += stopped


def tally(rows, hits):
    counts = collections.defaultdict(Count)
    rules = collections.defaultdict(collections.Counter)
    views = collections.Counter()
    for row, (request, answer) in zip(rows, hits):
        own = answer if row["role"] == "assistant" else request
        live = [h for h in own if h["state"] == "live"]
        label, role = row["label"], row["role"]
        kind = CLASS_OF.get(label)
        mine = [h for h in live if kind is None or h["class"] == kind]
        stopped = any(h["verdict"] in ("redact", "block") for h in mine)
        for key in {(label, ""), (label, role), (label, "  " + str(row.get("slice", "")))}:
            if key[1] != "  ":
                counts[key].add(bool(mine), stopped)
        for name in CLASSES:
            of_class = [h for h in live if h["class"] == name]
            if label == "benign":
                counts[("false", name, role)].add(bool(of_class), False)
                counts[("false", name, "")].add(bool(of_class), False)
            elif kind == name and (label != "unsafe" or role == "assistant"):
                counts[("true", name, role)].add(bool(of_class), False)
                counts[("true", name, "")].add(bool(of_class), False)
        for hit in live:
            rules[hit["rule"]][label] += 1
            if hit.get("view"):
                views[hit["view"]] += 1
    return counts, rules, views


def print_table(counts, rules, views, details):
    print("class                    role        recall                      benign found                precision")
    for name in CLASSES:
        for role in ("", "user", "tool", "assistant"):
            true, false = counts[("true", name, role)], counts[("false", name, role)]
            if not true.of and not false.hit:
                continue
            precision = f"{true.hit / (true.hit + false.hit):.3f}" if true.hit + false.hit else "    -"
            print(f"{name:24} {role or 'all':9} {share(true.hit, true.of)}   {share(false.hit, false.of)}   {precision}")
    print("\nlabel                                 any rule of its class       redacted or blocked")
    for key in sorted(k for k in counts if len(k) == 2):
        count = counts[key]
        if key[1].startswith("  ") and not details and key[0] not in ("benign",):
            continue
        print(f"{key[0]:10} {key[1] or 'all':24} {share(count.hit, count.of)}   {share(count.stopped, count.of)}")
    print("\nmatches that showed only in a view: " +
          (", ".join(f"{view} {count}" for view, count in views.most_common()) or "none"))
    if details:
        print("\nrule                               texts by label")
        for rule in sorted(rules):
            found = " ".join(f"{label}={n}" for label, n in rules[rule].most_common())
            print(f"{rule:34} {found}")


def check(counts):
    """The floors. Answers with what was missed."""
    benign, secret = counts[("benign", "")], counts[("secret", "")]
    missed = []
    if benign.of and benign.hit > 0.02 * benign.of:
        missed.append(f"benign texts found: {share(benign.hit, benign.of)}, at most 2 %")
    if secret.of and secret.hit < 0.7 * secret.of:
        missed.append(f"secrets found: {share(secret.hit, secret.of)}, at least 70 %")
    return missed


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    root = pathlib.Path(__file__).resolve().parent.parent
    parser.add_argument("binary")
    parser.add_argument("--texts", type=pathlib.Path,
                        default=root.parent / "shared/data/detection/dev.jsonl.gz")
    parser.add_argument("--sample", type=int, default=0, help="so many texts, chosen by --seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--senders", type=int, default=8)
    parser.add_argument("--details", action="store_true", help="every slice and every rule")
    parser.add_argument("--check", action="store_true", help="fail below the floors")
    options = parser.parse_args()
    if not options.texts.exists():
        print(f"detection_table: skipped, no texts at {options.texts}")
        return 0
    rows = read_texts(options.texts, options.sample, options.seed)
    binary = str(pathlib.Path(options.binary).resolve())
    with tempfile.TemporaryDirectory() as directory:
        work = pathlib.Path(directory)
        began = time.time()
        ids = run_gateway(binary, rows, work, options.senders)
        took = time.time() - began
        hits = read_hits(binary, work / "data", ids)
    counts, rules, views = tally(rows, hits)
    print(f"{len(rows)} texts of {options.texts.name} through the gateway in {took:.0f} s\n")
    print_table(counts, rules, views, options.details)
    missed = check(counts) if options.check else []
    for line in missed:
        print("below the floor: " + line)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
