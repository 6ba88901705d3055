"""What a disk may hold after a power cut, worked out from a trace of one run.

Each prefix of what was done to the watched files is an image. The last write may be torn: after one
byte, in the middle, before its last byte, at each sector's end. What was written since a file's last
sync may be zeroes, or be missing though a later rename has reached the disk.
"""
import os
import re
from dataclasses import dataclass

CALLS = "openat,write,pwrite64,lseek,ftruncate,rename,renameat,renameat2,link,linkat,unlink,unlinkat,fsync,fdatasync"
SECTOR = 512

TEXT = r'"((?:\\x[0-9a-f]{2})*)"'
FD = r"(\d+)<([^>]*)>"
AT = r"(?:(?:AT_FDCWD|\d+)(?:<[^>]*>)?, )?"
OPEN = re.compile(rf"openat\({AT}{TEXT}, ([A-Z_|]+).*\) = (\d+)")
WRITE = re.compile(rf"(write|pwrite64)\({FD}, {TEXT}, \d+(?:, (\d+))?\) = (\d+)")
SEEK = re.compile(rf"lseek\({FD}, .*\) = (\d+)")
CUT = re.compile(rf"ftruncate\({FD}, (\d+)\) = 0")
SYNC = re.compile(rf"f(?:data)?sync\({FD}\) = 0")
MOVE = re.compile(rf"(rename|link)(?:at2?)?\({AT}{TEXT}, {AT}{TEXT}.*\) = 0")
REMOVE = re.compile(rf"unlink(?:at)?\({AT}{TEXT}.*\) = 0")


@dataclass
class Change:
    """One change of a file, as the disk would see it."""
    kind: str
    path: str
    at: int = 0
    data: bytes = b""
    to: str = ""


def text(escaped):
    return bytes.fromhex(escaped.replace("\\x", ""))


def changes(trace, folder, is_watched):
    """What a trace (`strace -f -y -xx`, with whole strings) did to the files that `is_watched`."""
    # By descriptor and path: other processes have descriptors of the same numbers.
    positions, appends = {}, set()

    def name(escaped):
        return os.path.normpath(os.path.join(folder, os.fsdecode(text(escaped))))

    def shown(path):
        return os.fsdecode(text(path)) if path.startswith("\\x") else path

    for line in trace.splitlines():
        if found := OPEN.search(line):
            path, flags = name(found[1]), found[2].split("|")
            opened = found[3], path
            positions[opened] = 0
            (appends.add if "O_APPEND" in flags else appends.discard)(opened)
            if is_watched(path) and ("O_CREAT" in flags or "O_TRUNC" in flags):
                yield Change("empty" if "O_TRUNC" in flags else "create", path)
        elif found := WRITE.search(line):
            path, data = shown(found[3]), text(found[4])[:int(found[6])]
            opened = found[2], path
            at = int(found[5]) if found[5] else None if opened in appends else positions.get(opened, 0)
            if not found[5]:
                positions[opened] = positions.get(opened, 0) + len(data)
            if is_watched(path):
                yield Change("write", path, at, data)
        elif found := SEEK.search(line):
            positions[found[1], shown(found[2])] = int(found[3])
        elif (found := CUT.search(line)) and is_watched(shown(found[2])):
            yield Change("cut", shown(found[2]), int(found[3]))
        elif (found := SYNC.search(line)) and is_watched(shown(found[2])):
            yield Change("sync", shown(found[2]))
        elif (found := MOVE.search(line)) and (is_watched(name(found[2])) or is_watched(name(found[3]))):
            yield Change(found[1], name(found[2]), to=name(found[3]))
        elif (found := REMOVE.search(line)) and is_watched(name(found[1])):
            yield Change("remove", name(found[1]))


def put(old, at, data):
    return old[:at].ljust(at, b"\0") + data + old[at + len(data):]


def images(all_changes):
    """Every image, as what happened and the bytes of each file by its path."""
    files, synced = {}, {}
    yield "before anything", {}
    for n, change in enumerate(all_changes):
        path, old, said = change.path, files.get(change.path, b""), f"change {n}, {change.kind} of {os.path.basename(change.path)}"
        match change.kind:
            case "empty":
                files[path], synced[path] = b"", 0
            case "create":
                files.setdefault(path, b"")
                synced.setdefault(path, 0)
            case "write":
                at = len(old) if change.at is None else change.at
                length = len(change.data)
                cuts = {1, length // 2, length - 1, *range(SECTOR - at % SECTOR, length, SECTOR)}
                for cut in sorted(cut for cut in cuts if 0 < cut < length):
                    yield f"{said}, torn at {cut}", {**files, path: put(old, at, change.data[:cut])}
                new = files[path] = put(old, at, change.data)
                known = synced.get(path, 0)
                if known < len(new):
                    yield f"{said}, zeroes since the last sync", {**files, path: new[:known].ljust(len(new), b"\0")}
                    yield f"{said}, nothing since the last sync", {**files, path: new[:known]}
            case "cut":
                files[path] = old[:change.at].ljust(change.at, b"\0")
            case "sync":
                synced[path] = len(old)
                continue
            case "rename" | "link" if path in files:
                if synced.get(path, 0) < len(old):
                    yield f"{said}, without what was not synced", {**files, change.to: old[:synced.get(path, 0)]}
                files[change.to], synced[change.to] = old, synced.get(path, 0)
                if change.kind == "rename":
                    del files[path]
            case "remove":
                files.pop(path, None)
        yield said, dict(files)
