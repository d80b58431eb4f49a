"""Plugins written for a test: the body of a class, or one hook of it."""

from pathlib import Path

import psutil

from intertie.plugins import PluginManager, PluginSettings

_HEAD = """
import ctypes, os, time
import anyio
from intertie.plugins import PluginBase, PluginInfo

class Plugin(PluginBase):
    def get_info(self):
        return PluginInfo(name="{name}", version="{version}", description="", {more})

"""


def write(folder: Path, name: str, hooks: str = "", *, more: str = "", version: str = "1") -> Path:
    """A plugin `name` with the hooks given as code, in a file of that name."""
    folder.mkdir(exist_ok=True)
    body = "".join(f"    {line}\n" for line in hooks.strip("\n").split("\n"))
    file = folder / f"{name}.py"
    file.write_text(_HEAD.format(name=name, more=more, version=version) + body)
    return file


def edit(file: Path, text: str) -> None:
    """Put another text in its place, as editors do: nobody ever sees half of it."""
    made = file.with_name("being-written")
    made.write_text(text)
    made.replace(file)


def runs(pid: int) -> bool:
    """Whether the process has not ended; one that nobody has cleared away yet has."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def on_start(code: str, *, is_async: bool = False) -> str:
    """`on_service_start` that does `code`, a line or several."""
    lines = code.strip("\n").split("\n")
    head = f"{'async ' if is_async else ''}def on_service_start(self, service_name, pid):"
    return "\n".join([head, *(f"    {line}" for line in lines)])


def settings(folder: Path, **more: object) -> PluginSettings:
    """Settings for the plugins of a folder, and no others."""
    return PluginSettings(**{"paths": (folder,), "group": None, **more})  # type: ignore[arg-type] # a test's


def managed(folder: Path, **more: object) -> PluginManager:
    """A manager that has loaded them."""
    manager = PluginManager(settings(folder, **more))
    manager.load_plugins()
    return manager
