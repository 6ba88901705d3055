"""F8 clocks and times, F9 edits during a job, F10 outputs that somebody else has touched."""
import os
import subprocess
import time

from harness.process import wait_for
from harness.story import scenario

SECOND = 1_000_000_000


def set_time(path, ns):
    os.utime(path, ns=(ns, ns))


def time_of(path):
    return os.stat(path).st_mtime_ns


def copies(story, command="echo ran >> runs; cat in > out"):
    story.write("in", "v1\n")
    story.rules(("out", "in", command))


def is_new(story):
    return story.read("out") == story.read("in")


@scenario("F8", "an input from the future", "its time is an hour ahead; later it is edited at the present time")
def future(story):
    copies(story)
    set_time(story.path("in"), time.time_ns() + 3600 * SECOND)
    story.run()
    n_first = len(story.lines("runs"))
    story.run()
    story.holds("a second run has nothing to do", len(story.lines("runs")) == n_first, "runs each time")
    story.path("in").write_text("edited\n")
    story.run()
    story.holds("the edit is seen", is_new(story), "edit missed")


def edited(title, injected, mutate):
    @scenario("F8", title, injected)
    def tell(story):
        copies(story)
        story.run()
        mutate(story)
        story.run()
        story.holds("the change is seen", is_new(story), "missed")


def with_equal_time(story):
    story.path("in").write_text("changed\n")
    set_time(story.path("in"), time_of(story.path("out")))


def with_older_version(story):
    story.path("in").write_text("an older version\n")
    set_time(story.path("in"), time.time_ns() - 3600 * SECOND)


def moved_into_place(story):
    story.path("new").write_text("v2\n")
    set_time(story.path("new"), time.time_ns() - 3600 * SECOND)
    story.path("new").rename(story.path("in"))


def with_time_put_back(story):
    then = time_of(story.path("in"))
    story.path("in").write_text("v9\n")
    set_time(story.path("in"), then)


edited("a change at the output's time", "the clock is coarse: both have one time", with_equal_time)
edited("an older version comes back", "cp -p from a backup: other content, an older time", with_older_version)
edited("an older file is moved into place", "of the same size", moved_into_place)
edited("a change that size and time hide", "the same size, the time put back", with_time_put_back)


@scenario("F8", "a mere touch", "an input has a new time and its old content")
def touched(story):
    copies(story)
    story.run()
    time.sleep(0.02)
    os.utime(story.path("in"))
    story.run()
    story.holds("nothing runs where contents count", len(story.lines("runs")) == 1, "runs again")


@scenario("F8", "the command changes", "files stay as they are")
def command(story):
    copies(story)
    story.run()
    story.rules(("out", "in", "echo ran >> runs; tr a-z A-Z < in > out"))
    story.run()
    story.holds("the change is seen", story.read("out") == "V1\n", "missed")


@scenario("F8", "an input leaves the list", "as when a glob matches one less")
def one_less(story):
    command = "cat a b c > out 2> /dev/null || cat a b > out"
    for name in "abc":
        story.write(name, name + "\n")
    story.rules(("out", ["a", "b", "c"], command))
    story.run()
    story.path("c").unlink()
    story.rules(("out", ["a", "b"], command))
    story.run()
    story.holds("the change is seen", story.read("out") == "a\nb\n", "missed")


def chain(story):
    story.write("in", "v1\n")
    story.rules(("mid", "in", "echo mid >> runs; cat in > mid"), ("fin", "mid", "echo fin >> runs; cat mid > fin"))
    story.run()


def copied(story):
    there = story.dir.with_name(story.dir.name + "-copy")
    subprocess.run(["cp", "-a", story.dir, there], check=True)
    # So that it goes with the story.
    inside = story.path("copy")
    there.rename(inside)
    return inside


@scenario("F8", "the tree is copied with its times", "cp -a to another place")
def copied_tree(story):
    chain(story)
    there = copied(story)
    ended = story.run(folder=there)
    n = len((there / "runs").read_text().split())
    story.holds("nothing runs in the copy", ended.is_well and n == 2, f"{n - 2} jobs run again")


@scenario("F8", "the tree is copied without its times", "outputs come out older than inputs")
def cloned_tree(story):
    chain(story)
    there, now = copied(story), time.time_ns()
    for at, name in enumerate(("fin", "mid", "in")):
        set_time(there / name, now + at * 1_000_000)
    first = story.run(folder=there)
    n_first = len((there / "runs").read_text().split())
    story.run(folder=there)
    n_second = len((there / "runs").read_text().split())
    is_right = first.is_well and (there / "fin").read_text() == "v1\n" and n_second == n_first
    story.holds("the result is right, and a second run has nothing to do", is_right, "wrong, or runs each time")
    story.holds("nothing runs where contents count", n_first == 2, f"{n_first - 2} jobs run again")


@scenario("F9", "an input is edited while its job runs", "after the job has read it")
def edited_meanwhile(story):
    copies(story, 'echo ran >> runs; x=$(cat in); sleep 1.2; echo "$x" > out')
    with story.start() as engine:
        wait_for(lambda: story.path("runs").exists())
        time.sleep(0.4)
        story.path("in").write_text("edited\n")
        engine.wait(30)
        is_told = engine.says("changed while", "changed during", "modified during", "changed under")
    story.run()
    story.holds("the next run makes the output anew", is_new(story), "stale for good")
    story.holds("the first one warns", is_told, "no warning")


@scenario("F10", "an output is deleted", "the last one")
def deleted(story):
    chain(story)
    story.path("fin").unlink()
    ended = story.run()
    story.holds("it is made again", ended.is_well and story.read("fin") == "v1\n", "not made again")
    story.holds("by that step alone", story.lines("runs") == ["mid", "fin", "fin"], "more runs")


@scenario("F10", "an intermediate is deleted, then an input edited", "with a run between")
def deleted_then_edited(story):
    chain(story)
    story.path("mid").unlink()
    story.run()
    time.sleep(0.02)
    story.path("in").write_text("v2\n")
    ended = story.run()
    story.holds("the result is right", ended.is_well and story.read("fin") == "v2\n", "wrong")


@scenario("F10", "an intermediate is deleted and an input edited", "at once")
def deleted_and_edited(story):
    chain(story)
    story.path("mid").unlink()
    time.sleep(0.02)
    story.path("in").write_text("v2\n")
    ended = story.run()
    story.holds("the result is right", ended.is_well and story.read("fin") == "v2\n", "wrong")


def overwritten(title, injected, name, text, set_its_time):
    @scenario("F10", title, injected)
    def tell(story):
        chain(story)
        time.sleep(0.02)
        story.path(name).write_text(text)
        set_its_time(story)
        ended = story.run()
        is_told = ended.says("modified", "by hand", "changed since", "differs")
        story.holds("it is told of or made again", is_told or story.read("fin") == "v1\n", "taken as true")


overwritten("an intermediate is edited by hand", "its time is newer than its input's", "mid", "by hand\n", lambda _: None)
overwritten("a last output is edited by hand", "its time is newer than its input's", "fin", "by hand\n", lambda _: None)
overwritten("an output comes from a backup", "a file of last year with a newer time", "fin", "last year's\n",
            lambda story: set_time(story.path("fin"), time_of(story.path("mid")) + 1))
