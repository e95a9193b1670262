#!/usr/bin/env python3
"""Fails when an include goes against cmake/Layers.cmake, or the layers have a cycle."""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
LAYERS = (ROOT / "cmake/Layers.cmake").read_text()
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
DEPS = {m: set(d.split()) for m, d in re.findall(r"set\(CORDON_DEPS_(\w+)([^)]*)\)", LAYERS)}
ONLY = {p: set(d.split()) for p, d in re.findall(r"set\(CORDON_ONLY_([\w/.]+)([^)]*)\)", LAYERS)}


def closed_order():
    """Modules from the bottom up; whatever is left over stands on a cycle."""
    left, order = dict(DEPS), []
    while ready := sorted(m for m, deps in left.items() if not deps & left.keys()):
        order += ready
        left = {m: deps for m, deps in left.items() if m not in ready}
    return order, sorted(left)


def faults_of(path):
    module, text = path.relative_to(ROOT / "src").parts[0], path.read_text()
    test = path.stem.endswith("_test")
    for quote, target in INCLUDE.findall(text):
        head = target.split("/")[0]
        if head in DEPS and head != module:
            if head not in DEPS[module]:
                yield f"{module} must not include {head} ({target})"
            elif "/internal/" in target:
                yield f"{target} is private to {head}"
        for prefix, owners in ONLY.items():
            behind = target == prefix or target.startswith(prefix + "/")
            if behind and module not in owners and not test:
                yield f"<{target}> belongs behind {', '.join(sorted(owners))}"


order, cycle = closed_order()
faults = [f"layers: cycle through {', '.join(cycle)}"] if cycle else []
for path in sorted((ROOT / "src").rglob("*")):
    if path.suffix in {".h", ".cc"}:
        faults += [f"{path.relative_to(ROOT)}: {fault}" for fault in faults_of(path)]
print("\n".join(faults) or "layers hold: " + " < ".join(order))
sys.exit(bool(faults))
