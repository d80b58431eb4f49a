"""Where plugins come from: the files of a folder, and entry points of installed packages."""

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from intertie.plugins.base import PluginBase
from intertie.plugins.fault import FaultyError
from intertie.plugins.settings import PluginSettings


@dataclass(frozen=True, slots=True)
class FileSource:
    """A Python file; each concrete subclass of PluginBase that it defines is a plugin."""

    path: Path

    @property
    def origin(self) -> str:
        """How a person is told of it."""
        return str(self.path)

    def stamp(self) -> str:
        """Another one after each change of the file."""
        try:
            found = self.path.stat()
        except OSError:
            return "gone"
        return f"{found.st_mtime_ns}-{found.st_size}-{found.st_ino}"

    def classes(self) -> list[type[PluginBase]]:
        """Run the file as a module of its own; raises whatever it raises."""
        module = ModuleType(self._module_name())
        module.__file__ = self.origin
        # Compiled here: an import would take the cached code of a file changed within the second.
        code = compile(self.path.read_bytes(), self.origin, "exec")
        before = sys.modules.get(module.__name__)
        sys.modules[module.__name__] = module
        try:
            exec(code, module.__dict__)  # noqa: S102 — what a plugin is
        except BaseException:
            _put_back(module.__name__, before)
            raise
        return [each for each in vars(module).values() if _is_plugin(each, module.__name__)]

    def _module_name(self) -> str:
        place = hashlib.sha256(self.origin.encode()).hexdigest()[:8]
        return f"intertie_plugin_{self.path.stem}_{place}"


@dataclass(frozen=True, slots=True)
class EntrySource:
    """An entry point that names a subclass of PluginBase. Loaded once a process."""

    entry: EntryPoint

    @property
    def origin(self) -> str:
        """How a person is told of it."""
        package = f" of {self.entry.dist.name}" if self.entry.dist else ""
        return f"entry point {self.entry.name} = {self.entry.value}{package}"

    def stamp(self) -> str:
        """The version of the package."""
        return self.entry.dist.version if self.entry.dist else ""

    def classes(self) -> list[type[PluginBase]]:
        """Import it; raises whatever that raises."""
        found: object = self.entry.load()
        if not (isinstance(found, type) and issubclass(found, PluginBase)):
            raise FaultyError("names no subclass of PluginBase")
        return [found]


Source = FileSource | EntrySource


def sources(settings: PluginSettings) -> list[Source]:
    """All of them, those of the folders first, each in the order of their names."""
    found: list[Source] = [FileSource(file) for path in settings.paths for file in files(path)]
    if settings.group is None:
        return found
    entries = sorted(entry_points(group=settings.group), key=lambda each: each.name)
    return [*found, *(EntrySource(each) for each in entries)]


def files(path: Path) -> Iterator[Path]:
    """The file itself, or those of a folder whose names do not begin with `_`."""
    if path.is_file():
        yield path
    elif path.is_dir():
        named = sorted(path.glob("*.py"))
        yield from (each for each in named if each.name[0] not in "_.")


def _is_plugin(value: object, module: str) -> bool:
    if not (isinstance(value, type) and issubclass(value, PluginBase)):
        return False
    return value.__module__ == module and not getattr(value, "__abstractmethods__", None)


def _put_back(name: str, before: ModuleType | None) -> None:
    if before is None:
        del sys.modules[name]
    else:
        sys.modules[name] = before
