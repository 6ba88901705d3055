"""Processes under test. Whatever they bring to life carries a mark in its environment, by which it is
found wherever it went; nothing is ever ended by its name."""
import contextlib
import os
import pty
import resource
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from pathlib import Path

MARK = "FAULT_MARK"

#: What an engine prints when it breaks down by itself.
TRACES = ("Traceback (most recent call last)", "panicked at", "Segmentation fault", "core dumped")

#: Ends by signals that nobody here sends.
BROKEN = tuple(-number for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGILL, signal.SIGBUS, signal.SIGFPE))


def state_of(pid):
    """R, S, D, T, Z, or nothing for a process that is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return text[text.rindex(")") + 2]


def stands_still(pid):
    """Whether it is stopped, or is in the middle of a vfork, which only its stopped child can end."""
    state = state_of(pid)
    if state != "D":
        return state == "T"
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return any(state_of(child) == "T" for child in children)
    return False


def command_of(pid):
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return words.replace(b"\0", b" ").decode(errors="replace").strip()


def peak_of(pid):
    """The most memory that the process, or a child that runs the same program, has had, in MiB."""
    def one(pid):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) >> 10
        return 0
    most = one(pid)
    with contextlib.suppress(OSError):
        program = os.readlink(f"/proc/{pid}/exe")
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if os.readlink(f"/proc/{child}/exe") == program:
                most = max(most, one(child))
    return most


def wait_until(is_true, seconds=20):
    """Whether it became true in time."""
    give_up = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.02)
    return True


def wait_for(is_true):
    """Waits for what a scenario stands on: without it there is nothing to tell."""
    if not wait_until(is_true, 90):
        raise TimeoutError("the scenario's own beginning did not come")


class Process:
    """An engine at work, and all that it has started. As a context it leaves nothing behind."""

    def __init__(self, command, folder, env=None, without=(), limits=None, cgroup=None, stdin=subprocess.DEVNULL,
                 on_terminal=False, drops_root=False, traces=TRACES):
        self.mark, self.traces = uuid.uuid4().hex, traces
        environment = {**os.environ, "LC_ALL": "C.UTF-8", **(env or {}), MARK: self.mark}
        for name in without:
            environment.pop(name, None)
        if drops_root:
            # Root that is bound by permissions as others are.
            command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--", *command]

        def prepare():
            for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGTSTP, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            if cgroup:
                Path(cgroup, "cgroup.procs").write_text("0")
            for what, most in (limits or {}).items():
                resource.setrlimit(what, (most, most))

        self.printed = tempfile.TemporaryFile()
        self.began = time.monotonic()
        self.peak = 0
        self.status = None
        out = self.printed
        if on_terminal:
            terminal, out = pty.openpty()
            stdin = out
        self.child = subprocess.Popen(command, cwd=folder, env=environment, stdin=stdin, stdout=out, stderr=out,
                                      process_group=0, preexec_fn=prepare)
        self.pid = self.child.pid
        self.reader = None
        if on_terminal:
            os.close(out)
            self.reader = threading.Thread(target=self.copy_from, args=(terminal,), daemon=True)
            self.reader.start()

    def copy_from(self, terminal):
        with contextlib.suppress(OSError):
            while piece := os.read(terminal, 1 << 16):
                self.printed.write(piece)
                self.printed.flush()
        os.close(terminal)

    def wait(self, seconds=60):
        """The exit status, negative for a signal; nothing when it takes longer."""
        give_up = time.monotonic() + seconds
        while self.child.poll() is None and time.monotonic() < give_up:
            self.peak = max(self.peak, peak_of(self.pid))
            time.sleep(0.01)
        self.status = self.child.returncode
        self.seconds = time.monotonic() - self.began
        if self.reader:
            self.reader.join(0.3)
        return self.status

    @property
    def n_printed(self):
        return os.fstat(self.printed.fileno()).st_size

    @property
    def text(self):
        """What it has printed, the first and last two MiB of it."""
        most, size = 2 << 20, self.n_printed
        read = lambda at: os.pread(self.printed.fileno(), most, at)
        whole = read(0) + (read(max(most, size - most)) if size > most else b"")
        return whole.decode(errors="replace")

    @property
    def last_words(self):
        return self.text.strip().replace("\n", " | ")[-200:]

    @property
    def is_over(self):
        return self.status is not None

    @property
    def is_broken(self):
        return self.status in BROKEN or any(trace in self.text for trace in self.traces)

    def says(self, *words):
        text = self.text.lower()
        return any(word in text for word in words)

    def strays(self, with_engine=False):
        """Living processes with the mark, by number, with their command lines."""
        mark, found = f"{MARK}={self.mark}".encode(), {}
        for name in filter(str.isdigit, os.listdir("/proc")):
            pid = int(name)
            if pid == self.pid and not with_engine or state_of(pid) in ("", "Z", "X"):
                continue
            with contextlib.suppress(OSError):
                if mark in Path(f"/proc/{pid}/environ").read_bytes():
                    found[pid] = command_of(pid)
        return found

    def send(self, number, to_group=False):
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if to_group else os.kill)(self.pid, number)

    def end_all(self):
        for _ in range(10):
            alive = list(self.strays(with_engine=self.child.poll() is None))
            if self.child.poll() is None:
                alive.append(self.pid)
            if not alive:
                return
            for pid in alive:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.child.wait(0.1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end_all()
        self.printed.close()
