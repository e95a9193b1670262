#!/usr/bin/env python3
"""Holds docs/capabilities.md against the tests: a green row names a happy test and a bad-input
test, and both exist. Prints how many rows are green."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
ROWS = ("S1–S2 S3a/b S4 S5 S6 S7 S8 S9–S10 S11 S12 S13 S14 S15–S16 S17 S18 S19 S20a/b S21 S22 S23 S24 S25 "
        "S26 S27 S28 S29 S30 S31 S32 S33 S34 S35 S36 S37 S38–S39 S40–S41 S42 S43 S44 S45 S46 S47–S48 "
        "S49 S50 S51 S52 S53–S54 S55–S56 S57 S58 S59 S60 S61a/b S62–S64 S65a/b S66").split()


def tests_in_tree():
    """Every test that a row may name: Suite.Name, or a case of the end-to-end run."""
    names = set()
    files = subprocess.run(["git", "ls-files", "src", "tests"], cwd=ROOT, capture_output=True,
                           text=True, check=True).stdout.split("\n")
    for name in files:
        path = ROOT / name
        if path.suffix == ".cc":
            for suite, test in re.findall(r"TEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\s*\)", path.read_text()):
                names.add(f"{suite}.{test}")
        elif name.startswith("tests/e2e/"):
            names.update(f"e2e.{case}" for case in re.findall(r"\bcase (\w+)", path.read_text()))
            names.update(f"e2e.{case}" for case in re.findall(r"test\(['\"](\w+)['\"]", path.read_text()))
    return names


def main():
    known, faults, green, seen = tests_in_tree(), [], 0, []
    for line in (ROOT / "docs/capabilities.md").read_text().split("\n"):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) != 5 or cells[0] not in ROWS:
            continue
        seen.append(cells[0])
        if cells[4] != "green":
            if not cells[4].startswith("not yet"):
                faults.append(f"{cells[0]}: the state is 'green' or 'not yet ...', found '{cells[4]}'")
            continue
        green += 1
        for what, cell in (("happy", cells[2]), ("bad-input", cells[3])):
            named = re.findall(r"`([^`]+)`", cell)
            if not named:
                faults.append(f"{cells[0]}: green without a {what} test")
            faults += [f"{cells[0]}: no test called {test}" for test in named if test not in known]
    faults += [f"{row}: missing from the table" for row in ROWS if row not in seen]
    faults += [f"{row}: stands twice" for row in set(seen) if seen.count(row) > 1]
    print("\n".join(faults) or f"capabilities: {green} of {len(ROWS)} rows green")
    return bool(faults)


sys.exit(main())
