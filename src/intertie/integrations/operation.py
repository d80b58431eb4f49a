"""What a connector can do: each operation is data, and a call to it is typed."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from string import Formatter
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from pydantic import BaseModel, ConfigDict, TypeAdapter

from intertie.integrations.data import Effect, Encoding, Key, Pages
from intertie.integrations.look import listed

if TYPE_CHECKING:
    from intertie.integrations.connector import Connector

A = TypeVar("A", bound="Arguments")
R = TypeVar("R")


class Arguments(BaseModel):
    """What an operation is told. Those that its path names go there, an alias is their name."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Nothing(Arguments):
    """No arguments."""


class Answer(BaseModel):
    """What a vendor answers, as far as we look at it; more than that is no fault."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Empty(Answer):
    """Nothing that anybody looks at."""


@dataclass(frozen=True, slots=True)
class Operation(Generic[A, R]):
    """One thing that can be asked of a vendor."""

    method: str
    path: str
    """Below the base; `{name}` is an argument. A whole address is taken as it is."""
    arguments: type[A]
    answer: type[R]
    effect: Effect = "read"
    encoding: Encoding = "json"
    """Of the arguments that the path does not take, where the method has a body."""
    pages: Pages | None = None
    scopes: tuple[str, ...] = ()
    """All of them are needed."""
    key: Key | None = None
    """How the vendor keeps it from being done twice."""
    never_again: bool = False
    """The vendor has no such way, and so it is never tried twice: to be said of `money`."""
    headers: tuple[tuple[str, str], ...] = ()
    fixed: tuple[tuple[str, str], ...] = ()
    """Sent as if they were arguments, the same in each call: `method=track.love` of Last.fm."""
    document: str = ""
    """Of GraphQL."""
    per_minute: int | None = None
    """Allowance of this operation alone."""
    per_second: int | None = None
    """The same, in any second."""
    timeout_s: float | None = None
    """In place of the connection's."""
    name: str = ""
    in_path: frozenset[str] = field(init=False, default=frozenset())
    _adapter: TypeAdapter[R] | None = field(init=False, default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.effect == "money" and self.key is None and not self.never_again:
            raise TypeError(f"{self.method} {self.path} moves money: give `key` or `never_again`")
        named = {name for _, name, _, _ in Formatter().parse(self.path) if name}
        object.__setattr__(self, "in_path", frozenset(named))

    def named(self, name: str) -> "Operation[A, R]":
        """The same under the name it has in its connector."""
        return replace(self, name=name)

    @property
    def adapter(self) -> TypeAdapter[R]:
        """Reads answers; made with the first, for a kind has many operations and uses few."""
        found = self._adapter
        if found is None:
            found = TypeAdapter(self.answer)
            object.__setattr__(self, "_adapter", found)
        return found

    @property
    def has_allowance(self) -> bool:
        """Whether it is counted by itself too."""
        return bool(self.per_minute or self.per_second)

    @property
    def may_repeat(self) -> bool:
        """Whether doing it twice is the same as once, also when nobody knows if it was done."""
        if self.never_again:
            return False
        if self.effect in {"money", "message"}:
            return self.key is not None
        return self.effect == "read" or self.key is not None or self.method in {"PUT", "DELETE"}

    @overload
    def __get__(self, instance: "Connector", owner: type[object]) -> "Bound[A, R]": ...

    @overload
    def __get__(self, instance: object, owner: type[object]) -> "Operation[A, R]": ...

    def __get__(self, instance: object, owner: type[object]) -> "Operation[A, R] | Bound[A, R]":
        return self if instance is None else Bound(self, cast("Connector", instance))


@dataclass(slots=True, eq=False)
class Bound(Generic[A, R]):
    """An operation of one connection: it is called."""

    operation: Operation[A, R]
    connection: "Connector"

    async def __call__(
        self,
        arguments: A | None = None,
        /,
        *,
        key: str | None = None,
        **given: Any,
    ) -> R:
        """The vendor's answer. Arguments come as their model, or by name.

        `key` keeps the call from being done twice, also by somebody else who gives the same.
        Raises IntegrationError.
        """
        return await self.connection.invoke(self.operation, arguments, given, key)

    def pages(self, arguments: A | None = None, /, **given: Any) -> AsyncIterator[R]:
        """One answer after the other, as long as there are more. Raises IntegrationError."""
        return self.connection.turn(self.operation, arguments, given)

    async def every(
        self,
        arguments: A | None = None,
        /,
        *,
        at_most: int | None = None,
        **given: Any,
    ) -> AsyncIterator[Any]:
        """All things of all pages, at most so many. Raises IntegrationError."""
        kind = self.operation.pages
        count = 0
        if at_most is not None and at_most < 1:
            return
        async for page in self.pages(arguments, **given):
            for item in listed(page, kind.items) if kind else ():
                count += 1
                yield item
                if count == at_most:
                    return


def get(path: str, arguments: type[A], answer: type[R], **said: Any) -> Operation[A, R]:
    """Reads."""
    return Operation("GET", path, arguments, answer, **said)


def post(path: str, arguments: type[A], answer: type[R], **said: Any) -> Operation[A, R]:
    """Does something; `write` unless `effect` says otherwise."""
    said.setdefault("effect", "write")
    return Operation("POST", path, arguments, answer, **said)


def put(path: str, arguments: type[A], answer: type[R], **said: Any) -> Operation[A, R]:
    """Writes, the same however often."""
    said.setdefault("effect", "write")
    return Operation("PUT", path, arguments, answer, **said)


def patch(path: str, arguments: type[A], answer: type[R], **said: Any) -> Operation[A, R]:
    """Changes a part."""
    said.setdefault("effect", "write")
    return Operation("PATCH", path, arguments, answer, **said)


def delete(path: str, arguments: type[A], answer: type[R], **said: Any) -> Operation[A, R]:
    """Removes."""
    said.setdefault("effect", "write")
    return Operation("DELETE", path, arguments, answer, **said)


def graphql(document: str, arguments: type[A], answer: type[R], **said: Any) -> Operation[A, R]:
    """A query, or a mutation (`write` then), at the base; the arguments are its variables."""
    said.setdefault("effect", "write" if document.lstrip().startswith("mutation") else "read")
    return Operation("POST", "", arguments, answer, encoding="graphql", document=document, **said)


def operations_of(cls: type[object]) -> Sequence[Operation[Any, Any]]:
    """All of a connector, in the order in which it has them."""
    found: dict[str, Operation[Any, Any]] = {}
    for each in reversed(cls.__mro__):
        found |= {k: v for k, v in vars(each).items() if isinstance(v, Operation)}
    return tuple(found.values())
