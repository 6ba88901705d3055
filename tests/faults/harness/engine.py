"""An engine as engines.toml describes it: how it writes a workflow, and how it is started."""
import glob
import re
import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent


@dataclass
class Rule:
    """Files from files by a shell command that is not yet escaped for any engine."""
    outputs: list
    inputs: list
    command: str


def rule(outputs, inputs, command):
    """A rule; one file needs no list."""
    def listed(files):
        return [files] if isinstance(files, str) else list(files or [])
    return Rule(listed(outputs), listed(inputs), command)


def fill(template, values):
    for name, value in values.items():
        template = template.replace(f"%{name}%", value)
    return template


def escaped(text, escapes):
    return "".join(escapes.get(c, c) for c in text)


class Engine:
    def __init__(self, name, data):
        self.name = name
        self.data = data
        self.file = data["file"]

    def get(self, key, default=""):
        return self.data.get(key, default)

    def version(self):
        """As it tells it; nothing where it is not installed."""
        command = self.get("version")
        if not shutil.which(command[0]):
            return None
        told = subprocess.run(command, capture_output=True, text=True).stdout
        number = re.search(r"\d+(\.\d+)+", told)
        return number and number[0]

    def path(self, path):
        return fill(self.get("path", "%path%"), {"path": escaped(path, self.get("path_escapes", {}))})

    def paths_as_list(self, paths):
        return repr([escaped(path, self.get("path_escapes", {})) for path in paths])

    def text(self, rules, copy=None):
        """The workflow. With `copy` ("usual" or "careful") each rule copies in the engine's own idiom."""
        names = {id(one): f"r{n}" for n, one in enumerate(rules)}
        maker = {output: names[id(one)] for one in rules for output in one.outputs}
        used = {path for one in rules for path in one.inputs}
        targets = [path for one in rules for path in one.outputs if path not in used]
        about = {
            "targets": " ".join(map(self.path, targets)),
            "targets_list": self.paths_as_list(targets),
            "names": ", ".join(names.values()),
        }
        parts = [fill(self.get("header"), about)]
        for one in rules:
            template = self.data["rule"]
            if copy and f"{copy}_copy_rule" in self.data:
                template = self.data[f"{copy}_copy_rule"]
            elif not one.inputs:
                template = self.get("rule_without_inputs") or template
            command = escaped(one.command, self.get("command_escapes", {}))
            if copy:
                command = self.get(f"{copy}_copy")
            before = sorted({maker[path] for path in one.inputs if path in maker})
            parts.append(fill(template, {
                "name": names[id(one)],
                "inputs": " ".join(map(self.path, one.inputs)),
                "outputs": " ".join(map(self.path, one.outputs)),
                "inputs_list": self.paths_as_list(one.inputs),
                "outputs_list": self.paths_as_list(one.outputs),
                "grouped": "&" if len(one.outputs) > 1 else "",
                "follows": "".join(f"@follows({name})\n" for name in before),
                "command_literal": repr(command),
                "command": command,
            }))
        parts.append(fill(self.get("footer"), about))
        return "".join(parts)

    def command(self, jobs=2, keep_going=False, dry=False):
        words = self.data["dry_run" if dry else "run"]
        more = self.get("keep_going", []) if keep_going and not dry else []
        return [fill(word, {"jobs": str(jobs)}) for word in words] + more

    def history(self, folder):
        """The files in which it keeps what it knows, in their order."""
        found = glob.glob(str(folder / self.get("history")), recursive=True, include_hidden=True) \
            if self.get("history") else []
        return sorted(Path(path) for path in found if Path(path).is_file())


def load():
    """All engines, by name."""
    tables = tomllib.loads((HERE / "engines.toml").read_text())
    return {name: Engine(name, {**tables.get(data.get("like"), {}), **data}) for name, data in tables.items()}
