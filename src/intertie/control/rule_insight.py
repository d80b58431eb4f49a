"""What is known of rules beyond how they stand now."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from intertie.control.monitoring import Watching
from intertie.control.rule_drill import DrillControl
from intertie.control.rule_quality import QualityControl
from intertie.control.rule_replay import ReplayControl
from intertie.suite.model import Suite


@dataclass(frozen=True, slots=True)
class RuleInsight:
    """Its use cases, by what they are about."""

    replays: ReplayControl = field(default_factory=ReplayControl)
    drills: DrillControl = field(default_factory=DrillControl)
    notices: QualityControl = field(default_factory=QualityControl)


def rule_insight(
    now_watching: Callable[[], Watching | None], load: Callable[[], Awaitable[Suite]]
) -> RuleInsight:
    """All of them, over what is monitored; `load` reads the suite file as it is now."""
    return RuleInsight(
        ReplayControl(now_watching, load), DrillControl(now_watching), QualityControl(now_watching)
    )
