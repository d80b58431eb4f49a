"""What an event says about an incident, for people."""

from collections.abc import Callable, Mapping

from intertie.event import (
    AlertFiring,
    AlertResolved,
    Event,
    GatewayApplied,
    HealthChanged,
    HookFailed,
    RemediationMoved,
    ServiceFailed,
    ServiceFlapping,
    ServiceStarted,
    ServiceStopped,
)

Data = Mapping[str, object]


def told_in_words(event: Event) -> str:
    """In half a sentence, without what it is about; an event without words of its own as it is."""
    tell = _WORDS.get(event.type)
    return event.type if tell is None else tell(event.data)


def is_about_services(event: Event) -> bool:
    """Whether it tells how a service does."""
    return event.type in _WORDS and "service" in event.data


def _started(data: Data) -> str:
    took = data.get("took_s")
    ready = f", ready after {took:.1f} s" if isinstance(took, float | int) else ""
    return f"started, pid {data.get('pid')}{ready}"


def _stopped(data: Data) -> str:
    if data.get("wanted"):
        return "stopped on request"
    if data.get("signal") is not None:
        return f"ended by signal {data['signal']}, pid {data.get('pid')}"
    if data.get("exit_code") is not None:
        return f"ended with exit code {data['exit_code']}, pid {data.get('pid')}"
    return f"ended, pid {data.get('pid')}"


def _failed(data: Data) -> str:
    retry = data.get("retry_in_s")
    then = f"tried again in {retry:.1f} s" if isinstance(retry, float | int) else "given up"
    return f"failed: {data.get('error')}; {then}"


def _health(data: Data) -> str:
    return f"health check {data.get('status')}: {data.get('reason')}"


def _flapping(data: Data) -> str:
    return f"health changed {data.get('changes')} times within {data.get('window_s')} s"


def _hook(data: Data) -> str:
    return f"hook {data.get('moment')} failed: {data.get('error')}"


def _gateway(data: Data) -> str:
    if data.get("accepted"):
        return f"took configuration {str(data.get('generation'))[:12]}"
    return f"refused configuration {str(data.get('generation'))[:12]}: {data.get('error')}"


def _firing(data: Data) -> str:
    annotations = data.get("annotations")
    summary = annotations.get("summary") if isinstance(annotations, dict) else None
    told = f": {summary}" if summary else ""
    return f"alert fires ({data.get('severity')}), value {data.get('value')}{told}"


def _resolved(_: Data) -> str:
    return "alert is over"


def _recovered(data: Data) -> str:
    return f"is well again, after {data.get('attempts')} steps of recovery"


def _given_up(data: Data) -> str:
    return f"recovery gave up after {data.get('attempts')} steps: {data.get('reason')}"


def _remediation(data: Data) -> str:
    tried = f"{data.get('action')} (rule {data.get('rule')}, attempt {data.get('attempt')})"
    why = f": {data.get('why')}" if data.get("why") else ""
    return f"remediation {str(data.get('status')).replace('_', ' ')}: {tried}{why}"


_WORDS: Mapping[str, Callable[[Data], str]] = {
    ServiceStarted.type: _started,
    ServiceStopped.type: _stopped,
    ServiceFailed.type: _failed,
    HealthChanged.type: _health,
    ServiceFlapping.type: _flapping,
    HookFailed.type: _hook,
    GatewayApplied.type: _gateway,
    AlertFiring.type: _firing,
    AlertResolved.type: _resolved,
    RemediationMoved.type: _remediation,
    "suite.recovered": _recovered,
    "suite.recovery_alert": _given_up,
}
