"""Series and their samples: what collectors give, stores keep and queries read."""

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from intertie.monitor import linear

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NAME_LABEL = "__name__"
STALE: float = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
"""The value that ends a series, a NaN of its own, as Prometheus writes it."""

_STALE_BITS = 0x7FF0000000000002
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


@dataclass(frozen=True, slots=True, order=True)
class Series:
    """What is measured. Two with the same name and labels are the same."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()
    """Sorted by name; no empty value."""

    @classmethod
    def of(cls, name: str, labels: Mapping[str, str] | None = None) -> "Series":
        """With labels in any order; those without a value are left out."""
        return cls(name, tuple(sorted((k, v) for k, v in (labels or {}).items() if v)))

    def __str__(self) -> str:
        told = ", ".join(f'{name}="{escaped(value)}"' for name, value in self.labels)
        return f"{self.name}{{{told}}}" if told else self.name


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one series; the moment is told with the batch."""

    series: Series
    value: float


@dataclass(frozen=True, slots=True)
class Found:
    """Samples of one series, oldest first, stale markers included."""

    series: Series
    times: "NDArray[np.int64]"
    """Milliseconds since 1970."""
    values: "NDArray[np.float64]"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label. A label that is not there is an empty text, as in PromQL."""

    label: str
    """`__name__` is the series' name."""
    op: Literal["=", "!=", "=~", "!~"]
    value: str
    """For `=~` and `!~` a regular expression that must match the whole text."""

    def fits(self, series: Series) -> bool:
        """Whether the series has it so."""
        text = series.name if self.label == NAME_LABEL else dict(series.labels).get(self.label, "")
        match self.op:
            case "=":
                return text == self.value
            case "!=":
                return text != self.value
            case "=~":
                return linear.fits(self.value, text)
            case "!~":
                return not linear.fits(self.value, text)


class Source(Protocol):
    """Where samples are read from: the store, or the ring of the newest ones."""

    async def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int
    ) -> Sequence[Found]:
        """All series that fit and have samples with `start_ms` < time <= `end_ms`."""
        ...


def is_stale(value: float) -> bool:
    """Whether it is the marker, and no other NaN."""
    found: int = struct.unpack("<Q", struct.pack("<d", value))[0]
    return found == _STALE_BITS


def is_name(text: str) -> bool:
    """Whether a series may be called so."""
    return _NAME.fullmatch(text) is not None


def escaped(text: str) -> str:
    """As it stands between the quotes of a label's value."""
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
