"""Scenarios: small functions that tell what happens to an engine, and say what must hold."""
import os
import shutil
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from . import places
from .engine import rule
from .process import TRACES, Process

SCENARIOS = []

#: The faults, each with its scenarios.
FAMILIES = {
    "F1": "The engine is killed, the power fails",
    "F2": "Signals that end a run",
    "F3": "Jobs that do not want to end",
    "F4": "Jobs that lie about what they made",
    "F5": "The disk is full",
    "F6": "The history is damaged",
    "F7": "Two runs at once",
    "F8": "Clocks and times",
    "F9": "Inputs change during a job",
    "F10": "Outputs are touched by somebody else",
    "F11": "Odd names, long commands",
    "F12": "Files that are no plain files",
    "F13": "Permissions",
    "F14": "Graphs that cannot be built",
    "F15": "What jobs print",
    "F16": "Limits of the machine",
    "F17": "A job takes all memory",
    "F18": "Everything fails",
    "F19": "Malformed workflow files",
    "F20": "Files that include each other",
    "F21": "A hostile environment",
    "F23": "Late outputs",
    "F24": "Stopping and going on",
    "F25": "A read-only folder",
    "F26": "Shared machines",
}


@dataclass
class Scenario:
    family: str
    title: str
    injected: str
    tell: object
    needs: tuple
    is_slow: bool


def scenario(family, title, injected, needs=(), slow=False):
    """Registers a function of a story. `needs`: "root", or a key of engines.toml."""
    def register(tell):
        SCENARIOS.append(Scenario(family, title, injected, tell, tuple(needs), slow))
        return tell
    return register


def has(text, *words):
    return any(word in text.lower() for word in words)


@dataclass
class Story:
    """What one engine makes of one scenario, in a folder of its own."""
    engine: object
    dir: Path
    checks: list = field(default_factory=list)
    facts: dict = field(default_factory=dict)

    def holds(self, statement, is_so, wrong, detail=""):
        """What must hold; `wrong` says in few words what happened when it does not."""
        self.checks.append({"holds": statement, "ok": bool(is_so), "wrong": wrong, "detail": str(detail)[:300]})

    def measured(self, **facts):
        self.facts.update(facts)

    # The folder.

    def path(self, name):
        return self.dir / name

    def write(self, name, text, age=100):
        """A file that was last changed so many seconds ago."""
        path = self.path(name)
        path.write_text(text)
        then = time.time() - age
        os.utime(path, (then, then))
        return path

    def read(self, name):
        """What a file holds; nothing where there is none."""
        try:
            return self.path(name).read_text(errors="replace")
        except OSError:
            return None

    def lines(self, name):
        return (self.read(name) or "").splitlines()

    def rules(self, *rules):
        self.write(self.engine.file, self.engine.text([rule(*one) for one in rules]), age=200)

    # The engine.

    def start(self, command=None, jobs=2, keep_going=False, dry=False, folder=None, **how):
        command = command or self.engine.command(jobs, keep_going, dry)
        # To some a trace of their own code is how they tell that a job has failed.
        traces = () if self.engine.get("failure_is_a_trace") else TRACES
        return Process(command, folder or self.dir, traces=traces, **how)

    def run(self, seconds=60, settle=0, **how):
        """Runs the engine to its end, and ends what it left."""
        with self.start(**how) as process:
            process.wait(seconds)
            time.sleep(settle)
            process.left = process.strays()
            # Read before the file goes.
            ended = Ended(process)
        return ended


class Ended:
    """A process that has ended, as it looked then."""

    def __init__(self, process):
        self.status, self.seconds, self.peak = process.status, process.seconds, process.peak
        self.text, self.n_printed, self.left = process.text, process.n_printed, process.left
        self.last_words, self.is_broken = process.last_words, process.is_broken

    @property
    def is_well(self):
        return self.status == 0

    @property
    def has_failed(self):
        """It ended by itself and said that something is wrong."""
        return self.status not in (0, None)

    def says(self, *words):
        return has(self.text, *words)


def play(scenario, engine):
    """Tells a scenario to an engine; the result as plain data."""
    began = time.monotonic()
    result = {"engine": engine.name, "family": scenario.family, "title": scenario.title, "checks": [], "facts": {}}
    missing = next((need for need in scenario.needs if not is_met(need, engine)), None)
    if missing:
        return {**result, "skipped": missing}
    with places.folder() as folder:
        story = Story(engine, folder)
        try:
            scenario.tell(story)
        except Exception:
            result["broken"] = traceback.format_exc()
    return {**result, "checks": story.checks, "facts": story.facts, "seconds": round(time.monotonic() - began, 1)}


def is_met(need, engine):
    if need == "root":
        return os.geteuid() == 0
    if need == "strace":
        return shutil.which("strace") is not None
    if need.startswith("cgroup "):
        return os.geteuid() == 0 and places.cgroup_root(need.removeprefix("cgroup ")) is not None
    return bool(engine.get(need))
