"""`alerts quality` and `alerts proof`: what became of notices."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from intertie.cli import render
from intertie.cli.client import Client
from intertie.cli.options import Target, json_option, suite_options
from intertie.cli.span import Span
from intertie.errors import IntertieError

if TYPE_CHECKING:
    from intertie.monitor.proof import Proof

_US = 1_000_000


@click.command()
@suite_options
@json_option
@click.option("--since", type=Span(), default="90d", show_default=True, help="How far back.")
def quality(target: Target, since: float, as_json: bool) -> None:
    """Say what became of each rule's notices, and what to change, as a diff of the suite file."""
    with Client.connect(target.folder) as client:
        found = client.get("/api/alerts/quality", since_s=since)
    found["diff"] = _diff(target.file, found["rules"])
    if as_json:
        render.as_json(found)
        return
    rows = [
        [
            each["rule"],
            "never told" if each["never_told"] else str(each["episodes"]),
            f"{each['pages_per_week']:g}",
            _within(each),
            str(each["ignored"]),
            str(each["short"]),
            str(each["flapped"]),
        ]
        for each in found["rules"]
    ]
    headings = ("RULE", "TOLD", "PAGES A WEEK", "ACKNOWLEDGED", "IGNORED", "SHORT", "FLAPPED")
    render.table(rows, headings)
    for each in found["rules"]:
        for wanted in each["proposals"]:
            click.echo(f"{each['rule']}: {wanted['key']}: {wanted['value']}, for {wanted['why']}")
    click.echo(found["diff"], nl=False)


def _within(rule: dict[str, Any]) -> str:
    if rule["acknowledged_within_s"] is None:
        return "-"
    return f"{rule['acknowledged']}, within {rule['acknowledged_within_s']:.0f} s"


def _diff(file: Path, rules: list[dict[str, Any]]) -> str:
    from intertie.monitor.quality import Proposal
    from intertie.monitor.quality_patch import patch

    wanted = {
        each["rule"]: [Proposal(p["key"], p["value"], p["why"]) for p in each["proposals"]]
        for each in rules
    }
    return patch(_read(file), file.name, wanted)


@click.command()
@suite_options
@json_option
@click.argument("notice_id", required=False)
@click.option(
    "--verify",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Check a proof that was written before; nothing has to run.",
)
def proof(*, target: Target, notice_id: str | None, verify: Path | None, as_json: bool) -> int:
    """Print how NOTICE_ID came about: samples, evaluation, text and answer, chained by hashes.

    With --json it is a file that `--verify` checks anywhere. Ends with 1 when a chain is broken.
    """
    from intertie.monitor.proof import faults, parse

    if (notice_id is None) == (verify is None):
        raise click.UsageError("expected either NOTICE_ID or --verify FILE")
    if verify is not None:
        text = _read(verify)
    else:
        with Client.connect(target.folder) as client:
            text = client.text(f"/api/alerts/notices/{quote(notice_id or '', safe='')}/proof")
    found = parse(text)
    wrong = faults(found)
    if as_json and verify is None:
        click.echo(found.model_dump_json(indent=2))
        return int(bool(wrong))
    if as_json:
        render.as_json({"notice": found.notice, "valid": not wrong, "faults": wrong})
        return int(bool(wrong))
    if not wrong:
        _tell(found)
    for each in wrong:
        click.echo(f"broken: {each}")
    return int(bool(wrong))


def _tell(found: "Proof") -> None:
    from intertie.monitor.proof import story

    it = story(found)
    for each in it.evidence:
        for sample in _list(each["samples"]):
            at = _at(sample["at_ms"] * 1000)
            click.echo(f"sample     {at}  {sample['series']} {sample['value']}")
        moment = int(str(each["at_ms"])) * 1000
        click.echo(f"evaluated  {_at(moment)}  {each['rule']}: {each['expr']} gave {each['value']}")
        since = int(str(each["active_at_ms"])) * 1000
        click.echo(f"state      {_at(moment)}  firing, so since {_at(since)}")
    if not it.evidence:
        click.echo("evaluated  its samples were not kept")
    click.echo(f"planned    {_at(it.planned_us)}  {it.kind} of {it.title} by {it.channel}")
    if it.settled_us is not None:
        click.echo(f"{it.outcome:<10} {_at(it.settled_us)}  {it.answer}")
    click.echo(f"the chain of {len(found.rows)} rows is whole; it ends in {found.rows[-1].hash}")


def _list(value: object) -> list[dict[str, Any]]:
    return value if isinstance(value, list) else []


def _at(us: int) -> str:
    return datetime.fromtimestamp(us / _US, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise IntertieError(f"cannot read {file}: {exc}") from exc
