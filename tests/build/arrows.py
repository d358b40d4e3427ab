#!/usr/bin/env python3
"""Compares every #include of modules/ and pipelines/ with the table of arrows in modules/README.md.

usage: arrows.py REPOSITORY   (exit 1 and one line per forbidden include when something is wrong)
"""
import pathlib
import re
import sys

top = pathlib.Path(sys.argv[1])
modules = {p.parent.name for p in top.glob("modules/*/CMakeLists.txt")}
allowed = {}
for line in (top / "modules/README.md").read_text().splitlines():
    cells = [c.strip() for c in line.split("|")]
    if len(cells) == 5 and cells[1] in modules | {"pipelines"}:
        allowed[cells[1]] = set(re.findall(r"[a-z]+", cells[2]))
wrong = [f"{name}: no row in modules/README.md" for name in sorted(modules - allowed.keys())]
declared = {
    p.parent.name: re.search(r"DEPENDS ([a-z ]+?)(?: LIBRARIES|\))", p.read_text())
    for p in top.glob("modules/*/CMakeLists.txt")
}
for name, match in declared.items():
    extra = set(match.group(1).split()) - allowed.get(name, set()) if match else set()
    if extra:
        wrong.append(f"{name}/CMakeLists.txt: DEPENDS {sorted(extra)} is not in the table")
for path in sorted([*top.glob("modules/**/*.h"), *top.glob("modules/**/*.cpp"), *top.glob("modules/**/*.cu")]):
    owner = path.relative_to(top / "modules").parts[0]
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*"([a-z_]+)/', line)
        if not found:
            continue
        target = found.group(1)
        if target == "pipelines" or (target in modules and target != owner and target not in allowed.get(owner, set())):
            wrong.append(f"{path.relative_to(top)}:{number}: {owner} may not include {target}")
        if target == "torch" and "runtime" not in allowed.get(owner, set()) and owner != "runtime":
            wrong.append(f"{path.relative_to(top)}:{number}: {owner} is free of torch")
print("\n".join(wrong) or f"arrows: {len(modules)} modules, every include is allowed")
sys.exit(1 if wrong else 0)
