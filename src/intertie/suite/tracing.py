"""Where a suite's traces go, and how many of them there are."""

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from intertie.suite.values import Model, Period, Size, at

TRACES = "/v1/traces"
_USUAL = "http://127.0.0.1:4318"
"""Where Jaeger and Tempo take OTLP over HTTP."""


class Sampling(Model):
    """Which traces are recorded."""

    rate: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Part of the traces that begin here; what came with a traced request is always recorded."""


class SuiteTracing(Model):
    """Traces of requests, through the gateway and the services."""

    provider: Literal["local", "jaeger", "tempo", "otlp"] = "local"
    """They are kept here in any case; all others get them too, as OTLP over HTTP."""
    endpoint: Annotated[str, Field(pattern=r"^https?://[^\s#?]+$")] | None = None
    """Of that other; with or without the path. Jaeger and Tempo are at http://127.0.0.1:4318."""
    headers: dict[str, str] = {}
    """Of the requests to it; values may hold `${secret:name}`."""
    sampling: Sampling = Sampling()
    """Which traces are recorded."""
    retention: Period = 86400.0
    """How long they are kept here."""
    max_size: Annotated[Size, Field(ge=1 << 20)] = 512 << 20
    """Of the file they are kept in: when it is reached the oldest go first, those with errors
    last."""

    @model_validator(mode="after")
    def _has_a_place(self) -> Self:
        if self.provider == "local" and (self.endpoint or self.headers):
            raise at("provider", "it is local, so neither `endpoint` nor `headers` have a use")
        if self.provider == "otlp" and not self.endpoint:
            raise at("endpoint", "expected one: only those of jaeger and tempo are known")
        return self

    @property
    def forward_url(self) -> str | None:
        """Where each batch is passed on to, with its path; None: nowhere."""
        if self.provider == "local":
            return None
        base = (self.endpoint or _USUAL).rstrip("/")
        return base if urlsplit(base).path else base + TRACES


def variables(base_url: str, token: str, rate: float) -> dict[str, str]:
    """What services are told of tracing: those of our own kit, and any OpenTelemetry SDK."""
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": base_url.rstrip("/"),
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{token}",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": f"{rate:g}",
        "INTERTIE_TRACE_SAMPLE": f"{rate:g}",
    }
