"""What of a suite nobody would hear of, and what to write so that somebody does."""

from dataclasses import dataclass

from intertie.suite.model import Suite
from intertie.suite.monitoring import Monitoring


@dataclass(frozen=True, slots=True)
class CoverageLine:
    """A part of the suite."""

    kind: str
    name: str
    by: tuple[str, ...]
    """What would tell of it: rules, objectives, channels; nothing: nobody would hear of it."""
    proposal: str
    """What to add to the suite file, as YAML; empty where something tells."""


@dataclass(frozen=True, slots=True)
class CoverageView:
    """All parts of the suite."""

    percent: float
    """Of its parts that something would tell of."""
    told: tuple[str, ...]
    """Who hears of alerts; nothing: rules fire and nobody is told."""
    parts: tuple[CoverageLine, ...]
    proposal: str
    """All proposals together, as one piece of a suite file; empty where there are none."""


def coverage_of(suite: Suite) -> CoverageView:
    """By the suite file alone. Raises IntertieError for a rule that cannot be used."""
    from intertie.monitor.coverage import coverage  # noqa: PLC0415 - for monitored suites only
    from intertie.monitor.coverage_rules import proposals, together  # noqa: PLC0415
    from intertie.monitor.rule_files import dump  # noqa: PLC0415

    found = coverage(suite)
    lacking = [each.thing for each in found if not each.by]
    trees = dict(zip(lacking, proposals(lacking, suite), strict=True))
    parts = [
        CoverageLine(
            kind=each.thing.kind,
            name=each.thing.name,
            by=each.by,
            proposal=dump(trees[each.thing]) if each.thing in trees else "",
        )
        for each in found
    ]
    config = suite.monitoring or Monitoring()
    return CoverageView(
        percent=round(100 * (1 - len(lacking) / len(found)), 2) if found else 100.0,
        told=config.alert_integration.channels,
        parts=tuple(parts),
        proposal=dump(together(trees.values())) if trees else "",
    )
