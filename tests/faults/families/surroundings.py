"""F21 a hostile environment, F26 machines that are shared with others."""
import os
import re
import shutil

from harness import places
from harness.story import scenario


def copies(story, command="cat in > out"):
    story.write("in", "v1\n")
    story.rules(("out", "in", command))


def is_copied(story):
    return story.read("out") == "v1\n"


@scenario("F21", "variables that change a shell", "BASH_ENV, ENV, IFS, PS4, SHELLOPTS, CDPATH and GLOBIGNORE set to traps")
def variables(story):
    copies(story)
    story.write("trap.sh", "touch CANARY\n")
    trap = str(story.path("trap.sh"))
    ended = story.run(env={"BASH_ENV": trap, "ENV": trap, "IFS": "/a", "PS4": "$(touch CANARY)", "CDPATH": "/",
                           "GLOBIGNORE": "*", "SHELLOPTS": "xtrace"})
    story.holds("the job runs as ever", ended.is_well and is_copied(story), "the job fails")
    story.holds("nothing of them is run", not story.path("CANARY").exists(), "runs a start-up file")


@scenario("F21", "exported functions", "BASH_FUNC_cat%% takes the place of cat")
def functions(story):
    copies(story)
    story.run(env={"BASH_FUNC_cat%%": "() { echo hijacked; }"})
    story.holds("the job runs as ever", is_copied(story), "cat is hijacked")


@scenario("F21", "PATH", "with `.` first and a false shell there; and without PATH")
def path(story):
    copies(story, "/bin/cat in > out")
    for name in ("sh", "bash"):
        story.write(name, f"#!/bin/{name}\n/usr/bin/touch CANARY\nexec /bin/{name} \"$@\"\n").chmod(0o755)
    program, *words = story.engine.command()
    command = [shutil.which(program), *words]
    ended = story.run(command=command, env={"PATH": ".:/usr/bin:/bin"})
    story.holds("no shell of the folder is taken", not story.path("CANARY").exists(), "takes a false shell")
    story.holds("the job runs as ever", ended.is_well and is_copied(story), "the job fails", ended.last_words)
    for name in ("sh", "bash", "out"):
        story.path(name).unlink(missing_ok=True)
    ended = story.run(command=command, without=["PATH"])
    story.holds("it works without PATH", ended.is_well, "fails without PATH", ended.last_words)


@scenario("F21", "nonsense all around", "no HOME, a TMPDIR that is not there, a bogus locale; then no streams at all")
def nonsense(story):
    copies(story)
    ended = story.run(without=["HOME", "USER", "LOGNAME"], env={
        "TMPDIR": "/nonexistent/dir", "LC_ALL": "xx_YY.bogus", "TERM": "\x1b[2J", "COLUMNS": "-1", "LINES": "999999999"})
    story.holds("it works", ended.is_well and is_copied(story), "fails", ended.last_words)
    story.path("out").unlink(missing_ok=True)
    ended = story.run(command=["sh", "-c", 'exec "$@" <&- >&- 2>&-', "x", *story.engine.command()])
    story.holds("it works with all three streams closed", ended.is_well and is_copied(story), "fails without streams")


@scenario("F21", "standard input", "somebody types; a job reads")
def typed(story):
    copies(story, "cat > out")
    read, write = os.pipe()
    os.write(write, b"typed\n")
    with story.start(stdin=read) as engine:
        os.close(read)
        status = engine.wait(6)
        os.close(write)
        engine.wait(10)
    story.holds("a job does not eat what is typed, nor wait for it", status is not None and not story.read("out"), "eats input")


@scenario("F21", "the reader goes away", "the engine's output goes to head")
def no_reader(story):
    story.write("src", "s")
    story.rules(*[(f"o{i}", "src", f"for n in 1 2 3 4 5 6 7 8 9; do echo line $n; done; echo x > o{i}") for i in range(60)])
    first = story.run(command=["sh", "-c", '"$@" | head -n 3', "x", *story.engine.command()], seconds=120)
    torn = [i for i in range(60) if story.read(f"o{i}") not in ("x\n", None)]
    second = story.run(seconds=120)
    story.holds("it ends", first.status is not None, "hangs")
    story.holds("the next run makes the rest, and nothing is torn",
                second.is_well and not torn and all(story.path(f"o{i}").exists() for i in range(60)), "torn or blocked")


@scenario("F26", "files for everybody", "TMPDIR is shared; every file made there is watched", needs=["strace"])
def shared_folder(story):
    copies(story)
    with places.folder() as shared, places.folder() as logs:
        shared.chmod(0o1777)
        story.run(command=["strace", "-f", "-qq", "-o", logs / "log", "-e", "trace=open,openat,creat,mkdir,mkdirat,mknod",
                           *story.engine.command()], env={"TMPDIR": str(shared)})
        made = [line for line in (logs / "log").read_text(errors="replace").splitlines()
                if re.search(re.escape(str(shared)) + "/.*(O_CREAT|mkdir)", line) and " = -1 " not in line]
        left = os.listdir(shared)
    story.holds("nothing is made there that somebody could have put in the way", all("O_EXCL" in line for line in made), "made openly")
    story.holds("nothing stays there", not left, "leaves files", left)


@scenario("F26", "a umask of 0", "everybody may write what is made")
def umask(story):
    copies(story)
    story.run(command=["sh", "-c", 'umask 0; exec "$@"', "x", *story.engine.command()])
    open_to_all = [name for inside, folders, files in os.walk(story.dir) for name in folders + files
                   if name not in ("in", "out", story.engine.file, "__pycache__") and not name.endswith(".pyc")
                   and os.lstat(os.path.join(inside, name)).st_mode & 0o022 and not os.path.islink(os.path.join(inside, name))]
    story.holds("the engine's own files are its user's alone", not open_to_all, "open to all", open_to_all)


@scenario("F26", "a planted link", "another user has put a link where the state goes", needs=["root", "state"])
def planted(story):
    copies(story)
    with places.folder() as victim:
        target = victim / "planted"
        if story.engine.get("state_is_folder"):
            target.mkdir()
        link = story.path(story.engine.get("state"))
        link.symlink_to(target)
        os.lchown(link, 65534, 65534)
        story.dir.chmod(0o777)
        story.run()
        is_written = any(target.iterdir()) if target.is_dir() else target.exists()
    story.holds("it is not followed", not is_written, "written through")


@scenario("F26", "somebody else's workflow", "root runs a file that another user owns and everybody may write", needs=["root"])
def foreign(story):
    copies(story)
    path = story.path(story.engine.file)
    os.chown(path, 65534, 65534)
    path.chmod(0o666)
    ended = story.run()
    is_told = ended.says("owner", "owned", "belongs", "dubious", "world-writable", "unsafe", "anybody")
    story.holds("root is warned", ended.has_failed or is_told, "not told")
