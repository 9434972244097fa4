#!/usr/bin/python3
"""CITATION.cff, CHANGELOG.md and meson.build name the same version, and the citation has what its format asks for.

Usage: test_citation.py SOURCE VERSION. TAP on stdout.
"""
import pathlib
import re
import sys


def main():
    source, version = pathlib.Path(sys.argv[1]), sys.argv[2]
    citation = (source / "CITATION.cff").read_text(encoding="utf-8")
    keys = dict(re.findall(r"^([a-z-]+):[ \t]*(.*)$", citation, re.M))
    # required by the Citation File Format 1.2.0, sections "cff-version", "message", "title" and "authors"
    checks = [("keys", {"cff-version", "message", "title", "authors", "version", "license"} <= set(keys) and keys["cff-version"] == "1.2.0"),
              ("authors", re.search(r"^authors:\n  - (name|family-names): \S", citation, re.M)),
              ("version", keys["version"] == version),
              ("yaml", "\t" not in citation and all(not re.match(r"[^#\s-][^:]*: .*: ", line) or '"' in line for line in citation.splitlines())),
              ("licence", keys["license"] == "GPL-3.0-or-later"),
              ("changes", f"\n## {version}" in (source / "CHANGELOG.md").read_text(encoding="utf-8"))]
    print(f"1..{len(checks)}")
    for number, (name, holds) in enumerate(checks, 1):
        print(f"{'ok' if holds else 'not ok'} {number} - citation:{name}")
    return 0 if all(holds for _, holds in checks) else 1


sys.exit(main())
