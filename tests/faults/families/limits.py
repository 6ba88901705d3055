"""F16 the machine's limits: descriptors, processes, the stack, and long chains."""
import resource

from harness import places
from harness.story import scenario


def hundred(story, command):
    story.write("src", "s")
    story.rules(*[(f"o{i}", "src", command.replace("OUT", f"o{i}")) for i in range(100)])


def all_made(story, ended):
    n = sum(story.path(f"o{i}").exists() for i in range(100))
    story.holds("all 100 are made, if need be fewer at a time", ended.is_well and n == 100, f"{n} of 100 made", ended.last_words)
    story.holds("no job is left running", not ended.left, f"{len(ended.left)} left running")


@scenario("F16", "64 descriptors", "ulimit -n 64, and 100 jobs at once")
def descriptors(story):
    hundred(story, "sleep 0.3; echo x > OUT")
    all_made(story, story.run(jobs=100, limits={resource.RLIMIT_NOFILE: 64}, seconds=120))


@scenario("F16", "40 processes", "fork fails with EAGAIN, and 100 jobs at once", needs=["cgroup pids"])
def processes(story):
    # One process for each job, so that only the engine's own starts can fail.
    hundred(story, "exec sh -c 'read x < /proc/uptime; echo $x > OUT; exec sleep 0.4'")
    with places.cgroup("pids", **{"pids_max": 40}) as group:
        all_made(story, story.run(jobs=100, cgroup=group, seconds=120))


def planned(story, n, **how):
    story.write("o0", "s")
    story.rules(*[(f"o{i}", f"o{i - 1}", "true") for i in range(1, n + 1)])
    ended = story.run(dry=True, **how)
    story.measured(seconds=round(ended.seconds, 1), peak_mib=ended.peak)
    story.holds("it is planned", ended.is_well and not ended.is_broken, "breaks down", ended.last_words)


@scenario("F16", "a chain of 1,500", "rules that follow one another; planned only")
def chain(story):
    planned(story, 1500, seconds=120)


@scenario("F16", "a small stack", "256 KiB, and a chain of 5,000 (1,500 for engines of Python); planned only")
def small_stack(story):
    n = 1500 if story.engine.get("is_slow") else 5000
    planned(story, n, seconds=120, limits={resource.RLIMIT_STACK: 256 << 10})


@scenario("F16", "a chain of 100,000", "rules that follow one another; planned only", slow=True)
def long_chain(story):
    planned(story, 100_000, seconds=590)
