"""The decision about one request: who it is from, what that one may do, and how often."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from intertie.gateway.authz.answer import (
    PASS,
    Refusal,
    header_lines,
    identity,
    refusal,
    without_cookies,
)
from intertie.gateway.authz.checks import Checks
from intertie.gateway.authz.incidents import IncidentBook
from intertie.gateway.authz.journal import Journal
from intertie.gateway.authz.question import Question
from intertie.gateway.authz.settings import AuthzSettings, RouteSettings
from intertie.gateway.authz.signed import Signatures
from intertie.gateway.authz.sources import Sources
from intertie.gateway.authz.who import Later, Who, by_session, identify, is_signed
from intertie.gateway.limits.fields import (
    POLICY_FIELD,
    QUOTA_EXCEEDED,
    STATE_FIELD,
    policy_field,
    retry_after,
    state_field,
)
from intertie.gateway.limits.plan import Asker, LimitPlan
from intertie.gateway.xds import KEY_HEADER
from intertie.identity.principal import Principal
from intertie.limits.counters import Account, Counters
from intertie.limits.decide import Decision

_MAX_VISITS = 50_000
_UNKNOWN = Refusal(
    403, "unknown_route", "cannot let you in: nothing is declared for this route", "default-deny"
)
_NO_SIGNERS = Refusal(
    401, "signature_unknown_key", "cannot use this signature: no keys are known", "signature"
)
_AWAY = Refusal(
    503,
    "limits_away",
    "cannot count this request: the counters are away",
    "limits",
    {"retry-after": "1"},
)


@dataclass(frozen=True, slots=True)
class Visit:
    """What is the same for all requests of one client on one route."""

    route: str
    principal: Principal | None
    account: Account | None
    identity: bytes
    """Headers of an answer that lets in: who it is,"""
    policies: bytes
    """and what it is held against."""


class Authorizer:
    """Answers questions; holds the settings of one generation at a time."""

    def __init__(
        self,
        settings: AuthzSettings,
        *,
        sources: Sources,
        counters: Counters,
        journal: Journal,
        checks: Checks | None = None,
        signatures: Signatures | None = None,
    ) -> None:
        """Without `checks` no request passes that is to be held against a document.

        Nor, without `signatures`, one that is signed.
        """
        self._signatures = signatures
        self._checks = checks or Checks(Path())
        self._sources = sources
        self._counters = counters
        self._journal = journal
        self._visits: dict[tuple[object, ...], Visit] = {}
        self._by_address = False
        self.use(settings)

    def use(self, settings: AuthzSettings) -> None:
        """Answer by these from now on; what was counted stays counted."""
        self.settings = settings
        self.plan = LimitPlan(settings.limits, settings.tenants) if settings.limits else None
        limits = settings.limits
        self._by_address = limits is not None and "ip" in limits.key.split("+")
        self._visits.clear()
        self._journal.sample = settings.log_sample

    @property
    def incidents(self) -> IncidentBook:
        """What the daemon is told of refusals."""
        return self._journal.incidents

    def quick(self, question: Question) -> bytes | None:
        """The answer if it needs no waiting; else None, and nothing has been counted."""
        ready = self._ready(question)
        if isinstance(ready, Later):
            return None
        if isinstance(ready, bytes):
            return ready
        if ready.account is None:
            return self._let_in(question, ready, None)
        decision = self._counters.quick(ready.account)
        return None if decision is None else self._limited(question, ready, decision)

    async def check(self, question: Question) -> bytes:
        """The answer."""
        ready = self._ready(question)
        if isinstance(ready, Later):
            route = self.settings.routes[question.route]
            ready = self._judge(question, route, await self._wait_for(question, route))
        if isinstance(ready, bytes):
            return ready
        if ready.account is None:
            return self._let_in(question, ready, None)
        return self._limited(question, ready, await self._counters.take(ready.account))

    async def _wait_for(self, question: Question, route: RouteSettings) -> Who:
        if not is_signed(question, route):
            return await by_session(question, route, self._sources)
        return self._signatures.who(question) if self._signatures else _NO_SIGNERS

    def _ready(self, question: Question) -> Visit | bytes | Later:
        route = self.settings.routes.get(question.route)
        if route is None:
            return self._refuse(question, _UNKNOWN)
        if route.preflight and question.is_preflight:
            account = self.plan.preflight(Asker(question.address)) if self.plan else None
            return Visit(question.route, None, account, b"", _policies(account))
        who = identify(question, route, self._sources)
        return who if isinstance(who, Later) else self._judge(question, route, who)

    def _judge(self, question: Question, route: RouteSettings, who: Who) -> Visit | bytes:
        if isinstance(who, Refusal):
            return self._refuse(question, self._or_login(question, route, who))
        refused = _permit(route, who) or self._check(question, route)
        if refused is not None:
            return self._refuse(question, refused, who)
        return self._visit(question, route, who)

    def _check(self, question: Question, route: RouteSettings) -> Refusal | None:
        return self._checks.refuse(route.document, question) if route.document else None

    def _or_login(self, question: Question, route: RouteSettings, refused: Refusal) -> Refusal:
        """A person is sent to the login page; a program is told."""
        login = self.settings.login_url
        wants_page = "text/html" in question.headers.get("accept", "")
        if (
            login is None
            or refused.code != "no_credentials"
            or "session" not in route.auth
            or question.method != "GET"
            or not wants_page
        ):
            return refused
        location = f"{login}?return_to={quote(question.target, safe='')}"
        return Refusal(302, "login", "log in first", "session", {"location": location})

    def _visit(self, question: Question, route: RouteSettings, who: Principal | None) -> Visit:
        headers = self._key_headers(question)
        name = question.route
        # The address counts for who is not known only, unless the limit's key names it.
        where = question.address if who is None or self._by_address else ""
        # A principal's own hash is that of all it holds: dearer than to compare the one found.
        client = (who.tenant, who.kind, who.id) if who else None
        key = (name, client, where, headers)
        found = self._visits.get(key)
        if found is not None and (found.principal is who or found.principal == who):
            return found
        account = None
        if self.plan is not None and route.limited:
            names = dict(zip(self.plan.headers, headers, strict=True))
            asker = Asker(question.address, who, names)
            account = self.plan.account(asker, name, route.rate_limit)
        if len(self._visits) >= _MAX_VISITS:
            self._visits.clear()
        made = Visit(name, who, account, identity(who), _policies(account))
        self._visits[key] = made
        return made

    def _key_headers(self, question: Question) -> tuple[str, ...]:
        if self.plan is None or not self.plan.headers:
            return ()
        return tuple(question.headers.get(name, "") for name in self.plan.headers)

    def _limited(self, question: Question, visit: Visit, decision: Decision) -> bytes:
        limits = self.settings.limits
        if decision.allowed or limits is None:
            return self._let_in(question, visit, decision)
        if limits.shadow:
            self._journal.shadow(question, visit.principal, decision)
            return self._let_in(question, visit, decision)
        refused = _AWAY if decision.away else _throttled(limits.throttling_response, decision)
        return self._refuse(question, refused, visit.principal, decision)

    def _let_in(self, question: Question, visit: Visit, decision: Decision | None) -> bytes:
        self._journal.allowed(question, visit.principal, decision)
        told = visit.identity
        cookie = question.headers.get("cookie")
        names = self.settings.session_cookies
        if cookie is not None and any(name in cookie for name in names):
            rest = without_cookies(cookie, names)
            hides = KEY_HEADER if rest else f"{KEY_HEADER},cookie"
            told = identity(visit.principal, hides=hides) + header_lines({"cookie": rest})
        return b"".join((PASS, told, visit.policies, _state(decision), b"\r\n"))

    def _refuse(
        self,
        question: Question,
        refused: Refusal,
        principal: Principal | None = None,
        decision: Decision | None = None,
    ) -> bytes:
        self._journal.refused(question, principal, refused, decision)
        return refusal(refused, route=question.route, request_id=question.request_id)


def _permit(route: RouteSettings, who: Principal | None) -> Refusal | None:
    """What one's roles and scopes do not allow. Nobody has any."""
    roles, scopes = (who.roles, who.scopes) if who else ((), ())
    if route.roles and not set(route.roles) & set(roles):
        wanted = " or ".join(route.roles)
        policy = f"role:{'|'.join(route.roles)}"
        return Refusal(403, "role_missing", f"cannot let you in: this is for {wanted}", policy)
    missing = sorted(set(route.scopes) - set(scopes)) if scopes or who is None else []
    if missing:
        detail = f"cannot let you in: this key or token lacks {', '.join(missing)}"
        return Refusal(403, "scope_missing", detail, f"scope:{'|'.join(missing)}")
    return None


def _throttled(status: int, decision: Decision) -> Refusal:
    wait_s = retry_after(decision)
    names = ", ".join(decision.violated)
    return Refusal(
        status,
        "rate_limited",
        f"cannot take more requests now: {names} is used up; try again in {wait_s} s",
        decision.violated[0] if decision.violated else "limits",
        {
            "retry-after": str(wait_s),
            POLICY_FIELD: policy_field(each.policy for each in decision.standings),
            STATE_FIELD: state_field(decision.standings),
        },
        type=QUOTA_EXCEEDED,
        violated=decision.violated,
    )


def _policies(account: Account | None) -> bytes:
    if account is None:
        return b""
    return header_lines({POLICY_FIELD: policy_field(meter.policy for meter in account.meters)})


def _state(decision: Decision | None) -> bytes:
    if decision is None or not decision.standings:
        return b""
    return f"{STATE_FIELD}: {state_field(decision.standings)}\r\n".encode()
