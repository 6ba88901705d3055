#!/usr/bin/env python3
"""Tells every scenario to every engine asked for, and says what does not hold.

    tests/faults/run.py [FAMILY…] [--engine NAME…] [--only TEXT] [--slow] [--out FILE]

Exits with 1 when a check does not hold for an engine whose checks are required to (flow's).
"""
import argparse
import json
import os
import signal
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed

import families  # noqa: F401
from harness import engine as engines
from harness.story import FAMILIES, SCENARIOS, play

#: What flow is run as when nobody says.
DEFAULT = ["flow", "flow-level-4"]

#: What does not hold at flow's default level: what only contents can tell.
NEEDS_CONTENTS = {
    ("F8", "a change that size and time hide"),
    ("F8", "a mere touch"),
    ("F8", "the tree is copied without its times"),
    ("F12", "a folder as input"),
}


def is_required(result):
    name = result["engine"]
    if not name.startswith("flow"):
        return False
    return name != "flow" or (result["family"], result["title"]) not in NEEDS_CONTENTS


def arguments():
    parser = argparse.ArgumentParser(description="what can go wrong, and what engines make of it")
    parser.add_argument("family", nargs="*", help="only these, as F1; all without")
    parser.add_argument("--engine", action="append", help="a name of engines.toml, again for more")
    parser.add_argument("--only", default="", help="scenarios whose titles contain this")
    parser.add_argument("--slow", action="store_true", help="the slow scenarios too")
    parser.add_argument("--list", action="store_true", help="only list the scenarios")
    parser.add_argument("--out", help="write results here, as JSON Lines")
    parser.add_argument("-j", "--jobs", type=int, default=3, help="so many at once: most of the time is waiting")
    return parser.parse_args()


def chosen(args):
    unknown = set(args.family) - set(FAMILIES)
    if unknown:
        sys.exit(f"error: no such family: {', '.join(sorted(unknown))} (there are {', '.join(FAMILIES)})")
    found = [one for one in SCENARIOS if (not args.family or one.family in args.family)
             and args.only in one.title and (args.slow or not one.is_slow)]
    return sorted(found, key=lambda one: list(FAMILIES).index(one.family))


def lasting(result):
    """What stays true: less the places and times of this run."""
    checks = [{name: check[name] for name in ("holds", "ok", "wrong")} for check in result["checks"]]
    rest = {name: value for name, value in result.items() if name not in ("checks", "seconds")}
    return {**rest, "checks": checks}


def play_number(at, engine):
    """In another process, where a function goes by its number."""
    return play(SCENARIOS[at], engine)


def show(result):
    """One line, and one more for each check that does not hold."""
    checks = result["checks"]
    n_held = sum(check["ok"] for check in checks)
    told = f"{n_held}/{len(checks)}" if "skipped" not in result else f"skipped: needs {result['skipped']}"
    print(f"{result['family']:4} {result['engine']:13} {result['title'][:48]:48} {told:8} {result.get('seconds', 0):6.1f} s", flush=True)
    for check in checks:
        if not check["ok"]:
            print(f"       not so: {check['holds']}: {check['wrong']}  [{check['detail']}]", flush=True)
    if "broken" in result:
        print(result["broken"], flush=True)


def main():
    args = arguments()
    scenarios = chosen(args)
    if args.list:
        for one in scenarios:
            print(f"{one.family:4} {one.title}: {one.injected}{' (slow)' if one.is_slow else ''}")
        return 0
    # An ignored signal would be inherited by all that is started here.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTSTP):
        signal.signal(number, signal.SIG_DFL)
    known = engines.load()
    wanted = [known[name] for name in args.engine or DEFAULT]
    versions = {one.name: one.version() for one in wanted}
    for one in wanted:
        if versions[one.name] is None:
            sys.exit(f"error: {one.get('title')} is not installed")
    if os.geteuid() != 0:
        n_skipped = sum("root" in one.needs or any(need.startswith("cgroup") for need in one.needs) for one in scenarios)
        print(f"WARNING: not root, so {n_skipped} scenarios are skipped for each engine", flush=True)
    results = []
    with ProcessPoolExecutor(args.jobs) as pool:
        played = [pool.submit(play_number, SCENARIOS.index(one), engine) for one in scenarios for engine in wanted]
        for done in as_completed(played):
            result = done.result()
            result["version"] = versions[result["engine"]]
            results.append(result)
            show(result)
    order = {(engine.name, one.title): n for n, (engine, one) in enumerate((e, s) for e in wanted for s in scenarios)}
    results.sort(key=lambda result: order[result["engine"], result["title"]])
    if args.out:
        with open(args.out, "w") as file:
            file.writelines(json.dumps(lasting(result), ensure_ascii=False) + "\n" for result in results)
    n_wrong = 0
    for engine in wanted:
        own = [result for result in results if result["engine"] == engine.name]
        checks = [check for result in own for check in result["checks"]]
        n_skipped = sum("skipped" in result for result in own)
        n_wrong += sum(not check["ok"] for result in own if is_required(result) for check in result["checks"])
        n_wrong += sum("broken" in result for result in own)
        print(f"{engine.get('title')} {versions[engine.name]}: {sum(check['ok'] for check in checks)} of {len(checks)} checks hold, "
              f"{len(own)} scenarios, {n_skipped} skipped")
    if n_wrong:
        print(f"error: {n_wrong} checks that must hold do not")
        for result in results:
            if is_required(result) and not all(check["ok"] for check in result["checks"]) or "broken" in result:
                show(result)
    return 1 if n_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
