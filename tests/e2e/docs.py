#!/usr/bin/env python3
"""Runs what the README tells people to type: tests/e2e/docs.py BINARY [CASE...]

The configuration, every `cordon` command, the curl request and the SDK snippet are taken from the
README as they stand there; only addresses, keys and the incident's id are filled in."""
import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BINARY = os.path.realpath(sys.argv[1])
WORK = pathlib.Path(tempfile.mkdtemp())
README = (ROOT / "README.md").read_text()
children = []


class Wrong(Exception):
    pass


def check(claim, otherwise):
    if not claim:
        raise Wrong(str(otherwise)[:1500])


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.M | re.S)


def commands():
    """Every line of the README's sh blocks, continued lines joined, comments cut off."""
    for block in blocks("sh"):
        for line in block.replace("\\\n", " ").splitlines():
            line = re.sub(r"\s+#.*$", "", line).strip()
            if line:
                yield line


def start(*words, **options):
    child = subprocess.Popen([BINARY, *words], cwd=WORK, **options)
    children.append(child)
    return child


def until(claim, what, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = claim()
        if value:
            return value
        time.sleep(0.1)
    raise Wrong(f"{what} did not come to pass in {seconds} s")


def run(line, env):
    ran = subprocess.run(["bash", "-c", line], cwd=WORK, env=env, capture_output=True, text=True,
                         timeout=60)
    check(ran.returncode == 0, f"{line}\n    ended with {ran.returncode}: {ran.stdout[-400:]}{ran.stderr[-600:]}")
    return ran.stdout


def node():
    """A node with the README's configuration, and its environment."""
    (WORK / "bin").mkdir(exist_ok=True)
    if not (WORK / "bin/cordon").exists():
        (WORK / "bin/cordon").symlink_to(BINARY)
    env = dict(os.environ, PATH=f"{WORK}/bin:{os.environ['PATH']}", OPENAI_API_KEY="none")
    sim = start("sim", "--seed", "1", stdout=subprocess.PIPE, text=True)
    upstream = sim.stdout.readline().strip()
    made = json.loads(run("cordon key new --json", env))
    config = [text for text in blocks("yaml") if "providers:" in text][0]
    check("https://api.openai.com/v1" in config and "<the hash" in config, "the README's configuration")
    config = config.replace("https://api.openai.com/v1", f"{upstream}/v1")
    config = re.sub(r"<the hash[^>]*>", made["key_sha256"], config)
    (WORK / "cordon.yaml").write_text(config + 'listen: {gateway: "127.0.0.1:0", control: "127.0.0.1:0"}\n')
    run("cordon config check cordon.yaml", env)
    log = open(WORK / "node.log", "wb")
    start("serve", "--config", "cordon.yaml", "--addresses-file", str(WORK / "addresses.json"),
          stdout=log, stderr=log, env=env)
    until(lambda: (WORK / "addresses.json").exists() and (WORK / "addresses.json").stat().st_size,
          "the node's start")
    at = json.loads((WORK / "addresses.json").read_text())
    token = re.search(r"^(\S*cordon\S*|\S{20,})$", (WORK / "node.log").read_text().split("hash:\n")[1], re.M)[1]
    env.update(CORDON_SERVER="http://" + at["control"], CORDON_TOKEN=token,
               CORDON_TENANT_KEY=made["key"])
    return at, env


# case docs_commands_of_the_readme_work
def case_docs_commands_of_the_readme_work():
    at, env = node()
    gateway = "http://" + at["gateway"]
    run("cordon signal report --class data_leakage --scope route=support --summary 'the README'", env)
    incident = until(lambda: [one["id"] for one in json.loads(run("cordon incident list --json", env))["items"]],
                     "an incident")[0]
    ran = {"cordon": 0, "curl": 0, "dev": 0}
    for line in commands():
        words = shlex.split(line)
        line = re.sub(r"INC-\d{4}-\d{5}", incident, line).replace("http://127.0.0.1:8080", gateway)
        if words[0] == "export" or "serve" in words[:2] or "new" in words[:3]:
            continue  # what node() did already
        if words[0] == "./dev":
            helped = subprocess.run([ROOT / "dev", words[1], "--help"], capture_output=True, text=True)
            check(helped.returncode == 0 and "usage" in helped.stdout, line)
            ran["dev"] += 1
        elif words[0] == "curl":
            answer = json.loads(run(line, env))
            check(answer["choices"][0]["message"]["content"], answer)
            ran["curl"] += 1
        else:
            check(words[0] == "cordon", f"no test knows how to run: {line}")
            if words[1] == "verify":
                # The bundle lies where `evidence freeze` said; a person copies it from there.
                frozen = next((WORK / "cordon-data/evidence").rglob(f"{incident}.tar"))
                shutil.copy(frozen, WORK)
            run(line, env)
            ran["cordon"] += 1
    check(ran["cordon"] >= 10 and ran["curl"] == 1 and ran["dev"] >= 2, ran)
    snippet = blocks("js")[0].replace("http://127.0.0.1:8080", gateway)
    # The README has switched the route off by now; the snippet speaks to another node of its kind.
    check("baseURL" in snippet and "support" in snippet, snippet)


# case docs_sdk_snippet_of_the_readme_works
def case_docs_sdk_snippet_of_the_readme_works():
    for child in children:
        child.kill()
        child.wait()
    shutil.rmtree(WORK / "cordon-data", ignore_errors=True)
    (WORK / "addresses.json").unlink(missing_ok=True)
    at, env = node()
    modules = ROOT / "tests/e2e/sdk"
    if not (modules / "node_modules/openai").exists():
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"],
                       cwd=modules, check=True, timeout=120)
    snippet = blocks("js")[0].replace("http://127.0.0.1:8080", "http://" + at["gateway"])
    script = WORK / "snippet.mjs"
    script.write_text(snippet + "\nconsole.log(answer.choices[0].message.content);\n")
    (WORK / "node_modules").symlink_to(modules / "node_modules")
    check(len(run("node snippet.mjs", env)) > 20, "no answer")


def main():
    cases = [(name[5:], case) for name, case in globals().items() if name.startswith("case_")]
    failed = 0
    for name, case in cases:
        if sys.argv[2:] and name not in sys.argv[2:]:
            continue
        began = time.monotonic()
        print(f"e2e {name}", flush=True)
        try:
            case()
            print(f"    ok, {time.monotonic() - began:.0f} s", flush=True)
        except (Wrong, subprocess.SubprocessError, OSError, KeyError, IndexError, StopIteration) as fault:
            failed += 1
            print(f"    {type(fault).__name__}: {fault}\n    FAILED", flush=True)
    print(f"e2e docs: {len(cases) - failed} passed, {failed} failed")
    return failed


try:
    status = main()
finally:
    for child in children:
        child.kill()
        child.wait()
    shutil.rmtree(WORK, ignore_errors=True)
sys.exit(1 if status else 0)
