"""Runs a Dockerfile's steps without Docker: in a chroot whose system is this host's, read-only.

It stands in for the base image only as far as it has a Python of the same version. What it shows is that the
steps work, what the result holds, and how the service behaves as that user, as process 1, on a root that is
read-only. What it cannot show is the base image itself, the layers, and how large they are.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.harness import ROOT

DOCKERFILE = ROOT / "Dockerfile"
# What a base image brings; bound to this host's, read-only.
SYSTEM = ("usr", "bin", "sbin", "lib", "lib64")
STEP_SECONDS = 300  # forty wheels over a slow line
# How pip reaches its index is the builder's business.
BUILD_ENVIRONMENT = {
    **{
        name: value
        for name, value in os.environ.items()
        if name.startswith(("PIP_", "SSL_")) or "proxy" in name.lower()
    },
    "PATH": "/usr/local/bin:/usr/bin:/bin",
}


@dataclass(frozen=True)
class Instruction:
    """One instruction of a Dockerfile, its flags apart from its words."""

    name: str
    flags: Mapping[str, str]
    text: str

    @property
    def words(self) -> list[str]:
        """What is given as a JSON array (the exec form), or else by shell words."""
        if self.text.startswith("["):
            return [str(word) for word in json.loads(self.text)]
        return shlex.split(self.text)


@dataclass
class Stage:
    """From one FROM to the next."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, name: str) -> list[Instruction]:
        """Its instructions of that name."""
        return [each for each in self.instructions if each.name == name]

    def last(self, name: str) -> Instruction:
        """The one that holds."""
        return self.all(name)[-1]

    def environment(self) -> dict[str, str]:
        """What ENV sets."""
        return dict(word.split("=", 1) for each in self.all("ENV") for word in each.words)


def parse(text: str) -> list[Stage]:
    """The stages of a Dockerfile."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    stages: list[Stage] = []
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        name, _, rest = line.strip().partition(" ")
        flags = {}
        while (rest := rest.strip()).startswith("--"):
            flag, _, rest = rest.partition(" ")
            key, _, value = flag[2:].partition("=")
            flags[key] = value
        if name == "FROM":
            base, _, alias = rest.partition(" AS ")
            stages.append(Stage(base, alias))
        else:
            stages[-1].instructions.append(Instruction(name, flags, rest))
    return stages


def build(stages: Sequence[Stage], directory: Path) -> Path:
    """Carries out RUN and COPY of all stages; the root of the last one.

    Raises:
        subprocess.CalledProcessError: a step failed.
    """
    roots: dict[str, Path] = {}
    for number, stage in enumerate(stages):
        root = roots[stage.name or str(number)] = prepare(directory / f"stage{number}")
        for instruction in stage.instructions:
            if instruction.name == "COPY":
                _copy(instruction, root, roots)
            elif instruction.name == "RUN":
                command = inside(root, ["/bin/sh", "-ec", instruction.text])
                subprocess.run(
                    command, check=True, timeout=STEP_SECONDS, stdin=subprocess.DEVNULL, env=BUILD_ENVIRONMENT
                )
    return root


def prepare(root: Path) -> Path:
    """A folder that can be a root: mount points, and a copy of this host's /etc."""
    for name in (*SYSTEM, "proc", "dev", "tmp", "opt", "app", sys.base_prefix.lstrip("/")):
        (root / name).mkdir(parents=True, exist_ok=True)
    shutil.copytree("/etc", root / "etc", symlinks=True)
    return root


def _copy(instruction: Instruction, root: Path, roots: Mapping[str, Path]) -> None:
    source, target = instruction.words
    base = roots[instruction.flags["from"]] if "from" in instruction.flags else ROOT
    origin, destination = base / source.lstrip("/"), root / target.lstrip("/")
    destination.parent.mkdir(parents=True, exist_ok=True)
    if origin.is_dir():
        # Of our own files as .dockerignore leaves them; of a stage's as they are.
        ignore = None if "from" in instruction.flags else shutil.ignore_patterns("__pycache__")
        shutil.copytree(origin, destination, symlinks=True, ignore=ignore, dirs_exist_ok=True)
    else:
        shutil.copy2(origin, destination)
    if "chown" in instruction.flags:
        user, group = map(int, instruction.flags["chown"].split(":"))
        for path in (destination, *destination.rglob("*")):
            os.chown(path, user, group, follow_symlinks=False)


def inside(
    root: Path,
    command: Sequence[str],
    *,
    folder: str = "/",
    user: str | None = None,
    volume: str | None = None,
) -> list[str]:
    """A command line that runs `command` in that root, as process 1 of namespaces of its own.

    Args:
        root: from `prepare` or `build`.
        command: what to run.
        folder: where.
        user: `uid:gid` without any rights beyond a user's, on a root that is read-only but for /tmp and
            `volume`; None is root, who may write everywhere but in the system's folders.
        volume: a folder of the root that stays writable.
    """
    steps = [f"mount --bind {root} {root}"]
    steps += [
        f"mount --rbind /{name} {root}/{name} && mount -o remount,bind,ro {root}/{name}" for name in SYSTEM
    ]
    # Where the official image has its Python; and where ours looks for its library.
    for place in ("/usr/local", sys.base_prefix):
        steps.append(f"mount --bind {sys.base_prefix} {root}{place}")
        steps.append(f"mount -o remount,bind,ro {root}{place}")
    steps += [f"mount --rbind /dev {root}/dev", f"mount -t proc proc {root}/proc"]
    run = ["env", f"--chdir={folder}", *command]
    if user is not None:
        uid, gid = user.split(":")
        steps.append(f"mount -t tmpfs -o mode=1777 tmpfs {root}/tmp")
        if volume is not None:
            steps.append(f"mount --bind {root}{volume} {root}{volume}")
        steps.append(f"mount -o remount,bind,ro {root}")
        drop = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--no-new-privs"]
        run = [*drop, "--inh-caps=-all", "--bounding-set=-all", *run]
    steps.append(f"exec /usr/sbin/chroot {root} {shlex.join(run)}")
    script = " && ".join(steps)
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-ec", script]
