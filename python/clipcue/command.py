"""Runs the program that the wheel contains."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sysconfig
import threading
from dataclasses import dataclass, field
from typing import Any, Callable, Optional, Sequence

_PARTIAL = 3  # the exit code if some inputs failed


class Error(Exception):
    """A command failed. code is its exit code: 1 failure, 2 wrong usage, -n stopped by signal n."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Progress:
    """How far a stage of a command is."""

    stage: str
    done: int
    total: Optional[int]  # None if it is not known
    unit: str
    message: str


@dataclass
class Result:
    """What a command that finished printed."""

    stdout: str
    partial: bool  # some inputs failed
    log: list[str] = field(default_factory=list)  # without progress

    def json(self) -> Any:
        """Returns the output of a command with --json."""
        return json.loads(self.stdout)


def binary() -> str:
    """Returns the path of the program: CLIPCUE_BINARY, that of the wheel, or one in PATH."""
    chosen = os.environ.get("CLIPCUE_BINARY")
    if chosen:
        if not os.path.isfile(chosen):
            raise FileNotFoundError(f"CLIPCUE_BINARY: {chosen} is not a file")
        return os.path.abspath(chosen)  # run may change the folder
    name = "clipcue" + (sysconfig.get_config_var("EXE") or "")
    user = sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user"))
    for path in (os.path.join(sysconfig.get_path("scripts"), name), os.path.join(user, name), shutil.which(name)):
        if path and os.path.isfile(path):
            return path
    raise FileNotFoundError(f"{name} is neither installed with this package nor in PATH")


def run(arguments: Sequence[str | os.PathLike[str]], progress: Optional[Callable[[Progress], None]] = None,
        cwd: str | os.PathLike[str] | None = None) -> Result:
    """Runs a command, such as ["index", "--library", "lib", "videos"].

    progress is called while the command runs. If it raises an exception, or the caller is
    interrupted, the command is stopped.
    """
    command = [binary(), *(os.fspath(a) for a in arguments)]
    environment = {**os.environ, "CLIPCUE_LOG_FORMAT": "json"}
    with subprocess.Popen(command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, encoding="utf-8", errors="replace") as process:
        stdout, stderr = process.stdout, process.stderr
        assert stdout and stderr
        output: list[str] = []
        reader = threading.Thread(target=lambda: output.append(stdout.read()))
        reader.start()
        log: list[str] = []
        try:
            for line in stderr:
                update = _read(line, log)
                if update and progress:
                    progress(update)
        except BaseException:
            process.terminate()
            raise
        finally:
            reader.join()
        code = process.wait()
    if code not in (0, _PARTIAL):
        raise Error(_message(log) or f"{command[0]}: {_ending(code)}", code)
    return Result("".join(output), code == _PARTIAL, log)


def _message(log: list[str]) -> str:
    """Returns the error message of a command: the lines at the end of its log that are not JSON."""
    message: list[str] = []
    for line in reversed(log):
        if line.startswith("{") or len(message) == 2:
            break
        message.insert(0, line)
    return "\n".join(message)


def _ending(code: int) -> str:
    """Returns how a process ended that printed no message."""
    if code >= 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown signal"
    advice = "; the system may be out of memory" if name == "SIGKILL" else ""
    return f"stopped by signal {-code} ({name}){advice}"


def _read(line: str, log: list[str]) -> Optional[Progress]:
    """Returns the progress in a line of a log, or adds the line to log."""
    try:
        entry = json.loads(line)
        return Progress(entry["msg"], entry["done"], entry.get("total"), entry["unit"], entry.get("message", ""))
    except (ValueError, KeyError, TypeError):
        log.append(line.rstrip("\n"))
        return None
