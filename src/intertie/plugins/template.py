"""The file that `intertie plugins new` writes."""

import keyword
import re
from pathlib import Path

from intertie.errors import PluginError

_NAME = re.compile(r"[a-z][a-z0-9_]*")

_TEMPLATE = '''"""{title}: says what this plugin is for."""

from typing import Any

from intertie.plugins import PluginBase, PluginInfo


class {kind}(PluginBase):
    """Called at the moments that `hooks` names."""

    def get_info(self) -> PluginInfo:
        return PluginInfo(
            name="{name}",
            version="0.1.0",
            description="{title}",
            author="",
            hooks=["service_start", "service_stop", "service_error", "metrics_collect"],
            # after=["other"],     called after another plugin, where that is loaded
            # requires=["other"],  not loaded without it
        )

    # Settings come from the suite file and are in `self.config` before the first hook:
    #   plugins: {{config: {{{name}: {{greeting: hello}}}}}}
    # With a pydantic model in `config_model`, they are checked when the plugin is loaded.

    def on_service_start(self, service_name: str, pid: int) -> None:
        # What is printed goes to the daemon's log.
        print(f"{{service_name}} runs as {{pid}}")

    def on_service_stop(self, service_name: str, pid: int) -> None:
        print(f"{{service_name}} ({{pid}}) has ended")

    # Any hook may be async; all async hooks share one event loop.
    async def on_service_error(self, service_name: str, error: Exception) -> None:
        print(f"{{service_name}} failed: {{error}}")

    def on_metrics_collect(self, metrics: dict[str, Any]) -> dict[str, Any]:
        # Only what is added. Numbers are metrics; text becomes a label of `<name>_info`.
        return {{"{name}_answer": 42}}

    # The other hooks; name them above to have them called:
    #   on_health_check(self, health_data: dict[str, Any]) -> None
    #   on_config_load(self, config: dict[str, Any]) -> dict[str, Any]
    #   on_shutdown(self) -> None
'''


def write_new(name: str, folder: Path) -> Path:
    """Write a working plugin `name` into `folder`; its file. Nothing is ever overwritten."""
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        what = "expected small letters, digits and `_`, a letter first"
        raise PluginError(f"cannot write plugin {name!r}: {what}")
    file = folder / f"{name}.py"
    words = name.split("_")
    kind = "".join(word.capitalize() for word in words) + "Plugin"
    title = " ".join(words).strip().capitalize()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as new:
            new.write(_TEMPLATE.format(name=name, kind=kind, title=title))
    except FileExistsError as exc:
        raise PluginError(f"cannot write {file}: it is there already; choose another name") from exc
    except OSError as exc:
        raise PluginError(f"cannot write {file}: {exc.strerror}") from exc
    return file
