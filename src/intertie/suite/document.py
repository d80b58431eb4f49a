"""Files of a suite to one tree: read, `include` joined, the overlay of the environment applied."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from intertie.errors import Fault
from intertie.suite.interpolate import MissingError, Sources, expand
from intertie.suite.merge import join, longhand, overlay, sweep
from intertie.suite.nearest import did_you_mean
from intertie.suite.output import output_of
from intertie.suite.parse import MAX_BYTES, parse
from intertie.suite.tree import Entry, Items, Keys, Place, Scalar, Table

MAX_FILES = 200


@dataclass(slots=True)
class Documents:
    """The files of one suite; every file is read once, every fault kept."""

    folder: Path
    env: Mapping[str, str]
    environment: str | None
    """Chosen by the user; None for the file without overlays."""
    faults: list[Fault]
    files: list[Path] = field(default_factory=list)
    known_environments: set[str] = field(default_factory=set)

    @property
    def sources(self) -> Sources:
        """What values of these files may refer to."""
        run = partial(output_of, folder=self.folder, env=self.env)
        return Sources(self.env, self.read_value, run)

    def open(self, path: Path) -> Table | None:
        """A file with all it includes, as the chosen environment sees it."""
        return self._open(path, (), set())

    def _open(self, path: Path, way: tuple[Path, ...], seen: set[Path]) -> Table | None:
        seen.add(path.resolve())
        tree = self._read(path)
        if tree is None:
            return None
        tree = longhand(tree)
        includes = tree.entries.get("include")
        overlays = tree.entries.get("environments")
        tree = tree.without("include", "environments")
        if includes is not None:
            for place, keys, included in self._included(includes, path.parent):
                tree = self._join(tree, (place, keys, included), (*way, path), seen)
        return self._overlaid(tree, overlays) if overlays is not None else tree

    def _join(
        self,
        tree: Table,
        include: tuple[Place, Keys, Path],
        way: tuple[Path, ...],
        seen: set[Path],
    ) -> Table:
        place, keys, path = include
        ring = [file.resolve() for file in way]
        if path.resolve() in ring:
            names = [str(file) for file in (*way[ring.index(path.resolve()) :], path)]
            self.faults.append(place.fault(keys, f"files include each other: {' → '.join(names)}"))
        elif not path.is_file():
            self.faults.append(place.fault(keys, f"cannot read {path}: there is no such file"))
        elif path.resolve() not in seen:
            other = self._open(path, way, seen)
            if other is not None:
                return join(tree, other.without("suite"), self.faults)
        return tree

    def _included(self, entry: Entry, folder: Path) -> list[tuple[Place, Keys, Path]]:
        """The files named by `include`, relative to the file that names them."""
        node = entry.node
        items = node.items if isinstance(node, Items) else (node,)
        found: list[tuple[Place, Keys, Path]] = []
        for index, item in enumerate(items):
            keys: Keys = ("include", index) if isinstance(node, Items) else ("include",)
            place = item.place if isinstance(node, Items) else entry.place
            if isinstance(item, Scalar) and isinstance(item.value, str):
                name = expand(item.value, keys, place, self.sources, self.faults)
                found.append((place, keys, folder / name))
            else:
                self.faults.append(place.fault(keys, "expected a file name, or a list of them"))
        return found

    def _overlaid(self, tree: Table, overlays: Entry) -> Table:
        """The tree under the overlay of the chosen environment, if the file has one."""
        if not isinstance(overlays.node, Table):
            why = "expected a map of environment names"
            self.faults.append(overlays.place.fault(("environments",), why))
            return tree
        for name, entry in overlays.node.entries.items():
            self.known_environments.add(name)
            keys = ("environments", name)
            if not isinstance(entry.node, Table):
                self.faults.append(entry.place.fault(keys, "expected a map of keys to change"))
            elif name == self.environment:
                tree = self._apply(tree, entry.node)
        return tree

    def _apply(self, tree: Table, over: Table) -> Table:
        for key in ("include", "environments", "suite"):
            if (entry := over.entries.get(key)) is not None:
                why = f"`{key}` cannot differ between environments"
                keys = ("environments", self.environment or "", key)
                self.faults.append(entry.place.fault(keys, why))
        return _swept(overlay(tree, over.without("include", "environments", "suite")))

    def check_environment(self, place: Place) -> None:
        """A chosen environment that no file knows is a fault: nobody wants the wrong one."""
        name = self.environment
        if name is not None and name not in self.known_environments:
            known = ", ".join(sorted(self.known_environments)) or "none"
            hint = did_you_mean(name, self.known_environments)
            why = f"no environment is called {name!r}; there are: {known}"
            self.faults.append(place.fault(("environments",), why, hint))

    def _read(self, path: Path) -> Table | None:
        self.files.append(path)
        top = Place(path, 1, 1)
        if len(self.files) > MAX_FILES:
            self.faults.append(top.fault((), f"a suite can have at most {MAX_FILES} files"))
            return None
        try:
            text = read_text(path)
        except MissingError as exc:
            self.faults.append(Fault(path, 0, 0, "", exc.message, exc.hint))
            return None
        before = len(self.faults)
        node = parse(text, path, self.faults)
        if isinstance(node, Table):
            return node
        if len(self.faults) == before:
            got = "an empty file" if node is None else "something else"
            self.faults.append(
                top.fault((), f"expected a map of keys such as `services`, got {got}")
            )
        return None

    def read_value(self, name: str) -> str:
        """For `${file:…}`: a file inside the suite's folder, less one newline at its end."""
        path = self.folder / name
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise MissingError(f"cannot read {name}: it is outside the suite's folder")
        text = read_text(path)
        if path not in self.files:
            self.files.append(path)
        return text.removesuffix("\n").removesuffix("\r")


def _swept(tree: Table) -> Table:
    """What an overlay took away, gone, except inside services: those may yet extend others."""
    services = tree.get("services")
    tree = sweep(tree.without("services"))
    if isinstance(services, Table):
        tree = tree.replace("services", sweep(services, levels=1))
    return tree


def read_text(path: Path) -> str:
    """A text file of bounded size; raises MissingError with the reason."""
    try:
        # A pipe or device has no end, and opening one may block for ever.
        if path.exists() and not path.is_file():
            raise MissingError(f"cannot read {path}: it is not a file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "its name is not valid"
        raise MissingError(f"cannot read {path}: {why}") from exc
    if len(content) > MAX_BYTES:
        raise MissingError(f"cannot read {path}: it is larger than 1 MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        raise MissingError(f"cannot read {path}: line {line} is not UTF-8 text") from exc
