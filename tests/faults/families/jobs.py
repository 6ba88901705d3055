"""F4 jobs that lie, F15 what they print, F17 memory, F18 mass failure, F23 late outputs."""
import time

from harness import places
from harness.story import scenario


def one_job(story, script, outputs="a.out", then_more=False):
    story.write("src", "s\n")
    story.write("job.sh", script)
    more = [("b.out", "a.out", "echo ran >> after; cat a.out > b.out")] if then_more else []
    story.rules((outputs, "src", "sh ./job.sh"), *more)


@scenario("F4", "success without the output", "the job exits 0 and has made nothing; another needs its output")
def nothing_made(story):
    one_job(story, "echo ran >> runs\n", then_more=True)
    first, _ = story.run(), story.run()
    story.holds("that is a failure", first.has_failed, "exit 0")
    story.holds("what needs the output does not start", not story.path("after").exists(), "starts what follows")
    story.holds("the message names the file", first.says("a.out"), "does not name it")
    story.holds("the next run tries again", len(story.lines("runs")) == 2, "not tried again")


@scenario("F4", "success without the last output", "the job exits 0 and has made nothing; nothing follows")
def nothing_made_last(story):
    one_job(story, "echo ran >> runs\n")
    first, _ = story.run(), story.run()
    story.holds("that is a failure", first.has_failed, "exit 0")
    story.holds("the next run tries again", len(story.lines("runs")) == 2, "not tried again")


@scenario("F4", "one of two outputs", "the job exits 0 and has made half of what it declares")
def half_made(story):
    one_job(story, "echo ran >> runs; echo x > a.out\n", outputs=["a.out", "other.out"])
    first, _ = story.run(), story.run()
    story.holds("that is a failure", first.has_failed, "exit 0")
    story.holds("the next run tries again", len(story.lines("runs")) == 2, "not tried again")


@scenario("F4", "an empty output", "the job exits 0 and its output has no bytes")
def empty(story):
    one_job(story, ": > a.out\n", then_more=True)
    first, second = story.run(), story.run()
    is_once = first.is_well and second.is_well and len(story.lines("after")) == 1
    story.holds("that is legal: made once, then up to date", is_once, "not accepted")


@scenario("F4", "the old output stays", "an input changed; the job exits 0 and leaves the old file as it is")
def old_stays(story):
    one_job(story, "echo ran >> runs; cp src a.out\n", then_more=True)
    story.run()
    story.path("job.sh").write_text("echo ran >> runs\n")
    time.sleep(0.05)
    story.path("src").write_text("changed\n")
    first, n_first = story.run(), len(story.lines("runs"))
    second, n_second = story.run(), len(story.lines("runs"))
    story.holds("it is not taken in silence", first.has_failed or first.says("not updated", "unchanged", "did not write"),
                "exit 0")
    story.holds("a second run does not call it up to date", not (second.is_well and n_second == n_first), "stale for good")


@scenario("F4", "failure after writing", "the job writes its output, then exits 3")
def fails_late(story):
    one_job(story, "echo half > a.out; exit 3\n", then_more=True)
    first = story.run()
    is_left = story.path("a.out").exists()
    second = story.run()
    story.holds("that is a failure", first.has_failed, "exit 0")
    story.holds("what it left does not keep its name", not is_left, "leaves the output")
    story.holds("the next run does not trust it", second.has_failed and not story.path("b.out").exists(), "trusted later")
    story.holds("the exit status is told", first.says("3"), "status not told")


@scenario("F4", "a failure in the middle, repaired", "an input is edited, a job fails once, is mended, and runs again")
def repaired(story):
    one_job(story, "cat src > a.out\n", then_more=True)
    story.run()
    time.sleep(0.05)
    story.path("src").write_text("two\n")
    story.path("job.sh").write_text("exit 3\n")
    failed = story.run()
    story.path("job.sh").write_text("cat src > a.out\n")
    mended = story.run()
    story.holds("the failing run fails", failed.has_failed, "exit 0")
    story.holds("the repaired one ends with the new result", mended.is_well and story.read("b.out") == "two\n",
                "stale, exit 0", story.read("b.out"))


@scenario("F15", "300 MB of output", "one job prints so much")
def flood(story):
    one_job(story, "head -c 300000000 /dev/zero | tr '\\0' a\necho ok > a.out\n")
    ended = story.run(seconds=300)
    story.measured(peak_mib=ended.peak, seconds=round(ended.seconds, 1))
    story.holds("the engine's memory stays below 150 MiB", ended.peak < 150, f"takes {ended.peak} MiB")
    story.holds("the job succeeds", ended.is_well and story.path("a.out").exists(), "fails")


def escapes(story, on_terminal):
    one_job(story, "printf '\\033]0;title\\007\\033[2J\\033]52;c;Y2xpcA==\\007\\033[31mred\\n'\necho ok > a.out\nexit 1\n")
    ended = story.run(on_terminal=on_terminal)
    is_raw = any(part in ended.text for part in ("\x1b]0;title", "\x1b[2J", "\x1b]52;"))
    story.holds("a title, a clipboard, a cleared screen do not come through", not is_raw, "passed on raw")


@scenario("F15", "escape sequences, on a terminal", "a failing job prints some that change the terminal")
def escapes_on_terminal(story):
    escapes(story, True)


@scenario("F15", "escape sequences, in a pipe", "a failing job prints some that change a terminal")
def escapes_in_pipe(story):
    escapes(story, False)


@scenario("F15", "random bytes", "a job prints NUL, broken UTF-8 and noise on both streams")
def noise(story):
    one_job(story, "head -c 200000 /dev/urandom; head -c 200000 /dev/urandom >&2; printf '\\377\\376\\000'; echo ok > a.out\n")
    ended = story.run()
    story.holds("the engine is not disturbed", ended.is_well and not ended.is_broken, "disturbed")


@scenario("F15", "last words", "a job prints 20,000 lines, its reason, and fails")
def last_words(story):
    one_job(story, "i=0; while [ $i -lt 20000 ]; do echo noise $i; i=$((i+1)); done\necho THE-REASON >&2; exit 1\n")
    story.holds("the reason is shown", story.run().says("the-reason"), "not shown")


@scenario("F17", "killed for lack of memory", "a control group of 300 MiB, a job that takes 600", needs=["cgroup memory"])
def no_memory(story):
    one_job(story, "exec python3 -c \"open('a.out', 'w').write('half'); x = bytearray(600 << 20)\"\n", then_more=True)
    with places.cgroup("memory", **{"memory_limit_in_bytes__or__memory_max": 300 << 20}) as group:
        ended = story.run(cgroup=group)
    story.holds("the engine survives and tells a failure", ended.has_failed and ended.status != -9, "does not survive")
    story.holds("the message speaks of a kill or of memory", ended.says("kill", "signal 9", "memory", "137", "-9"), "does not say why")
    story.holds("what follows does not start, half an output does not stay",
                not story.path("b.out").exists() and not story.path("a.out").exists(), "leaves half an output")


def all_fail(story, n):
    story.write("src", "s")
    story.rules(*[(f"o{i}", "src", "exit 1") for i in range(n)])
    ended = story.run(jobs=8, keep_going=True, seconds=590)
    story.measured(seconds=round(ended.seconds, 1), peak_mib=ended.peak, printed_kb=ended.n_printed // 1000)
    counts = (str(n), f"{n:,}")
    story.holds("the run ends by itself, as a failure", ended.has_failed and not ended.is_broken, "does not end")
    story.holds("memory stays below 512 MiB", ended.peak < 512, f"takes {ended.peak} MiB")
    story.holds("the end says how many failed", any(count in ended.text[-600:] for count in counts), "not counted")


@scenario("F18", "1,000 jobs fail", "all there are, with --keep-going")
def thousand_fail(story):
    all_fail(story, 1000)


@scenario("F18", "100,000 jobs fail", "all there are, with --keep-going", slow=True)
def many_fail(story):
    all_fail(story, 100_000)


@scenario("F23", "an output comes two seconds late", "another process renames it into place after the job's end")
def late(story):
    one_job(story, "(setsid sh -c 'sleep 2; echo whole > a.tmp; mv a.tmp a.out' > /dev/null 2>&1 < /dev/null &)\n",
            then_more=True)
    ended = story.run(settle=2.5)
    is_right = ended.is_well and story.read("b.out") == "whole\n"
    story.holds("never a wrong result", is_right or ended.has_failed and not story.path("b.out").exists(), "a wrong result")
    story.holds("it is waited for", ended.is_well, "not waited for")
