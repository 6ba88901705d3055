"""F14 graphs that cannot be built, F19 malformed files, F20 circular includes."""
import random
import resource

from harness.story import scenario


@scenario("F14", "a cycle", "a needs b, b needs a")
def cycle(story):
    story.rules(("a", "b", "echo a >> runs; cp b a"), ("b", "a", "echo b >> runs; cp a b"), ("fin", "a", "echo fin >> runs; cp a fin"))
    ended = story.run()
    story.holds("it is refused before any job", ended.has_failed and not story.path("runs").exists(), "runs jobs")
    story.holds("the message shows it", ended.says("cycl", "circular", "loop", "a -> b", "b -> a") and not ended.is_broken,
                "unclear")


@scenario("F14", "two rules, one output", "both say how to make it")
def twice(story):
    story.write("x", "x")
    story.write("y", "y")
    story.rules(("o", "x", "echo x >> runs; cp x o"), ("o", "y", "echo y >> runs; cp y o"))
    ended = story.run()
    story.holds("it is refused before any job", ended.has_failed and not story.path("runs").exists(), "runs jobs")


@scenario("F14", "a rule that feeds itself", "its outputs match the pattern of its inputs", needs=["self_feeding"])
def self_feeding(story):
    story.write(story.engine.file, story.engine.get("self_feeding"))
    story.write("x.z", "x")
    ended = story.run(seconds=30)
    story.holds("it ends by itself and soon", ended.status is not None and ended.seconds < 15, "does not end")
    story.holds("without breaking down", not ended.is_broken, "breaks down")


#: What may have happened to a file on its way.
MALFORMED = {
    "a NUL in the middle": lambda data: data[:len(data) // 2] + b"\0" + data[len(data) // 2:],
    "only NULs": lambda _: b"\0" * 65536,
    "CRLF": lambda data: data.replace(b"\n", b"\r\n"),
    "a byte-order mark": lambda data: b"\xef\xbb\xbf" + data,
    "UTF-16": lambda data: data.decode().encode("utf-16"),
    "no newline at the end": lambda data: data.rstrip(b"\n"),
    "nothing": lambda _: b"",
    "a line of 16 MiB": lambda data: data + b"x" * (16 << 20) + b"\n",
    "a million empty lines": lambda data: data + b"\n" * 1_000_000,
    "broken UTF-8": lambda data: data + b"\xff\xfe\x80\x81\n",
    "half of it": lambda data: data[:len(data) // 2],
    "noise": lambda _: random.Random(7).randbytes(4096),
    "old line ends": lambda data: data.replace(b"\n", b"\r"),
    "form feeds": lambda data: data.replace(b"\n", b"\x0c\n\x0b"),
}


def sound(story):
    """A workflow that is in order, as bytes."""
    for i in range(3):
        story.write(f"s{i}", "s")
    story.rules(*[(f"m{i}", f"s{i}", f"cat s{i} > m{i}") for i in range(3)], ("fin", ["m0", "m1", "m2"], "cat m0 m1 m2 > fin"))
    return story.path(story.engine.file).read_bytes()


def plan_of(story, data):
    story.path(story.engine.file).write_bytes(data)
    return story.run(dry=True, seconds=30, limits={resource.RLIMIT_AS: 4 << 30})


@scenario("F19", "fifteen malformed files", "cut, padded, in other encodings, with endless lines and deep nests")
def malformed(story):
    data, bad = sound(story), []
    files = {name: change(data) for name, change in MALFORMED.items()}
    if story.engine.get("nesting"):
        before, opening, closing = story.engine.get("nesting")
        files["a deep nest"] = data + (before + opening * 100_000 + "1" + closing * 100_000 + "\n").encode()
    for name, changed in files.items():
        ended = plan_of(story, changed)
        if ended.status is None or ended.is_broken:
            bad.append(name)
    story.holds("each gets an answer: a plan or an error", not bad, f"{len(bad)} of {len(files)} break it", bad)


@scenario("F19", "random changes", "300 files with one to five random changes (25 for engines of Python)")
def mutated(story):
    data, dice, bad = sound(story), random.Random(20), 0
    n = 25 if story.engine.get("is_slow") else 300
    pieces = [b"\0", b"\t", b"\n", b":", b"=", b"$", b"$(", b")", b"{", b"}", b"%", b"\\", b"include ", b'"', b"'",
              b"\xff", b"rule ", b"build ", b"  ", b"#", b"${", b"\\\n", b"[", b"->", b"*"]
    for _ in range(n):
        changed = bytearray(data)
        for _ in range(dice.randrange(1, 6)):
            at, way = dice.randrange(len(changed) + 1), dice.randrange(5)
            if way == 0 and at < len(changed):
                changed[at] ^= 1 << dice.randrange(8)
            elif way == 1:
                changed[at:at] = dice.choice(pieces)
            elif way == 2:
                del changed[at:at + dice.randrange(20)]
            elif way == 3:
                changed[at:at] = changed[at:at + dice.randrange(40)]
            else:
                del changed[max(1, at):]
        ended = plan_of(story, bytes(changed))
        bad += ended.status is None or ended.is_broken
    story.holds("each gets an answer: a plan or an error", bad == 0, f"{bad} of {n} break it")


def circular(story, files):
    for name, other in files:
        story.write(name, story.engine.get("include").replace("%file%", other))
    ended = story.run(seconds=30)
    story.holds("it is refused at once", ended.has_failed and ended.seconds < 10, "not refused")
    story.holds("the message says that it is circular, and nothing breaks down",
                not ended.is_broken and ended.says("circular", "cycle", "recursive", "includes itself", "already included"),
                "breaks down" if ended.is_broken else "unclear")


@scenario("F20", "a file that includes itself", "directly", needs=["include"])
def itself(story):
    circular(story, [(story.engine.file, story.engine.file)])


@scenario("F20", "two files that include each other", "the workflow is one of them", needs=["include"])
def each_other(story):
    circular(story, [(story.engine.file, "other"), ("other", story.engine.file)])
