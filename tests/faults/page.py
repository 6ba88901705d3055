#!/usr/bin/env python3
"""Writes book/src/what-can-go-wrong.md from the results in results/*.jsonl.

    tests/faults/page.py [--flow FILE] [--check]

`--flow` takes flow's results from a run just made; what that run has skipped stays as it is on
record. `--check` writes nothing: it exits with 1 when the page is not what the results say.
"""
import argparse
import difflib
import json
import sys
from itertools import groupby
from pathlib import Path

import families  # noqa: F401
from harness import engine as engines
from harness.story import FAMILIES, SCENARIOS
from run import NEEDS_CONTENTS

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent.parent / "book/src/what-can-go-wrong.md"
PEERS = ["make", "ninja", "snakemake", "ruffus"]

HEAD = """\
# What can go wrong

<!-- Written by tests/faults/page.py from measured results: edit that, or a scenario, not this page. -->

Power fails, disks fill up, somebody presses Ctrl-C twice, a file is called `-rf`. This page lists {n} such
cases in {n_families} families, and what flow and four others make of each. They are injected by
`tests/faults/run.sh`, which needs nothing but Python: each row is a small function there that says what
is done and what must hold. CI runs them all against flow and compares this page with what came out.

"ok" means that everything below a table holds; otherwise the first thing that went wrong is told, and how
many of the demands were missed. "–" means that the engine has nothing to which the case applies.
Some demands are flow's own policy rather than faults of others: that an output which was edited by hand is
noticed, for one.

The others were measured once, with their defaults: {versions}.
Makefiles have `.DELETE_ON_ERROR:`, as careful authors write; without it more goes wrong. In all, of the
demands that apply, these hold:

{totals}

flow ran with its defaults. Cases that only contents can tell are marked `level 4`: they hold with
`--checksum-level 4` or `checksum_level = 4` in the workflow, not by default.
"""


def parse():
    parser = argparse.ArgumentParser(description="the book's page of what can go wrong")
    parser.add_argument("--flow", type=Path, help="flow's results of a run just made")
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    return parser.parse_args()


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def results(flow):
    """By engine, then by family and title; a later file counts for more."""
    found = {}
    for path in sorted((HERE / "results").glob("*.jsonl")) + ([flow] if flow else []):
        for one in read(path):
            of_engine = found.setdefault(one["engine"], {})
            key = one["family"], one["title"]
            if "skipped" in one and key in of_engine:
                continue
            of_engine[key] = one
    return found


def cell(result):
    if result is None:
        return "not run"
    missed = [check for check in result["checks"] if not check["ok"]]
    if "broken" in result:
        return "the suite itself broke"
    if not result["checks"]:
        return "–"
    if not missed:
        return "ok"
    more = f" ({len(missed)} of {len(result['checks'])} missed)" if len(result["checks"]) > 1 else ""
    return f"**{missed[0]['wrong']}**{more}"


def flow_cell(found, key):
    default, contents = (cell(found.get(name, {}).get(key)) for name in ("flow", "flow-level-4"))
    if key in NEEDS_CONTENTS and contents == "ok":
        return "level 4"
    return default if contents in ("ok", "–", "not run") else contents


def demands(found, key):
    """What must hold, from whichever engine was asked for most."""
    tried = [own[key]["checks"] for own in found.values() if key in own]
    return [check["holds"] for check in max(tried, key=len, default=[])]


def figures(found, key):
    """What was measured in a slow scenario, in words."""
    told = []
    for name in ["flow", *PEERS]:
        result = found.get(name, {}).get(key, {})
        facts = result.get("facts", {})
        # Of one that broke down it says nothing how long that took.
        if facts and result["checks"][0]["ok"]:
            told.append(f"{engines.load()[name].get('title')} {facts['seconds']:g} s and {facts['peak_mib']} MiB")
    return ", ".join(told)


def total(found, name):
    checks = [check for one in found.get(name, {}).values() for check in one["checks"]]
    return f"{sum(check['ok'] for check in checks)} of {len(checks)}"


def version(found, name):
    return next((one["version"] for one in found.get(name, {}).values()), "?")


def page(found):
    titles = {name: one.get("title") for name, one in engines.load().items()}
    names = ["flow", "flow-level-4", *PEERS]
    totals = "| " + " | ".join(titles[name] for name in names) + " |\n" + "| --- " * len(names) + "|\n"
    totals += "| " + " | ".join(total(found, name) for name in names) + " |"
    versions = ", ".join(f"{titles[name]} {version(found, name)}" for name in PEERS)
    told = {one.family for one in SCENARIOS}
    parts = [HEAD.format(n=len(SCENARIOS), n_families=len(told), versions=versions, totals=totals)]
    for family, title in FAMILIES.items():
        scenarios = [one for one in SCENARIOS if one.family == family]
        parts.append(f"\n## {title}\n\n| what happens | flow | {' | '.join(titles[name] for name in PEERS)} |\n")
        parts.append("| --- " * (2 + len(PEERS)) + "|\n")
        for one in scenarios:
            key = family, one.title
            cells = [flow_cell(found, key), *(cell(found.get(name, {}).get(key)) for name in PEERS)]
            injected = f"**{one.title}**: {one.injected}".replace("|", "\\|")
            parts.append(f"| {injected} | {' | '.join(cells)} |\n")
        parts.append("\nMust hold:\n\n")
        for wanted, same in groupby(scenarios, lambda one: demands(found, (family, one.title))):
            titles_of_same = ", ".join(one.title for one in same)
            parts.append(f"- {titles_of_same}: {'; '.join(wanted)}.\n")
        for one in scenarios:
            if one.is_slow and (measured := figures(found, (family, one.title))):
                parts.append(f"\nMeasured with {one.title}, on two cores that were busy with other work: {measured}.\n")
    return "".join(parts)


def main():
    args = parse()
    text = page(results(args.flow))
    if not args.check:
        PAGE.write_text(text)
        return 0
    before = PAGE.read_text() if PAGE.exists() else ""
    difference = difflib.unified_diff(before.splitlines(), text.splitlines(), "the page", "the results", lineterm="", n=0)
    for line in difference:
        print(line)
    return int(before != text)


if __name__ == "__main__":
    sys.exit(main())
