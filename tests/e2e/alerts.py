#!/usr/bin/env python3
"""Debian's Prometheus and Alertmanager against the built node: they scrape both listeners, a rule on
a Cordon metric fires, the webhook opens exactly one incident, however often it is sent again and by
two Alertmanagers; what is resolved opens and reopens nothing.

usage: CORDON_BINARY=... tests/e2e/alerts.py DIR"""
import hashlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

KEY = "ck-alerts-tenant-key"
work = pathlib.Path(sys.argv[1])
binary = os.environ["CORDON_BINARY"]
children = []


def start(name, *command):
    log = open(work / f"{name}.log", "ab")
    child = subprocess.Popen(command, stdout=log, stderr=log, cwd=work)
    children.append(child)
    return child


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def call(url, body=None, token=None):
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=5) as answer:
            text = answer.read().decode()
    except urllib.error.HTTPError as refused:
        raise OSError(f"{url}: {refused.code} {refused.read()[:300]}") from refused
    return json.loads(text) if text[:1] in "[{" else text


def until(what, look, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            found = look()
        except OSError:
            found = None
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"not in {seconds} s: {what}")


def start_node():
    sim = subprocess.Popen([binary, "sim", "--seed", "3"], stdout=subprocess.PIPE, text=True)
    children.append(sim)
    upstream = sim.stdout.readline().strip()
    (work / "cordon.yaml").write_text(f"""
node: alerts
listen: {{gateway: "127.0.0.1:0", control: "127.0.0.1:0"}}
threads: 1
providers: [{{name: sim, base_url: "{upstream}/v1"}}]
routes: [{{name: support, targets: [{{provider: sim, model: sim-small}}]}}]
tenants: [{{name: acme, key_sha256: [{hashlib.sha256(KEY.encode()).hexdigest()}], routes: [support]}}]
""")
    start("node", binary, "serve", "--config", "cordon.yaml", "--data", "data",
          "--admin-token-file", "admin.token", "--addresses-file", "addresses.json")
    until("the node listens", lambda: (work / "addresses.json").exists())
    addresses = json.loads((work / "addresses.json").read_text())
    admin = (work / "admin.token").read_text().strip()
    return addresses["gateway"], addresses["control"], admin


def mint(control, admin):
    sender = call(f"http://{control}/api/v1/tokens",
                  {"person": "alertmanager", "roles": ["ingest"], "expires_in": "1h"}, admin)
    (work / "sender.token").write_text(sender["token"])


def start_alertmanager(name, control, peer=None):
    port, cluster = free_port(), free_port()
    (work / f"{name}.yml").write_text(f"""
route: {{receiver: cordon, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1s}}
receivers:
  - name: cordon
    webhook_configs:
      - url: http://{control}/api/v1/ingest/alertmanager
        send_resolved: true
        http_config: {{authorization: {{credentials_file: {work}/sender.token}}}}
""")
    command = ["prometheus-alertmanager", f"--config.file={name}.yml", f"--storage.path={name}.data",
               f"--web.listen-address=127.0.0.1:{port}", f"--cluster.listen-address=127.0.0.1:{cluster}",
               f"--cluster.advertise-address=127.0.0.1:{cluster}", "--cluster.settle-timeout=0s",
               "--cluster.peer-timeout=0s"]
    if peer:
        command.append(f"--cluster.peer=127.0.0.1:{peer}")
    start(name, *command)
    until(f"{name} is ready", lambda: call(f"http://127.0.0.1:{port}/-/ready"))
    return port, cluster


def start_prometheus(gateway, control, alertmanagers):
    port = free_port()
    targets = ", ".join(f'"127.0.0.1:{one}"' for one in alertmanagers)
    (work / "prometheus.yml").write_text(f"""
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: [{targets}]}}]}}]}}
scrape_configs:
  - {{job_name: gateway, static_configs: [{{targets: ["{gateway}"]}}]}}
  - {{job_name: control, static_configs: [{{targets: ["{control}"]}}]}}
""")
    # It fires once three exchanges were answered and until the tenth, and while the control
    # listener can be scraped: one rule over both.
    (work / "rules.yml").write_text("""
groups:
  - name: cordon
    rules:
      - alert: TooManyAnswers
        expr: >
          sum(cordon_exchanges_total{job="gateway",end="complete"}) >= 3
          and sum(cordon_exchanges_total{job="gateway",end="complete"}) < 10
          and on() sum(cordon_journal_entries_durable{job="control"}) > 0
        labels: {severity: critical, cordon_class: unsafe_output, route: support}
        annotations: {summary: more answers than there should be}
""")
    start("prometheus", "prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb",
          f"--web.listen-address=127.0.0.1:{port}", "--rules.alert.resend-delay=1s", "--log.level=warn")
    until("prometheus is ready", lambda: call(f"http://127.0.0.1:{port}/-/ready"))
    return port


def ask(gateway, count):
    for _ in range(count):
        call(f"http://{gateway}/v1/chat/completions",
             {"model": "support", "messages": [{"role": "user", "content": "hi"}]}, KEY)


def outcomes(control):
    text = call(f"http://{control}/metrics")
    return {line.split('"')[1]: int(line.split()[-1]) for line in text.splitlines()
            if line.startswith("cordon_ingest_alerts_total{")}


def main():
    work.mkdir(parents=True)
    gateway, control, admin = start_node()
    mint(control, admin)
    first, cluster = start_alertmanager("am-1", control)
    second, _ = start_alertmanager("am-2", control, cluster)
    prometheus = start_prometheus(gateway, control, [first, second])

    def incidents():
        return call(f"http://{control}/api/v1/incidents", token=admin)["items"]

    def up():
        found = call(f"http://127.0.0.1:{prometheus}/api/v1/query?query=up")["data"]["result"]
        return sorted(one["metric"]["job"] for one in found if one["value"][1] == "1")

    until("prometheus scrapes both listeners", lambda: up() == ["control", "gateway"])
    assert not incidents(), "nothing fires yet"
    ask(gateway, 4)
    until("an incident opened", incidents)
    until("the alert was sent again six times", lambda: outcomes(control)["repeated"] >= 6)
    found = incidents()
    assert len(found) == 1 and found[0]["class"] == "unsafe_output", found
    one = call(f"http://{control}/api/v1/incidents/{found[0]['id']}", token=admin)
    assert one["scope"] == "route=support" and one["severity"] == "SEV-1", one
    assert len(one["signals"]) == 1, one["signals"]
    signals = call(f"http://{control}/api/v1/signals", token=admin)["items"]
    assert signals[0]["source"] == "alert" and "graph" in signals[0]["evidence"], signals

    # A person looks and declines; what is sent again and what is resolved changes nothing.
    call(f"http://{control}/api/v1/incidents/{one['id']}/move",
         {"to": "declined", "reason": "a drill"}, admin)
    seen = outcomes(control)["repeated"]
    until("it is sent again after that", lambda: outcomes(control)["repeated"] >= seen + 2)
    ask(gateway, 7)
    until("the end was sent", lambda: outcomes(control)["ended"] == 1)
    time.sleep(1.5)
    found = incidents()
    assert len(found) == 1 and found[0]["state"] == "declined", found
    counts = outcomes(control)
    assert counts["taken"] == 1 and counts["refused"] == 0, counts
    print(f"    one incident of {counts['taken']} alert; {counts['repeated']} repetitions, "
          f"{counts['ended']} end, from two Alertmanagers")


try:
    main()
except (AssertionError, OSError) as fault:
    print(f"    {fault}")
    for log in sorted(work.glob("*.log")):
        print(f"    {log.name}: {log.read_text()[-600:]}")
    sys.exit(1)
finally:
    for child in reversed(children):
        child.terminate()
    for child in children:
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
