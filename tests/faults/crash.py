#!/usr/bin/env python3
"""Stops an engine everywhere: at each system call on its state, by each error of such a call, and at
each image that a power cut may leave on disk. Whatever is left, the next run must go on by itself.

    tests/faults/crash.py [kill|error|image…] [--engine NAME…] [--every N]

Demands of every point: the next run ends well, with no step by hand; its result is right; one more
run has nothing to do; nothing breaks down or hangs. Needs strace. With `--every N` only each N-th
point is tried, the first and the last of a kind among them.
"""
import argparse
import re
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from harness import engine as engines
from harness import places, power
from harness.story import Story

#: What each call may fail with; those of the first list are also points to be killed at.
ERRORS = {
    "openat": ["EMFILE", "EACCES", "ENOSPC"], "write": ["ENOSPC", "EIO"], "pwrite64": ["ENOSPC", "EIO"],
    "fsync": ["EIO"], "fdatasync": ["EIO"], "ftruncate": ["EIO"], "fallocate": ["ENOSPC", "EOPNOTSUPP"],
    "rename": ["ENOSPC", "EACCES"], "renameat": ["ENOSPC", "EACCES"], "renameat2": ["EACCES"],
    "unlink": ["EACCES"], "unlinkat": ["EACCES"], "mkdir": ["ENOSPC"], "mkdirat": ["ENOSPC"], "flock": ["ENOLCK"],
    "link": ["EMLINK"], "linkat": ["EMLINK"], "bind": ["EADDRINUSE"], "read": ["EIO"],
}
#: Calls on paths that have the name of the run in them, which is another one each time.
UNNAMED = ("mkdirat", "renameat", "unlinkat", "linkat")
RIGHT = "s0\ns1\ns2\n"


@dataclass(frozen=True)
class Point:
    """The `n`-th call of a kind on a state file, in a first or a second run."""
    engine: str
    call: str
    what: str
    n: int
    is_second: bool

    def __str__(self):
        return f"{self.engine}: {'second' if self.is_second else 'first'} run, {self.what} at {self.call} {self.n}"


def prepare(story):
    for i in range(3):
        story.write(f"s{i}", f"s{i}\n", age=1000)
    story.rules(*[(f"m{i}", f"s{i}", f"echo m{i} >> runs; cat s{i} > m{i}") for i in range(3)],
                ("fin", ["m0", "m1", "m2"], "echo fin >> runs; cat m0 m1 m2 > fin"))


def begin_second(story):
    """A run has been; now there is something to do again."""
    story.run()
    story.path("s1").write_text("s1\n")
    story.path("m2").unlink()


def is_state(story, path):
    """Whether the engine keeps its state there; what jobs print is no state."""
    inside = Path(path).relative_to(story.dir) if Path(path).is_relative_to(story.dir) else Path(path)
    parts = inside.parts
    return bool(parts) and re.match(story.engine.get("state") + "|" + re.escape(story.engine.get("history").split("*")[0]), str(inside)) \
        is not None and parts[1:2] not in (("log",), ("trash",))


def traced(story, log, calls, more=()):
    command = ["strace", "-f", "-qq", "-o", str(log), "-e", f"trace={calls}", *more, *story.engine.command(jobs=1)]
    return story.run(command=command, seconds=40)


def go_on(story):
    """What is wrong with the runs that follow; nothing when all is as it must be."""
    first = story.run()
    n_first = len(story.lines("runs"))
    if first.status is None or first.is_broken:
        return f"the next run breaks down: {first.last_words}"
    if not first.is_well:
        return f"the next run is blocked: {first.last_words}"
    expected = RIGHT.replace("s1", story.read("s1").strip())
    if story.read("fin") != expected:
        return f"the next run leaves {story.read('fin')!r}"
    second = story.run()
    if not second.is_well or len(story.lines("runs")) != n_first:
        return f"one more run has something to do: {second.last_words}"
    return None


def state_paths(engine, is_second):
    """The state files that a run touches, relative to its folder, and how often by which call."""
    with places.folder() as folder, places.folder() as logs:
        story = Story(engine, folder)
        prepare(story)
        if is_second:
            begin_second(story)
        traced(story, logs / "log", ",".join(ERRORS), ["-y"])
        paths, counts = set(), {}
        for line in (logs / "log").read_text(errors="replace").splitlines():
            call = re.match(r"\d+ +(\w+)\(", line)
            touched = [path for path in re.findall(r'[<"]([^<>"]+)[>"]', line)]
            own = {str(Path(folder, path)) for path in touched if is_state(story, Path(folder, path))}
            if call and own:
                paths |= {str(Path(path).relative_to(folder)) for path in own}
                counts[call[1]] = counts.get(call[1], 0) + 1
    return sorted(paths), counts


def try_point(point, paths):
    """Whether the point was reached, and what was wrong then."""
    engine = engines.load()[point.engine]
    with places.folder() as folder, places.folder() as logs:
        story = Story(engine, folder)
        prepare(story)
        if point.is_second:
            begin_second(story)
        what = "signal=SIGKILL" if point.what == "kill" else f"error={point.what}"
        more = ["-e", f"inject={point.call}:{what}:when={point.n}"]
        for path in paths if point.call not in UNNAMED else ():
            more += ["-P", str(folder / path), "-P", path]
        ended = traced(story, logs / "log", point.call, more)
        trace = (logs / "log").read_text(errors="replace")
        if ("killed by SIGKILL" if point.what == "kill" else "(INJECTED)") not in trace:
            return False, None
        if point.what != "kill" and (ended.status is None or ended.is_broken):
            return True, f"hangs or breaks down: {ended.last_words}"
        return True, go_on(story)


def points(name, what, every):
    """All points of an engine, with the paths of its state."""
    engine = engines.load()[name]
    for is_second in (False, True):
        paths, counts = state_paths(engine, is_second)
        for call, n_calls in counts.items():
            for one in ["kill"] if what == "kill" else ERRORS[call]:
                for n in range(1, n_calls + 1):
                    if every == 1 or n == 1 or n % every == 0:
                        yield Point(name, call, one, n, is_second), paths


def all_images(name, every, into):
    """Traces one run; the folders of the images that it may leave are made one by one."""
    engine = engines.load()[name]
    gold = into / "gold"
    gold.mkdir()
    story = Story(engine, gold)
    prepare(story)
    traced(story, into / "log", power.CALLS, ["-y", "-xx", "-s", "16777216"])
    trace = (into / "log").read_text(errors="replace")
    done = list(power.changes(trace, str(gold), lambda path: is_state(story, path)))
    touched = {change.path for change in done} | {change.to for change in done if change.to}
    known, kept = set(), []
    for said, image in power.images(done):
        key = tuple(sorted(image.items()))
        if key not in known:
            known.add(key)
            kept.append((said, image))
    return gold, touched, kept[::every]


def try_image(name, gold, touched, image):
    engine = engines.load()[name]
    with places.folder() as folder:
        place = folder / "place"
        shutil.copytree(gold, place, symlinks=True, ignore=lambda _, names: [one for one in names if one == "socket"])
        story = Story(engine, place)
        for path in touched:
            here = Path(path.replace(str(gold), str(place)))
            if path in image:
                here.parent.mkdir(parents=True, exist_ok=True)
                here.write_bytes(image[path])
            elif here.is_file():
                here.unlink()
        # Outputs are whole: may the record be believed? An edit must be seen in any case.
        story.path("s1").write_text("EDITED\n")
        return go_on(story)


def main():
    parser = argparse.ArgumentParser(description="stops an engine at every point of its work on its state")
    parser.add_argument("what", nargs="*", help="kill, error, image; all without")
    parser.add_argument("--engine", action="append")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("-j", "--jobs", type=int, default=3)
    args = parser.parse_args()
    if not shutil.which("strace"):
        sys.exit("error: strace is not installed")
    n_wrong = 0
    for name in args.engine or ["flow", "flow-level-4"]:
        for what in args.what or ["kill", "error", "image"]:
            with ProcessPoolExecutor(args.jobs) as pool, places.folder() as into:
                if what == "image":
                    gold, touched, images = all_images(name, args.every, into)
                    tried = [(said, pool.submit(try_image, name, gold, touched, image)) for said, image in images]
                    found = [(said, True, done.result()) for said, done in tried]
                else:
                    tried = [(point, pool.submit(try_point, point, paths)) for point, paths in points(name, what, args.every)]
                    found = [(point, *done.result()) for point, done in tried]
            reached = [(said, wrong) for said, is_reached, wrong in found if is_reached]
            bad = [(said, wrong) for said, wrong in reached if wrong]
            n_wrong += len(bad) + (not reached)
            print(f"{name}: {what}: {len(reached)} points, {len(bad)} bad", flush=True)
            for said, wrong in bad:
                print(f"  {said}: {wrong}", flush=True)
    return 1 if n_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
