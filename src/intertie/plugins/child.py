"""The process that plugins run in: `python -m intertie.plugins.child DESCRIPTOR`.

Its host writes requests to its standard input and reads answers from its standard output. Both are
moved aside before any plugin is loaded: what plugins print goes to standard error.
"""

import ctypes
import json
import logging
import os
import queue
import resource
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict
from threading import Thread
from typing import BinaryIO

from intertie.plugins import wire
from intertie.plugins.calls import Outcome
from intertie.plugins.load import Loaded
from intertie.plugins.manager import PluginManager
from intertie.plugins.slot import Slot
from intertie.plugins.wire import Message

_PR_SET_PDEATHSIG = 1
_HANDED_ON = {"on_config_load", "on_metrics_collect"}


def main() -> None:
    """Serve until the host is gone."""
    requests, answers = _pipes()
    slot = Slot(int(sys.argv[1]))
    _die_with_host()
    logging.basicConfig(stream=sys.stderr, format="%(message)s", level=logging.INFO)
    for name in ("manager", "registry"):  # what they would tell goes to the host, who tells it
        logging.getLogger(f"intertie.plugins.{name}").setLevel(logging.CRITICAL)
    waiting: queue.SimpleQueue[Message] = queue.SimpleQueue()
    Thread(target=_receive, args=(requests, waiting), daemon=True).start()
    served = _Served(slot, waiting.get())
    while True:
        for answer in served.answers():
            answers.write(answer)
            answers.flush()
        served.message = waiting.get()


class _Served:
    """The plugins, and the request that is served."""

    def __init__(self, slot: Slot, first: Message) -> None:
        self.message = first
        self._slot = slot
        settings = wire.settings_of(first["settings"])
        _limit(settings.memory_limit_bytes)
        self._manager = PluginManager(settings, announce=slot.enter)

    def answers(self) -> Iterator[bytes]:
        """What the host is to get for the request, the last one marked as the end."""
        made = self._load() if self.message["do"] == "load" else self._call()
        for answer in made:
            yield wire.pack({"id": self.message["id"], **answer})

    def _load(self) -> Iterator[Message]:
        self._manager.load_plugins(without=self.message["without"])
        for fault in self._manager.faults:
            if fault.message.startswith("MemoryError"):
                self._slot.enter(fault.origin)
                os._exit(wire.OUT_OF_MEMORY)
        self._slot.leave()
        plugins = [_told(each, wanted=True) for each in self._manager.plugins]
        plugins += [_told(each, wanted=False) for each in self._manager.unwanted]
        faults = [asdict(each) for each in self._manager.faults]
        yield {"end": True, "plugins": plugins, "faults": faults}

    def _call(self) -> Iterator[Message]:
        hook: str = self.message["hook"]
        args = wire.revived(self.message["args"])
        for outcome in self._manager.outcomes(hook, args, self.message["skip"]):
            if outcome.error is not None and outcome.error.startswith("MemoryError"):
                os._exit(wire.OUT_OF_MEMORY)  # what it holds would be missing to the others
            self._slot.leave()
            yield {"outcome": _passed_on(hook, outcome)}
        yield {"end": True}


def _told(loaded: Loaded, *, wanted: bool) -> Message:
    info = loaded.info
    return {
        "name": info.name,
        "version": info.version,
        "description": info.description,
        "author": info.author,
        "hooks": list(loaded.hooks),
        "origin": loaded.origin,
        "stamp": loaded.stamp,
        "load_s": loaded.took_s,
        "wanted": wanted,
    }


def _passed_on(hook: str, outcome: Outcome) -> Message:
    """The outcome as JSON values; a result that cannot be passed on is a failure of its plugin."""
    answer: Message = {
        "plugin": outcome.plugin,
        "result": None,
        "error": outcome.error,
        "seconds": outcome.seconds,
    }
    result = outcome.result
    if isinstance(result, list) and hook == "on_metrics_collect":
        answer["result"] = [asdict(each) for each in result]
    elif result is not None:
        try:
            answer["result"] = json.loads(json.dumps(result))
            wire.pack(answer)
        except (ValueError, TypeError, RecursionError) as exc:
            answer["result"] = None
            if hook in _HANDED_ON:
                answer["error"] = f"{hook} returned what JSON cannot hold: {exc}"
    return answer


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """Requests and answers; standard input is empty now, standard output is standard error."""
    requests, answers = os.dup(0), os.dup(1)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return os.fdopen(requests, "rb"), os.fdopen(answers, "wb")


def _receive(requests: BinaryIO, waiting: "queue.SimpleQueue[Message]") -> None:
    """Hand requests on; when the host is gone end at once, whatever a plugin is doing."""
    while (message := wire.read(requests.read)) is not None:
        waiting.put(message)
    os.killpg(0, signal.SIGKILL)  # the host made this process the leader of a group of its own


def _die_with_host() -> None:
    """Also where a plugin never lets the thread run that would see the end of the requests."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _limit(memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    main()
