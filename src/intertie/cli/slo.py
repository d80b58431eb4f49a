"""`slo`: what is promised, what is kept, and what is left of the budgets."""

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from intertie.cli import render
from intertie.cli.client import Client
from intertie.cli.options import Target, json_option, suite_options
from intertie.errors import IntertieError

_DAY_S = 86400


@click.group()
def slo() -> None:
    """What is promised, what is kept, and what is left of the budgets."""


@slo.command("list")
@suite_options
@json_option
def list_slos(target: Target, as_json: bool) -> int:
    """List objectives as they stand over their windows; ends with 1 when one is missed."""
    with Client.connect(target.folder) as client:
        found = client.get("/api/slo")
    missed = any(each["met"] is False for each in found)
    if as_json:
        render.as_json(found)
        return int(missed)
    rows = [
        [
            each["name"],
            each["about"],
            f"{each['objective']:g}%",
            _achieved(each),
            _verdict(each["met"]),
            f"{each['window_s'] / _DAY_S:g}d",
            _left(each),
            ", ".join(_burning(burn) for burn in each["burning"]) or "-",
        ]
        for each in found
    ]
    headings = ("SLO", "OF", "PROMISED", "ACHIEVED", "", "OVER", "BUDGET LEFT", "BURNS")
    render.table(rows, headings)
    return int(missed)


@slo.command()
@suite_options
@json_option
@click.option("--month", metavar="YYYY-MM", help="Of UTC; without it this one so far.")
@click.option(
    "--html",
    "page",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write it as one page for people.",
)
def report(target: Target, month: str | None, page: Path | None, as_json: bool) -> None:
    """Print what was promised and kept in a month."""
    with Client.connect(target.folder) as client:
        if page is not None:
            asked = {"format": "html", **({"month": month} if month else {})}
            _write(page, client.text(f"/api/slo/report?{urlencode(asked)}"))
            return
        found = client.get("/api/slo/report", month=month)
    if as_json:
        render.as_json(found)
        return
    so_far = "" if found["complete"] else ", so far"
    click.echo(click.style(f"{found['month']}{so_far}", bold=True))
    rows = [
        [
            each["name"],
            each["about"],
            f"{each['objective']:g}%",
            _achieved(each),
            _verdict(each["met"]),
            _share(each["budget"]["used_share"]),
            f"{each['excluded_minutes']:g} min",
            ", ".join(day["day"] for day in each["worst_days"]) or "-",
        ]
        for each in found["objectives"]
    ]
    headings = ("SLO", "OF", "PROMISED", "ACHIEVED", "", "BUDGET USED", "EXCLUDED", "WORST DAYS")
    render.table(rows, headings)


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise IntertieError(f"cannot write {file}: {exc.strerror}") from exc
    click.echo(f"written to {file}")


def _achieved(each: dict[str, Any]) -> str:
    from intertie.monitor.slo_page import percent

    return percent(each["achieved"])


def _verdict(met: bool | None) -> str:
    return "no data" if met is None else "kept" if met else "missed"


def _left(each: dict[str, Any]) -> str:
    used = each["used_share"]
    return "none" if used is None else f"{1 - used:.1%}"


def _share(used: float | None) -> str:
    return "more than there is" if used is None else f"{used:.1%}"


def _burning(burn: dict[str, Any]) -> str:
    rate = "beyond any" if burn["rate"] is None else f"{burn['rate']:.3g}x"
    return f"{rate} in {burn['window']}"
