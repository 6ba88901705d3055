"""F5 a full disk, F6 a damaged history, F13 permissions, F25 a read-only folder."""
import os
import random
import shutil
import time

from harness import places
from harness.engine import rule
from harness.process import wait_for
from harness.story import Story, scenario


def on_small_disk(story, disk):
    """The same engine, in a folder of its own on that disk."""
    return Story(story.engine, disk, story.checks, story.facts)


@scenario("F5", "full while a job writes", "a job writes 4 MB where there is 1; later there is room", needs=["root"])
def full_in_job(story):
    with places.small_disk("1m") as disk:
        small = on_small_disk(story, disk)
        small.write("src", "s")
        small.rules(("a.out", "src", "head -c 4000000 /dev/zero > a.out"), ("b.out", "a.out", "wc -c < a.out > b.out"))
        first = small.run()
        story.holds("that is a failure", first.has_failed and not first.is_broken, "exit 0, or breaks down")
        story.holds("half an output does not stay, nor its space taken", not small.path("a.out").exists(), "leaves half an output")
        places.remount(disk, "size=16m")
        second = small.run()
        is_right = second.is_well and (small.read("b.out") or "").strip() == "4000000"
        story.holds("once there is room the next run is right", is_right, "wrong or blocked later", second.last_words)


@scenario("F5", "full where outputs go", "a small disk of their own; the state has room", needs=["root"])
def full_elsewhere(story):
    with places.small_disk("64k") as disk:
        story.write("src", "s")
        output = disk / "a.out"
        story.rules((str(output), "src", f"head -c 400000 /dev/zero > {output}"))
        first = story.run()
        room = os.statvfs(disk)
        story.holds("that is a failure", first.has_failed and not first.is_broken, "exit 0, or breaks down")
        story.holds("half an output does not hold the space", room.f_bavail > room.f_blocks / 2, "the disk stays full")
        places.remount(disk, "size=1m")
        second = story.run()
        is_right = second.is_well and output.exists() and output.stat().st_size == 400000
        story.holds("once there is room the next run is right", is_right, "wrong or blocked later", second.last_words)


def is_told(ended):
    return ended.has_failed or ended.says("no space", "warning")


@scenario("F5", "full before the first record", "no byte is free where the engine keeps its state", needs=["root"])
def full_before(story):
    with places.small_disk("1m") as disk:
        small, elsewhere = on_small_disk(story, disk), story.dir
        small.write("src", "s")
        small.rules(*[(f"{elsewhere}/o{i}", "src", f"echo ran >> {elsewhere}/runs; echo x > {elsewhere}/o{i}") for i in range(3)])
        filler = places.fill(disk)
        first = small.run()
        filler.unlink()
        second, n_second = small.run(), len(story.lines("runs"))
        third, n_third = small.run(), len(story.lines("runs"))
    if story.engine.get("history"):
        story.holds("it is told", is_told(first), "not told")
    story.holds("the engine does not break down", not first.is_broken, "breaks down")
    story.holds("with room the next run is right", second.is_well and all(story.path(f"o{i}").exists() for i in range(3)),
                "blocked later", second.last_words)
    story.holds("a third run has nothing to do", third.is_well and n_third == n_second, "runs again")


@scenario("F5", "full in mid-run", "after five of forty jobs no byte is free", needs=["root"])
def full_meanwhile(story):
    with places.small_disk("1m") as disk:
        small, elsewhere = on_small_disk(story, disk), story.dir
        small.write("src", "s")
        small.write("fill.sh", "for size in 4096 512 1; do dd if=/dev/zero bs=$size >> filler 2> /dev/null; done; exit 0\n")
        # Long names, so that the records fill more than one page.
        names = [f"{elsewhere}/o{i}-{'n' * 150}" for i in range(40)]
        small.rules(*[(name, names[i - 1] if i else "src",
                       f"{'sh ./fill.sh; ' if i == 5 else ''}echo {i} >> {elsewhere}/runs; echo x > {name}")
                      for i, name in enumerate(names)])
        first = small.run(jobs=1)
        small.path("filler").unlink()
        small.write("fill.sh", "exit 0\n")
        second, n_second = small.run(jobs=1), len(story.lines("runs"))
        third, n_third = small.run(jobs=1), len(story.lines("runs"))
    if story.engine.get("history"):
        story.holds("it is told", is_told(first), "exit 0, not told")
    story.holds("the engine does not break down", not first.is_broken, "breaks down")
    story.holds("with room the next run is right", second.is_well and os.path.exists(names[-1]), "blocked later", second.last_words)
    story.holds("a third run has nothing to do", third.is_well and n_third == n_second, "runs again")


def damages(dice):
    """Ways to damage a file, by name."""
    def change(change_bytes):
        return lambda path: path.write_bytes(change_bytes(path.read_bytes()))

    def to_folder(path):
        path.unlink()
        path.mkdir()

    def flip(seed):
        def flipped(data):
            data, dice = bytearray(data), random.Random(seed)
            for _ in range(1 + seed % 4 if data else 0):
                data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
            return bytes(data)
        return flipped

    ways = {
        "half of it is gone": change(lambda data: data[:len(data) // 2]),
        "its last three bytes are gone": change(lambda data: data[:-3]),
        "it is empty": change(lambda _: b""),
        "it is all zeroes": change(lambda data: b"\0" * len(data)),
        "it is noise": change(lambda data: dice.randbytes(len(data))),
        "noise follows it": change(lambda data: data + dice.randbytes(97)),
        "another format": change(lambda data: b"\xff\xff\xff\x7f" + data[4:]),
        "it is gone": lambda path: path.unlink(),
        "a folder in its place": to_folder,
    }
    for seed in range(30):
        ways[f"flipped bits {seed}"] = change(flip(seed))
    return ways


@scenario("F6", "damaged in 39 ways", "cut off, emptied, zeroed, noise, gone, a folder, flipped bits", needs=["history"])
def damaged(story):
    gold = story.path("gold")
    gold.mkdir()
    whole = Story(story.engine, gold)
    for i in range(3):
        whole.write(f"s{i}", f"s{i}\n", age=1000)
    whole.rules(*[(f"m{i}", f"s{i}", f"cat s{i} > m{i}") for i in range(3)],
                ("fin", ["m0", "m1", "m2"], "cat m0 m1 m2 > fin"))
    whole.run()
    whole.run()
    broken, blocked, wrong = [], [], []
    ways = damages(random.Random(1))
    if story.engine.get("is_slow"):
        ways = dict(list(ways.items())[:12])
    for name, damage in ways.items():
        place = story.path("place")
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(gold, place, symlinks=True)
        here = Story(story.engine, place)
        for path in story.engine.history(place):
            damage(path)
        first = here.run(seconds=30)
        time.sleep(0.02)
        here.path("s1").write_text("CHANGED\n")
        second = here.run(seconds=30)
        if any(run.is_broken or run.status is None for run in (first, second)):
            broken.append(name)
        elif not (first.is_well and second.is_well):
            blocked.append(f"{name}: {(second if first.is_well else first).last_words}")
        elif here.read("fin") != "s0\nCHANGED\ns2\n":
            wrong.append(name)
    n = len(ways)
    story.holds("the engine never breaks down or hangs", not broken, f"{len(broken)} of {n} break it", broken)
    story.holds("it never refuses to work for good", not blocked, f"{len(blocked)} of {n} block it", blocked)
    story.holds("it never leaves a stale result", not wrong, f"{len(wrong)} of {n} wrong", wrong)


@scenario("F6", "moved away during a run", "what the engine keeps of its runs gets another name while a job is at work", needs=["state"])
def moved_away(story):
    story.write("src", "s\n")
    story.write("job.sh", "echo begins >> log\nwhile [ ! -e go ]; do sleep 0.05; done\ncat src > a\n")
    before = ("before", "src", "cat src > before")
    story.rules(before)
    story.run()
    story.rules(before, ("a", "src", "sh ./job.sh"), ("b", "a", "echo begins >> log; cat a > b"))
    state = story.path(story.engine.get("state"))
    with story.start() as engine:
        wait_for(story.path("log").exists)
        state.rename(story.path("away"))
        time.sleep(1)
        story.path("go").touch()
        status = engine.wait(60)
        is_said = any(word in engine.text.lower() for word in ("moved", "away", "no such file"))
        is_broken = engine.is_broken
    is_right = story.read("b") == "s\n"
    story.holds("the run is right, or fails and does not break down", (is_right or status) and not is_broken, "breaks down")
    story.holds("it is said", is_said, "nothing is said")
    story.run()
    n_begun = len(story.lines("log"))
    story.holds("a run that was right is known to the next one", status or n_begun == 2, f"{n_begun - 2} of 2 jobs run again")


@scenario("F6", "read-only", "nobody may write the history any more", needs=["root", "history"])
def read_only_history(story):
    story.write("s", "1")
    story.rules(("a", "s", "cat s > a"))
    story.run()
    for path in story.engine.history(story.dir):
        path.chmod(0o444)
        if path.parent != story.dir:
            path.parent.chmod(0o555)
    time.sleep(0.02)
    story.path("s").write_text("2")
    ended = story.run(drops_root=True)
    story.holds("the engine does not break down", not ended.is_broken, "breaks down")
    story.holds("it works, or says what may not be written", ended.is_well or ended.says("permission", "read-only"), "unclear")


@scenario("F13", "folders that may not be read or written", "one holds an input, one an output", needs=["root"])
def permissions(story):
    for name in ("ok", "noread", "nowrite"):
        story.path(name).mkdir()
    story.write("ok/s", "s")
    story.write("noread/s", "s")
    story.path("noread").chmod(0o000)
    story.path("nowrite").chmod(0o555)
    story.rules(("good", "ok/s", "cat ok/s > good"), ("nowrite/o", "ok/s", "cat ok/s > nowrite/o"))
    ended = story.run(keep_going=True, drops_root=True)
    story.holds("an output that cannot be written is a failure", ended.has_failed and not ended.is_broken, "breaks down")
    story.holds("the others are made", story.path("good").exists(), "others not made")
    story.rules(("x", "noread/s", "cat noread/s > x"))
    ended = story.run(drops_root=True)
    story.holds("an input that cannot be read is named", ended.has_failed and ended.says("noread") and not ended.is_broken,
                "breaks down, or not named")
    story.holds("with the reason", ended.says("permission", "denied"), "says only that it is missing")


@scenario("F25", "a read-only file system", "the workflow's folder cannot be written; outputs go elsewhere", needs=["root"])
def read_only_folder(story):
    with places.small_disk("4m") as disk:
        small = on_small_disk(story, disk)
        small.write("src", "s")
        output = story.path("o")
        disk.joinpath(story.engine.file).write_text(story.engine.text([rule(str(output), "src", f"cat src > {output}")]))
        places.remount(disk, "ro")
        real, dry = small.run(), small.run(dry=True)
        places.remount(disk, "rw")
    story.holds("a dry run works", dry.is_well and not dry.is_broken, "no dry run", dry.last_words)
    story.holds("a real one works, or says what is the matter",
                not real.is_broken and (real.is_well or real.says("read-only")), "breaks down", real.last_words)
