"""F11 odd names and long commands, F12 files that are no plain files."""
import os
import stat
import time

from harness.engine import rule
from harness.story import Story, scenario

NAMES = {
    "space": "a b.txt", "two spaces": "a  b", "leading space": " a", "trailing space": "a ", "tab": "a\tb", "newline": "a\nb",
    "single quote": "it's", "double quote": 'say "x"', "backslash": "a\\b", "leading dash": "-rf", "two dashes": "--help",
    "substitution": "$(touch CANARY)", "backticks": "`touch CANARY`", "semicolon": "x;touch CANARY;y",
    "ampersand": "x&touch CANARY&", "pipe": "x|touch CANARY", "redirection": "a>CANARY", "less": "a<b",
    "variable": "${HOME}", "automatic variable": "$@", "hash": "a#b", "percent": "a%b", "colon": "a:b", "equals": "a=b",
    "star": "a*b", "star alone": "*", "question mark": "a?b", "brackets": "[a]", "braces": "{input}", "list": "{a,b}",
    "tilde": "~root", "exclamation": "a!b", "at": "@file", "plus": "a+b", "caret": "a^b", "comma": "a,b", "dot": ".hidden",
    "markup": "<img src=x>", "accents": "naïve-日本-é", "combining": "e\u0301", "right to left": "a\u202etxt.exe",
    "escape sequence": "a\x1b[31mb", "255 bytes": "n" * 255,
}


def named(story, idiom):
    injected, wrong, bad = [], [], []
    for label, name in NAMES.items():
        place = story.path(label)
        place.mkdir()
        here = Story(story.engine, place)
        source, output = "in/" + name, "out/" + name
        for folder in ("in", "out"):
            here.path(folder).mkdir()
        if name[0] in "-~ ":
            # Without a folder before it.
            source = name
        here.path(source).write_text("data\n")
        here.path(story.engine.file).write_text(story.engine.text([rule(output, source, "")], copy=idiom))
        ended = here.run(seconds=40)
        found = {file for _, _, files in os.walk(place) for file in files}
        is_right = here.read(output) == "data\n"
        if any(file.startswith("CANARY") for file in found):
            injected.append(label)
        elif ended.is_well and not is_right:
            wrong.append(label)
        elif not (ended.is_well and is_right):
            bad.append(label)
    n = len(NAMES)
    story.measured(injected=injected, wrong=wrong, refused=bad)
    story.holds("no name runs a command", not injected, f"{len(injected)} of {n} run a command", injected)
    story.holds("never success with a wrong result", not wrong, f"{len(wrong)} wrong", wrong)
    story.holds("every name works", not (injected or wrong or bad), f"{len(bad)} of {n} refused", bad)


@scenario("F11", "43 odd names, as tutorials write", "quotes, blanks, shell syntax, dashes, long and foreign names")
def usual(story):
    named(story, "usual")


@scenario("F11", "43 odd names, as careful authors write", "the same names, with all that the engine offers for quoting")
def careful(story):
    named(story, "careful")


@scenario("F11", "a name that is not UTF-8", "a file is found by a pattern; bytes ff and fe are in its name", needs=["by_pattern"])
def not_utf8(story):
    for folder in ("in", "out"):
        story.path(folder).mkdir()
    name = os.fsdecode(b"a\xff\xfeb")
    story.write("in/" + name, "data\n")
    story.write(story.engine.file, story.engine.get("by_pattern"))
    ended = story.run()
    is_right = ended.is_well and story.read("out/" + name) == "data\n"
    story.holds("it works, or is refused", is_right or ended.has_failed, "wrong, exit 0")
    story.holds("it works", is_right, "does not work", ended.last_words)


@scenario("F11", "a name that is not UTF-8, typed", "the workflow names the file as it is: bytes ff and fe are in its text")
def not_utf8_typed(story):
    for folder in ("in", "out"):
        story.path(folder).mkdir()
    name = os.fsdecode(b"a\xff\xfeb")
    story.write("in/" + name, "data\n")
    text = story.engine.text([rule("out/" + name, "in/" + name, "")], copy="usual")
    story.path(story.engine.file).write_bytes(os.fsencode(text))
    ended = story.run()
    is_right = ended.is_well and story.read("out/" + name) == "data\n"
    story.holds("it works, or is refused", is_right or ended.has_failed, "wrong, exit 0")
    story.holds("it works", is_right, "does not work", ended.last_words)


@scenario("F11", "a command of 200,000 bytes", "the kernel takes 131,071 in one argument")
def long_command(story):
    story.write("in", "x\n")
    story.rules(("out", "in", ": " + "a" * 200_000 + "; cat in > out"))
    ended = story.run()
    story.holds("it runs", ended.is_well and story.read("out") == "x\n", "does not run", ended.last_words)


@scenario("F11", "a path of 3,900 bytes", "nineteen folders with names of 200 bytes")
def long_path(story):
    folder = "/".join(["d" * 200] * 19)
    os.makedirs(story.path(folder))
    # Open by a shorter way: with the story's own folder before it, the path may be too long.
    here = os.open(story.dir, os.O_PATH)
    with open(os.open(folder + "/in", os.O_CREAT | os.O_WRONLY, dir_fd=here), "w") as file:
        file.write("x\n")
    story.rules((folder + "/out", folder + "/in", f"cp {folder}/in {folder}/out"))
    ended = story.run()
    try:
        with open(os.open(folder + "/out", os.O_RDONLY, dir_fd=here)) as file:
            text = file.read()
    except OSError:
        text = None
    os.close(here)
    story.holds("it works", ended.is_well and text == "x\n" and not ended.is_broken, "does not work", ended.last_words)


def copies(story):
    story.rules(("out", "in", "cat in > out"))


def link(story, target, name="in", age=100):
    path = story.path(name)
    path.unlink(missing_ok=True)
    path.symlink_to(target)
    then = time.time() - age
    os.utime(path, (then, then), follow_symlinks=False)


@scenario("F12", "a link to nothing as input", "its target does not exist")
def dangling(story):
    link(story, "nowhere")
    copies(story)
    ended = story.run()
    story.holds("a clear failure that names it", ended.has_failed and ended.says("in") and not ended.is_broken, "breaks down")
    story.holds("no output is made", not story.path("out").exists(), "leaves an output")


@scenario("F12", "links in a circle as input", "each leads to the other")
def looped(story):
    link(story, "other")
    link(story, "in", "other")
    copies(story)
    ended = story.run()
    story.holds("a failure, without breaking down", ended.has_failed and not ended.is_broken, "breaks down")
    story.holds("the message says what it is", ended.says("symbolic link", "loop", "circle"), "says that it is missing")


@scenario("F12", "a link's target changes", "the link stays as it is")
def target_changes(story):
    story.write("real", "v1\n")
    link(story, "real")
    copies(story)
    story.run()
    story.path("real").write_text("v2\n")
    story.run()
    story.holds("the change is seen", story.read("out") == "v2\n", "missed")


@scenario("F12", "a link is pointed at an older file", "of the same size")
def pointed_elsewhere(story):
    story.write("one", "one\n")
    story.write("two", "two\n", age=5000)
    link(story, "one")
    copies(story)
    story.run()
    link(story, "two")
    story.run()
    story.holds("the change is seen", story.read("out") == "two\n", "missed")


@scenario("F12", "a folder as output", "files in it come and go")
def folder_out(story):
    story.write("in", "v1\n")
    story.rules(("made", "in", "echo ran >> runs; mkdir -p made; cp in made/f"))
    first = story.run()
    time.sleep(0.02)
    story.run()
    n = len(story.lines("runs"))
    story.path("made/extra").write_text("x\n")
    time.sleep(0.02)
    story.path("in").write_text("v2\n")
    story.run()
    story.holds("it is made once, and again when its input changes",
                first.has_failed and first.says("director", "folder") or n == 1 and story.read("made/f") == "v2\n", "wrong")


@scenario("F12", "a folder as input", "a file inside it is edited, its size and names stay")
def folder_in(story):
    story.path("in").mkdir()
    story.write("in/f", "v1\n")
    then = time.time() - 100
    os.utime(story.path("in"), (then, then))
    story.rules(("out", "in", "cat in/f > out"))
    first = story.run()
    story.path("in/f").write_text("v2\n")
    story.run()
    story.holds("the edit is seen where contents count", first.has_failed or story.read("out") == "v2\n", "missed")


@scenario("F12", "a pipe as input", "a FIFO that nobody writes to")
def fifo(story):
    os.mkfifo(story.path("in"))
    story.rules(("out", "in", "echo ok > out"))
    story.holds("nobody waits for it", story.run(seconds=20).status is not None, "hangs")


@scenario("F12", "a device as output", "a device node like /dev/null; the job fails", needs=["root"])
def device(story):
    story.write("in", "x")
    os.mknod(story.path("null"), 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    story.rules(("null", "in", "cat in > null; exit 1"))
    story.run()
    path = story.path("null")
    story.holds("it is not removed", path.exists() and stat.S_ISCHR(path.stat().st_mode), "removes the device")


@scenario("F12", "a link to a precious file as output", "the job fails")
def precious(story):
    story.write("in", "x")
    story.write("precious", "keep\n")
    link(story, "precious", "out")
    story.rules(("out", "in", "exit 1"))
    story.run()
    story.holds("what it leads to stays", story.read("precious") == "keep\n", "the file is lost")
