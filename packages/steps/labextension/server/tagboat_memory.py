"""Says why a kernel is gone where the memory limit of the workbench ended it, which Jupyter's server does not tell."""

import re
import signal
from pathlib import Path

SCHEMA = {
    "$id": "https://tagboat.dev/events/kernel-killed",
    "version": "1",
    "title": "A kernel was killed by the memory limit",
    "type": "object",
    "required": ["kernel_id", "message"],
    "properties": {"kernel_id": {"type": "string"}, "message": {"type": "string"}},
}


def group_memory(root=Path("/")):
    """The limit (bytes; None without one) of the own control group, and how many of its processes were killed for it.

    None where there is no memory controller. Control groups v1 and v2, with or without a namespace of their own.
    """
    for line in _read(root / "proc/self/cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            mount, names = root / "sys/fs/cgroup/memory", ("memory.limit_in_bytes", "memory.oom_control")
        elif number == "0":
            mount, names = root / "sys/fs/cgroup", ("memory.max", "memory.events")
        else:
            continue
        for directory in (mount / path.lstrip("/"), mount):
            kills = re.search(r"^oom_kill (\d+)", _read(directory / names[1]), re.M)
            if not kills:
                continue
            limit = _read(directory / names[0]).strip()
            limited = limit.isdigit() and int(limit) < 2**62
            return (int(limit) if limited else None), int(kills[1])
    return None


def quantity(size):
    """Bytes as Kubernetes writes them."""
    for unit, factor in (("Gi", 2**30), ("Mi", 2**20)):
        if size >= factor and size % factor == 0:
            return f"{size // factor}{unit}"
    return f"{round(size / 2**20)}Mi"


class Kills:
    """Tells of each kernel that died whether the memory limit killed it."""

    def __init__(self, read=group_memory):
        self._read = read
        self._known = self._count()

    def why(self, returncode):
        """Of a kernel that ended with this code (as `subprocess` has it); None where it was not the limit."""
        before, self._known = self._known, self._count()
        if returncode != -signal.SIGKILL or self._known <= before:
            return None
        limit = self._read()[0]
        if limit is None:
            return "The kernel was killed: the machine had no memory left."
        return f"The kernel was killed: used more than the workbench's limit of {quantity(limit)}."

    def _count(self):
        memory = self._read()
        return memory[1] if memory else 0


def _read(path):
    try:
        return path.read_text()
    except OSError:
        return ""
