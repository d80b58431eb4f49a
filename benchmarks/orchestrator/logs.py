"""What became of the lines that services wrote."""

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_LINE = re.compile(rb"#(s\d{3}):(\d{10}) \.{82}")
"""A whole line of the payload, wherever a contender puts it."""
_ENDED_S = 0.5
_LOST_S = 5.0


def arrived(files: Callable[[], Sequence[Path]], size: int) -> int:
    """When the files stopped growing, in monotonic nanoseconds.

    Some add bytes of their own, so `size` tells only how long to wait for more: below it
    something is still on its way, or lost, or was rotated away.
    """
    last, grew, quiet_s = -1, time.monotonic_ns(), 0.0
    while quiet_s < (_ENDED_S if last >= size else _LOST_S):
        now = sum(_size(path) for path in files())
        if now != last:
            last, grew = now, time.monotonic_ns()
        time.sleep(0.002)
        quiet_s = (time.monotonic_ns() - grew) / 1e9
    return grew


def lines_kept(files: Sequence[Path]) -> int:
    """Whole, different lines."""
    seen: dict[bytes, set[int]] = {}
    for path in files:
        for name, number in _LINE.findall(_content(path)):
            seen.setdefault(name, set()).add(int(number))
    return sum(map(len, seen.values()))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""  # rotated away while we looked


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
