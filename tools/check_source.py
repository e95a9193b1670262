#!/usr/bin/env python3
"""Fails on banned words outside their door, long lines, undocumented public types, and files
that grew past their limit. Each rule says what to do instead."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
LINE_MAX = 100

# What is banned, the modules that may use it (tests may too where `tests` is named), and what
# to do instead.
BANNED = [
    (r"\b(?:system|steady|high_resolution)_clock::now", {"base"}, "take a Clock&"),
    (r"\bstd::j?thread\b", {"app", "journal", "net", "tests"}, "threads are started by app"),
    (r"\bstd::(?:shared_|recursive_)?mutex\b", {"base", "journal", "tests"}, "share immutable values"),
    (r"\bco_spawn\b", {"net"}, "use net::spawn"),
    (r"\bdetached\b", {"net"}, "spawn into a Scope"),
    (r"\bnew\s+[A-Za-z_:]+\s*[({\[<]", set(), "use make_unique"),
    (r"\bdelete\s+[a-z_]", set(), "use unique_ptr"),
    (r"\[=\]", set(), "name the captures"),
    (r"\bstd::regex\b", set(), "patterns go through policy"),
    (r"\bstd::cout\b", {"cli"}, "only the command line prints"),
    (r"\bgetenv\b", {"app", "tests"}, "app reads the environment"),
    (r"\bs?rand\(", set(), "take a Random&"),
]
SOFT = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b(?!\(#\d+\))")
TYPE = re.compile(r"^(?:class|struct|enum class)\s+([A-Z]\w+)[^;]*$")
PROCESS = re.compile(r"(?:^|[^A-Za-z0-9_.])/(?:work|tmp/wt)/")
LIMITS = [("_test.cc", 800), (".cc", 600), (".h", 300)]


def tracked(*patterns):
    out = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True,
                         check=True)
    return [ROOT / line for line in out.stdout.split("\n") if line]


def code_of(line):
    """The line without its comment and its string literals."""
    return re.sub(r'"(?:[^"\\]|\\.)*"', '""', line).split("//")[0]


def room_of(path):
    parts = path.relative_to(ROOT).parts
    return parts[1] if parts[0] == "src" else "tests"


def is_test(path):
    return path.name.endswith("_test.cc") or path.relative_to(ROOT).parts[0] != "src"


def faults_in_code(path, lines):
    room = room_of(path)
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_MAX:
            yield number, f"{len(line)} columns, at most {LINE_MAX}"
        code = code_of(line)
        for pattern, doors, instead in BANNED:
            allowed = room in doors or (is_test(path) and "tests" in doors)
            if not allowed and re.search(pattern, code):
                yield number, f"'{re.search(pattern, code).group(0)}' is banned here: {instead}"


def faults_in_header(lines):
    if not lines or not lines[0].startswith("//"):
        yield 1, "a header opens with what it is for"
    for number, line in enumerate(lines, 1):
        found = TYPE.match(line)
        if not found:
            continue
        above = number - 2
        while above >= 0 and lines[above].startswith("template"):
            above -= 1
        if above < 0 or not lines[above].lstrip().startswith("///"):
            yield number, f"the public type {found.group(1)} has no /// comment"


def main():
    faults = []
    for path in tracked("src/*.h", "src/*.cc", "tests/*.h", "tests/*.cc", "fuzz/*.cc", "bench/*.cc"):
        lines = path.read_text().split("\n")
        name = path.relative_to(ROOT)
        faults += [f"{name}:{n}: {what}" for n, what in faults_in_code(path, lines)]
        if path.suffix == ".h" and name.parts[0] == "src" and "internal" not in name.parts:
            faults += [f"{name}:{n}: {what}" for n, what in faults_in_header(lines)]
        for ending, most in LIMITS:
            if path.name.endswith(ending):
                if len(lines) > most + 1:
                    faults.append(f"{name}: {len(lines)} lines, at most {most}: split it by thought")
                break
    for path in tracked("*"):
        if path.suffix in {".png", ".gz", ".tar"} or not path.is_file():
            continue
        if "corpus" in path.parts or path.name == "check_source.py":
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.split("\n"), 1):
            if SOFT.search(line) and path.name != "STYLE.md":
                faults.append(f"{path.relative_to(ROOT)}:{number}: unfinished work needs an issue number")
            if PROCESS.search(line):
                faults.append(f"{path.relative_to(ROOT)}:{number}: a machine path")
    print("\n".join(faults) or "sources hold")
    return bool(faults)


sys.exit(main())
