"""Tasks in processes of their own: several at a time, each within a time limit, results in order.

A task that runs too long is ended with all it has started (a TeX engine), after it had a moment to remove its
temporary files. A process that dies without a result counts as a failed task; the others go on.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_GRACE = 2.0  # seconds between asking a process to end and ending it


class OutOfTime(Exception):
    """The task ran longer than it may."""


class Died(Exception):
    """The process ended without a result."""


@dataclass(slots=True)
class _Running:
    place: int
    process: Any
    receiver: Connection
    ends: float | None


def run_all(
    work: Callable[[T], R],
    tasks: Sequence[T],
    *,
    jobs: int,
    limit: float | None = None,
    on_done: Callable[[int], None] | None = None,
) -> list[R | OutOfTime | Died]:
    """``work`` of each task, at most ``jobs`` at a time, each in at most ``limit`` seconds.

    ``work``, the tasks and the results must be picklable; ``on_done`` is told how many are done.
    """
    context = _context()
    found: dict[int, R | OutOfTime | Died] = {}
    running: list[_Running] = []
    waiting = list(enumerate(tasks))[::-1]
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                place, task = waiting.pop()
                running.append(_start(context, work, place, task, limit))
            for one, result in _finished(running):
                running.remove(one)
                found[one.place] = result
                if on_done is not None:
                    on_done(len(found))
    finally:
        for one in running:
            _end(one)
    return [found[place] for place in range(len(tasks))]


def _context() -> Any:
    """Processes that begin clean (this one may have threads) and, where that is possible, at once."""
    if "forkserver" in multiprocessing.get_all_start_methods():
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["symbackprop.pipeline"])
        return context
    return multiprocessing.get_context("spawn")


def _start(
    context: Any, work: Callable[[T], R], place: int, task: T, limit: float | None
) -> _Running:
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(work, task, sender), daemon=True)
    process.start()
    sender.close()
    return _Running(place, process, receiver, None if limit is None else time.monotonic() + limit)


def _child(work: Callable[[T], R], task: T, sender: Connection) -> None:
    """The process: a group of its own, so that what it starts can be ended with it."""
    if hasattr(os, "setsid"):
        os.setsid()
    # An orderly end, so that temporary files are removed. Ctrl-C is the business of the parent.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sender.send(work(task))
    sender.close()


def _finished(running: Sequence[_Running]) -> list[tuple[_Running, Any]]:
    """Those that have a result, died, or are out of time; at least one, unless a second passes."""
    now = time.monotonic()
    ends = [one.ends - now for one in running if one.ends is not None]
    ready = wait([one.receiver for one in running], timeout=max(0.0, min([1.0, *ends])))
    done: list[tuple[_Running, Any]] = []
    for one in running:
        if one.receiver in ready:
            try:
                done.append((one, one.receiver.recv()))
            except EOFError:
                done.append((one, Died()))
            _end(one)
        elif one.ends is not None and time.monotonic() >= one.ends:
            _end(one)
            done.append((one, OutOfTime()))
    return done


def _end(one: _Running) -> None:
    """End the process and all that it has started, if they have not ended."""
    one.receiver.close()
    if one.process.is_alive():
        one.process.join(0.2)  # after its result it ends by itself
    if one.process.is_alive():
        one.process.terminate()
        one.process.join(_GRACE)
    if one.process.is_alive():
        one.process.kill()
        one.process.join(_GRACE)
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(one.process.pid, signal.SIGKILL)
