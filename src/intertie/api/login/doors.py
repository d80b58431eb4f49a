"""The ways in: the login page with its passwords, and the providers."""

from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.responses import Response

from intertie.api.login import pages
from intertie.api.login.desk import BUILT_IN, Offer
from intertie.api.login.entry import enter
from intertie.api.login.wire import Visit
from intertie.errors import AccessDeniedError
from intertie.identity.sso import LoginRefusedError, TooManyTriesError
from intertie.identity.sso.assertion import MAX_RESPONSE
from intertie.identity.sso.flows import AGAIN, Flow
from intertie.identity.sso.renewal import renew_at, seal_tokens
from intertie.identity.sso.saml import origin
from intertie.identity.sso.sessions import Session

_TICKET = "ticket"
_TICKET_S = 120.0
_OWN = ""
_WRONG = "cannot log in: login or password is wrong; try again"


async def show_login(visit: Visit) -> Response:
    """The login page, or straight on to the provider that the suite names."""
    asked = visit.query()
    return_to = visit.return_to(asked)
    session = await visit.desk.sessions.find(visit.cookie_header)
    if session is not None and not {"prompt", "again"} & asked.keys():
        return visit.redirect(return_to)
    chosen = visit.desk.settings.provider
    if chosen != BUILT_IN and chosen not in visit.desk.ldap:
        passed = {str(name): asked[name] for name in ("prompt", "login_hint") if name in asked}
        if session is not None and "again" in asked:
            passed["prompt"] = "login"
        passed["return_to"] = return_to
        return visit.redirect(_start(visit, chosen, passed))
    return await _page(visit, return_to, login=asked.get("login_hint", ""))


async def take_login(visit: Visit) -> Response:
    """A login and a password, of the suite's own users or of a directory."""
    fields = await visit.form()
    return_to = visit.return_to(fields)
    login, password = fields.get("login", ""), fields.get("password", "")
    realm = fields.get("realm", _OWN)
    try:
        if "answer" in fields:
            return await _by_passkey(visit, fields["answer"], return_to)
        if realm != _OWN:
            return await _by_directory(visit, realm, login, password, return_to)
        user = await visit.desk.accounts.by_password(
            login, password, tenant=visit.own_tenant, address=visit.address
        )
    except TooManyTriesError:
        raise
    except AccessDeniedError as exc:
        return await _page(visit, return_to, login=login, fault=str(exc))
    return await enter(visit, user, Session("", methods=("pwd",)), return_to)


async def start(visit: Visit) -> Response:
    """On to a provider."""
    name, asked = _name(visit), visit.query()
    if not _is_offered(visit, name):
        raise _unknown(name)
    moment = visit.desk.tools.now().timestamp()
    flow = Flow.begin(name, visit.return_to(asked), moment)
    if name in visit.desk.oidc:
        url = await visit.desk.oidc[name].address(
            flow,
            _callback(visit, name),
            prompt=asked.get("prompt", ""),
            login_hint=asked.get("login_hint", ""),
        )
        visit.cookies.extend(visit.desk.flows.keep(flow, visit.cookie_header))
        return visit.redirect(url)
    if name in visit.desk.saml:
        request = await visit.desk.saml[name].request(flow)
        visit.cookies.extend(visit.desk.flows.keep(flow, visit.cookie_header))
        if request.form is None:
            return visit.redirect(request.url)
        form = pages.form(request.url, pages.hidden(**request.form), button="Continue")
        return visit.html(pages.page(f"Log in at {name}", form), form_to=origin(request.url))
    raise _unknown(name)


async def callback(visit: Visit) -> Response:
    """Back from an OpenID provider."""
    name, answer = _name(visit), visit.query()
    provider = visit.desk.oidc.get(name)
    if provider is None:
        raise _unknown(name)
    flow = await _flow(visit, answer.get("state", ""), name)
    login = await provider.finish(flow, answer, _callback(visit, name))
    domains = provider.settings.allowed_domains
    user = await visit.desk.accounts.by_provider(login.person, domains, address=visit.address)
    tools = visit.desk.tools
    session = Session(
        "",
        provider=name,
        subject=login.person.subject,
        sid=login.sid,
        methods=login.person.methods,
        tokens=seal_tokens(tools.sealer, login.tokens, login.person.subject),
        renew_at=renew_at(login.tokens, tools.now().timestamp()),
    )
    return await enter(visit, user, session, flow.return_to)


async def consume_assertion(visit: Visit) -> Response:
    """Back from a SAML provider. The browser shows no cookies yet, for another site posts this."""
    name = _name(visit)
    provider = visit.desk.saml.get(name)
    if provider is None:
        raise _unknown(name)
    fields = await visit.foreign_form(MAX_RESPONSE * 2)
    relay = fields.get("RelayState", "")
    login = await provider.finish(fields.get("SAMLResponse", ""), relay)
    domains = provider.settings.allowed_domains
    user = await visit.desk.accounts.by_provider(login.person, domains, address=visit.address)
    kept = {"user": user.id, "subject": login.person.subject, "session": login.session}
    until = visit.desk.tools.now().timestamp() + _TICKET_S
    await visit.desk.once.keep(_TICKET, f"{name} {relay}", kept, until)
    query = urlencode({"flow": relay})
    return visit.redirect(f"{visit.origin}{visit.desk.path(f'saml/{name}/in')}?{query}")


async def enter_by_assertion(visit: Visit) -> Response:
    """The same browser, now with its cookies: it must be the one that began the login."""
    name, relay = _name(visit), visit.query().get("flow", "")
    flow = await _flow(visit, relay, name)
    kept = await visit.desk.once.take(_TICKET, f"{name} {relay}")
    if kept is None:
        raise LoginRefusedError(f"cannot log in: that took too long, or was done before; {AGAIN}")
    user = await visit.desk.accounts.user(kept["user"])
    session = Session("", provider=name, subject=kept["subject"], sid=kept["session"])
    return await enter(visit, user, session, flow.return_to)


async def metadata(visit: Visit) -> Response:
    """Of this suite, for a SAML provider."""
    provider = visit.desk.saml.get(_name(visit))
    if provider is None:
        raise _unknown(_name(visit))
    xml = await provider.metadata()
    return visit.answered(Response(xml, media_type="application/samlmetadata+xml"))


async def _by_directory(
    visit: Visit, realm: str, login: str, password: str, return_to: str
) -> Response:
    directory = visit.desk.ldap.get(realm)
    if directory is None or not _is_offered(visit, realm):
        raise _unknown(realm)
    person = await directory.check(login, password)
    if person is None:
        raise LoginRefusedError(_WRONG)
    domains = directory.settings.allowed_domains
    user = await visit.desk.accounts.by_provider(person, domains, address=visit.address)
    session = Session("", provider=realm, subject=person.subject, methods=("pwd",))
    return await enter(visit, user, session, return_to)


async def _by_passkey(visit: Visit, answer: str, return_to: str) -> Response:
    user = await visit.desk.accounts.check_passkey(None, answer, address=visit.address)
    return await enter(visit, user, Session("", methods=("passkey", "mfa")), return_to)


async def _page(visit: Visit, return_to: str, *, login: str = "", fault: str = "") -> Response:
    mark, action = visit.form_mark(), visit.desk.path("login")
    same = mark + pages.hidden(return_to=return_to)
    body = [pages.alert(fault)]
    offers = [each for each in visit.desk.offers if _is_offered(visit, each.name)]
    chosen = visit.desk.settings.provider
    if chosen == BUILT_IN:
        links = [each for each in offers if each.kind != "ldap"]
        body += [_offer(visit, each, return_to) for each in links]
    body.append(_password_form(action, same, _realms(offers, chosen), login))
    passkeys = chosen == BUILT_IN and visit.desk.accounts.may_use("passkey")
    if passkeys:
        options = await visit.desk.accounts.passkey_options(None)
        body.append(pages.passkey(action, same, options, button="Log in with a passkey"))
    title = visit.desk.settings.title
    text = pages.page(title, *body, script=passkeys)
    return visit.html(text, status=403 if fault else 200, script=passkeys)


def _password_form(action: str, same: str, realms: list[tuple[str, str]], login: str) -> str:
    where = (
        pages.hidden(realm=realms[0][0])
        if len(realms) == 1
        else pages.choice("realm", "Account", realms)
    )
    return pages.form(
        action,
        same,
        where,
        pages.field("login", "Login", value=login[:254], complete="username"),
        pages.field("password", "Password", kind="password", complete="current-password"),
        button="Log in",
    )


def _realms(offers: list[Offer], chosen: str) -> list[tuple[str, str]]:
    directories = [(each.name, each.name) for each in offers if each.kind == "ldap"]
    if chosen != BUILT_IN:
        return [each for each in directories if each[0] == chosen]
    return [(_OWN, "here"), *directories]


def _offer(visit: Visit, offer: Offer, return_to: str) -> str:
    url = _start(visit, offer.name, {"return_to": return_to})
    return pages.link(url, f"Log in with {offer.name}")


def _is_offered(visit: Visit, name: str) -> bool:
    """On a tenant's own host, only what is that tenant's."""
    offer = next((each for each in visit.desk.offers if each.name == name), None)
    return offer is not None and visit.tenant in {None, offer.tenant}


async def _flow(visit: Visit, id: str, provider: str) -> Flow:
    flow, cleared = await visit.desk.flows.take(id, provider, visit.cookie_header)
    visit.cookies.append(cleared)
    return flow


def _start(visit: Visit, name: str, asked: Mapping[str, str]) -> str:
    return f"{visit.desk.path(f'start/{name}')}?{urlencode(asked)}"


def _callback(visit: Visit, name: str) -> str:
    return f"{visit.origin}{visit.desk.path(f'callback/{name}')}"


def _name(visit: Visit) -> str:
    return str(visit.request.path_params["provider"])


def _unknown(name: str) -> LoginRefusedError:
    return LoginRefusedError(
        f"cannot log in with {name[:60]!r}: there is no such provider; go back and choose another"
    )
