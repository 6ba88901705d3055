"""F1 a killed engine, F2 signals, F3 jobs that do not want to end, F24 stop and go on, F7 two runs."""
import os
import signal
import time

from harness.process import stands_still, state_of, wait_for, wait_until
from harness.story import scenario

#: Writes its output in two steps; a grandchild takes the time between them.
TWO_STEPS = """\
echo "begins $$" >> log
printf 'half\\n' > a.out
sh -c "sleep $(cat pause); :" &
wait
printf 'whole\\n' >> a.out
echo "ends $$" >> log
"""
WHOLE = "half\nwhole\n"


def two_steps(story, pause):
    story.write("src", "s\n")
    story.write("job.sh", TWO_STEPS)
    story.write("pause", str(pause))
    story.rules(("a.out", "src", "sh ./job.sh"), ("b.out", "a.out", "cp a.out b.out"))


def is_half(story):
    return story.read("a.out") == "half\n"


def rerun(story):
    story.write("pause", "0.1")
    again = story.run()
    story.holds("a rerun needs no manual step", again.is_well, "the rerun is blocked", again.last_words)
    story.holds("half an output is never taken for a whole one", story.read("b.out") in (WHOLE, None),
                "trusts half an output")


@scenario("F1", "power cut in mid-job", "every process is killed while the output is half written")
def power_cut(story):
    two_steps(story, 60)
    with story.start() as engine:
        wait_for(lambda: is_half(story))
        engine.send(signal.SIGKILL)
        engine.wait(5)
    rerun(story)
    story.run()
    n_begun = sum(line.startswith("begins") for line in story.lines("log"))
    story.holds("a third run has nothing to do", n_begun <= 2, f"the job ran {n_begun} times")


@scenario("F1", "kill -9 of the engine alone", "its jobs are not touched; the next run starts at once")
def killed_alone(story):
    two_steps(story, 3)
    with story.start() as engine:
        wait_for(lambda: is_half(story))
        engine.send(signal.SIGKILL)
        engine.wait(5)
        time.sleep(1)
        left = engine.strays()
        story.holds("a second later nothing is left of its jobs", not left, "its jobs go on", list(left.values()))
        again = story.run()
        time.sleep(3.2)
        n_begun = sum(line.startswith("begins") for line in story.lines("log"))
        story.holds("no two processes write one output", not (left and n_begun > 1), "two write one output")
        story.holds("the next run ends with the right result", again.is_well and story.read("b.out") == WHOLE,
                    "the next run ends wrong", again.last_words)


@scenario("F1", "outputs lost by a power cut", "the record of success survived, the files came back empty")
def lost_outputs(story):
    story.write("in", "one\n")
    story.rules(("mid", "in", "cat in > mid"), ("fin", "mid", "cat mid > fin"))
    story.run()
    for name in ("mid", "fin"):
        then = os.stat(story.path(name)).st_mtime_ns
        story.path(name).write_bytes(b"")
        os.utime(story.path(name), ns=(then, then))
    story.run()
    story.holds("the loss is noticed and mended", story.read("fin") == "one\n", "not noticed")


def ended_by(story, numbers, to_group):
    two_steps(story, 61)
    with story.start() as engine:
        wait_for(lambda: is_half(story))
        time.sleep(0.3)
        for number in numbers:
            engine.send(number, to_group)
            time.sleep(0.3)
        status = engine.wait(12)
        time.sleep(0.3)
        left = engine.strays()
        story.holds("the engine ends, and not as if all were well", status not in (0, None), "does not end")
        story.holds("nothing that it started is left", not left, "leaves processes", list(left.values()))
        story.holds("half an output does not keep its name", not is_half(story), "leaves half an output")
    rerun(story)


for title, injected, numbers, to_group in [
    ("Ctrl-C", "SIGINT to the whole group", [signal.SIGINT], True),
    ("Ctrl-C twice", "SIGINT to the whole group, and again", [signal.SIGINT] * 2, True),
    ("SIGINT", "to the engine alone", [signal.SIGINT], False),
    ("SIGTERM", "to the engine alone", [signal.SIGTERM], False),
    ("SIGHUP", "to the engine alone", [signal.SIGHUP], False),
]:
    scenario("F2", title, injected)(lambda story, n=numbers, g=to_group: ended_by(story, n, g))


@scenario("F3", "a daemon stays behind", "the job leaves a process in a session of its own, which writes later")
def daemon(story):
    story.write("src", "s")
    story.write("job.sh", "echo done > a.out\nsetsid sh -c 'sleep 4; echo late >> a.out' > /dev/null 2>&1 < /dev/null &\n")
    story.rules(("a.out", "src", "sh ./job.sh"))
    with story.start() as engine:
        engine.wait(30)
        time.sleep(0.3)
        left = engine.strays()
        is_told = engine.says("behind", "background", "still running", "leftover")
        story.holds("it is ended, or told of", not left or is_told, "not seen", list(left.values()))
        time.sleep(4.5)
        story.holds("nobody writes an output that counts as done", "late" not in (story.read("a.out") or ""),
                    "the output changes after the end")


@scenario("F3", "a daemon holds the job's stdout", "the job ends, the pipe stays open")
def open_pipe(story):
    story.write("src", "s")
    story.write("job.sh", "echo done > a.out\nsetsid sleep 19 &\n")
    story.rules(("a.out", "src", "sh ./job.sh"))
    ended = story.run(seconds=30)
    story.holds("the engine does not wait for it", ended.is_well and ended.seconds < 12, "hangs")


@scenario("F3", "a job ignores TERM, INT and HUP", "SIGTERM to the group")
def stubborn(story):
    story.write("src", "s")
    story.write("job.sh", "trap '' TERM INT HUP\necho half > a.out\n"
                          "i=0; while [ $i -lt 250 ]; do sleep 0.1; i=$((i+1)); done\n")
    story.rules(("a.out", "src", "sh ./job.sh"))
    with story.start() as engine:
        wait_for(lambda: story.path("a.out").exists())
        time.sleep(0.2)
        engine.send(signal.SIGTERM, to_group=True)
        status = engine.wait(14)
        time.sleep(0.3)
        story.holds("the engine ends all the same", status is not None, "hangs")
        story.holds("the job has ended with it", status is not None and not engine.strays(), "the job goes on")


def stopped(story, to_group):
    two_steps(story, 2)
    with story.start() as engine:
        wait_for(lambda: is_half(story))
        engine.send(signal.SIGTSTP, to_group)
        wait_until(lambda: state_of(engine.pid) == "T", 5)
        time.sleep(0.3)
        # On a busy machine one may be in the middle of a system call.
        wait_until(lambda: all(stands_still(pid) for pid in engine.strays()), 1.5)
        itself = state_of(engine.pid)
        others = {pid: "T" if stands_still(pid) else state_of(pid) for pid in engine.strays()}
        engine.send(signal.SIGCONT, to_group)
        status = engine.wait(30)
        story.holds("the engine stops", itself == "T", "the engine goes on")
        story.holds("and so does all that it started", others and set(others.values()) == {"T"}, "its jobs go on", others)
        story.holds("after SIGCONT all ends well", status == 0 and story.read("b.out") == WHOLE, "does not go on")


@scenario("F24", "Ctrl-Z, then fg", "SIGTSTP to the group, then SIGCONT")
def stopped_group(story):
    stopped(story, True)


@scenario("F24", "SIGTSTP to the engine alone, then SIGCONT", "its jobs are told nothing")
def stopped_alone(story):
    stopped(story, False)


@scenario("F24", "kill -9 while all stands still", "SIGTSTP, then SIGKILL to the engine")
def killed_while_stopped(story):
    two_steps(story, 60)
    with story.start() as engine:
        wait_for(lambda: is_half(story))
        engine.send(signal.SIGTSTP, to_group=True)
        wait_until(lambda: state_of(engine.pid) == "T", 5)
        time.sleep(0.3)
        engine.send(signal.SIGKILL)
        engine.wait(5)
        time.sleep(1)
        story.holds("nothing stays behind, stopped for ever", not engine.strays(), "stopped jobs stay")
    rerun(story)


@scenario("F24", "asked to end while it stands still", "SIGTSTP to the engine, then its own command that ends a run", needs=["stop"])
def asked_to_end_while_stopped(story):
    two_steps(story, 60)
    with story.start() as engine:
        wait_for(lambda: is_half(story))
        engine.send(signal.SIGTSTP)
        wait_until(lambda: state_of(engine.pid) == "T", 5)
        with story.start(command=story.engine.get("stop")) as asking:
            asking.wait(15)
            is_heard = asking.status == 0
        status = engine.wait(10)
        story.holds("the run is told", is_heard, "it is not told")
        story.holds("it ends, and all its jobs with it", status is not None and not engine.strays(), "it goes on standing still")
        story.holds("half an output does not stay", not is_half(story), "leaves half an output")


@scenario("F7", "two runs at once", "both are started in one folder at the same moment")
def two_runs(story):
    n = 6
    story.write("src", "s")
    story.write("job.sh", 'echo "begins $1" >> log\n: > $1\nfor i in 1 2 3; do sleep 0.15; echo $i >> $1; done\n'
                          'echo "ends $1" >> log\n')
    story.rules(*[(f"o{i}", "src", f"sh ./job.sh o{i}") for i in range(n)])
    with story.start() as one, story.start() as other:
        statuses = one.wait(60), other.wait(60)
        is_broken = one.is_broken or other.is_broken
    begun, overlaps, at_work = 0, 0, {}
    for line in story.lines("log"):
        what, name = line.split()
        at_work[name] = at_work.get(name, 0) + (1 if what == "begins" else -1)
        begun += what == "begins"
        overlaps += at_work[name] > 1
    torn = [i for i in range(n) if story.read(f"o{i}") != "1\n2\n3\n"]
    third = story.run()
    story.holds("no job runs twice", begun == n, f"{begun} starts of {n} jobs")
    story.holds("no output is written by two jobs at once", overlaps == 0, "two write one output")
    story.holds("all outputs are whole", not torn, f"{len(torn)} torn outputs")
    story.holds("one of the two ends well, and neither breaks down", 0 in statuses and not is_broken, "both fail", statuses)
    story.holds("a third run ends well", third.is_well, "the third run fails", third.last_words)
