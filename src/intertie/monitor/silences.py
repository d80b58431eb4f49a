"""What a silence must be like: somebody's, for a reason, for a time, and of something."""

import re
from collections.abc import Iterator
from datetime import timedelta

from intertie.errors import IntertieError
from intertie.monitor.sample import Matcher
from intertie.monitor.stages import TENANT, Alert, Silence

LONGEST = timedelta(days=365)

_MOST_MATCHERS = 50
_LONGEST_TEXT = 2000


def check(silence: Silence) -> None:
    """Raises IntertieError, with all that is wrong, when such a silence cannot be."""
    faults = [*_faults(silence)]
    if not faults and silence.fits(_nothing(silence)):
        # As Alertmanager does: a matcher that was forgotten must not silence everything.
        faults = ["its matchers fit alerts without any label; name one that must be there"]
    if faults:
        raise IntertieError(f"cannot silence alerts: {'; '.join(faults)}")


def _faults(silence: Silence) -> Iterator[str]:
    if not silence.created_by.strip():
        yield "an owner is needed"
    if not silence.comment.strip():
        yield "a comment is needed"
    if max(len(silence.created_by), len(silence.comment)) > _LONGEST_TEXT:
        yield f"owner or comment has more than {_LONGEST_TEXT} characters"
    if silence.ends_at <= silence.starts_at:
        yield "it ends before it begins"
    if silence.ends_at - silence.starts_at > LONGEST:
        yield f"it is longer than {LONGEST.days} days"
    if len(silence.matchers) > _MOST_MATCHERS:
        yield f"it has more than {_MOST_MATCHERS} matchers"
    for each in silence.matchers:
        yield from _matcher_faults(each)


def _matcher_faults(matcher: Matcher) -> Iterator[str]:
    if len(matcher.value) > _LONGEST_TEXT:
        yield f"the matcher of {matcher.label} has more than {_LONGEST_TEXT} characters"
    elif matcher.op in {"=~", "!~"}:
        try:
            re.compile(matcher.value)
        except (re.error, RecursionError, OverflowError) as exc:
            yield f"the matcher of {matcher.label} is no regular expression ({exc})"


def _nothing(silence: Silence) -> Alert:
    """An alert of that tenant with no label of its own."""
    return Alert(labels={TENANT: silence.tenant}, starts_at=silence.starts_at)
