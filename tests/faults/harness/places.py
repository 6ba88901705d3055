"""Places to work in: folders, small file systems, control groups. All go when their block ends."""
import contextlib
import os
import shutil
import subprocess
import tempfile
import time
import uuid
from pathlib import Path


def root():
    """Where stories happen: on a local disk."""
    return Path(os.environ.get("FAULT_TMP") or tempfile.gettempdir())


@contextlib.contextmanager
def folder():
    path = Path(tempfile.mkdtemp(prefix="fault-", dir=root()))
    try:
        yield path
    finally:
        for inside, folders, _ in os.walk(path):
            for name in folders:
                with contextlib.suppress(OSError):
                    os.chmod(os.path.join(inside, name), 0o755)
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def small_disk(size):
    """A file system in memory, of so much; for root."""
    path = Path(tempfile.mkdtemp(prefix="fault-disk-", dir=root()))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "fault", path], check=True)
    try:
        yield path
    finally:
        for _ in range(20):
            if subprocess.run(["umount", path], stderr=subprocess.DEVNULL).returncode == 0:
                break
            time.sleep(0.2)
        else:
            subprocess.run(["umount", "-l", path])
        os.rmdir(path)


def remount(path, options):
    subprocess.run(["mount", "-o", f"remount,{options}", path], check=True)


def fill(disk):
    """Leaves no free byte; returns the file that takes them."""
    filler = disk / ".filler"
    with open(filler, "wb", buffering=0) as file:
        for size in (1 << 16, 4096, 512, 1):
            with contextlib.suppress(OSError):
                while file.write(b"\0" * size):
                    pass
    return filler


def cgroup_root(controller):
    """Where groups of this kind are made; nothing where this machine has none that can be used."""
    old = Path("/sys/fs/cgroup", controller)
    if old.is_dir():
        return old
    new = Path("/sys/fs/cgroup/cgroup.subtree_control")
    return new.parent if new.exists() and controller in new.read_text().split() else None


@contextlib.contextmanager
def cgroup(controller, **limits):
    """A control group with these limits, under their old or new names; for root."""
    path = cgroup_root(controller) / f"fault-{uuid.uuid4().hex[:8]}"
    path.mkdir()
    try:
        for names, most in limits.items():
            name = next(name for name in names.split("__or__") if (path / name.replace("_", ".", 1)).exists())
            (path / name.replace("_", ".", 1)).write_text(str(most))
        yield path
    finally:
        for _ in range(50):
            with contextlib.suppress(OSError):
                path.rmdir()
                break
            time.sleep(0.1)
