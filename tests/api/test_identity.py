"""Who may do what about identities, over HTTP."""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from intertie.control.identity import IdentityControl
from intertie.control.identity_desk import IdentityDesk
from tests.identity.manor import PASSWORD, ROOT, Manor, open_manor

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
async def manor(tmp_path: Path) -> AsyncIterator[Manor]:
    """A running suite with users and keys."""
    async with open_manor(tmp_path) as made:
        yield made


# A request for each kind of endpoint: names, people, changes, and the suite itself.
KINDS: Mapping[str, tuple[str, str, object]] = {
    "names": ("GET", "/api/roles", None),
    "tenants": ("GET", "/api/tenants", None),
    "people": ("GET", "/api/users", None),
    "keys": ("GET", "/api/keys", None),
    "trail": ("GET", "/api/audit", None),
    "change": ("POST", "/api/groups", {"name": "g"}),
    "suite-read": ("GET", "/api/services", None),
    "suite-write": ("POST", "/api/apply", None),
    "token": ("POST", "/api/tokens", {"subject": "eve"}),
    "anchor": ("GET", "/api/audit/verify", None),
}
# The loopback reads of the suite stay open to all.
NOBODY = dict.fromkeys(KINDS, 401) | {"suite-read": 200}
ALL = dict.fromkeys(KINDS, 200) | {"change": 201, "suite-write": 202, "token": 201}
NONE = dict.fromkeys(KINDS, 403) | {"suite-read": 200, "suite-write": 403}
LOOKS = NONE | {"names": 200, "tenants": 200}
OWN = ALL | {"suite-write": 403, "token": 403, "anchor": 403}


async def _statuses(manor: Manor, shown: str | None) -> dict[str, int]:
    async with manor.api(shown) as api:
        found = {
            kind: (await api.request(method, path, json=body)).status_code
            for kind, (method, path, body) in KINDS.items()
        }
    for tenant in ("default", "acme"):
        async with manor.root() as api:
            await api.delete("/api/groups/g", params={"tenant": tenant})
    return found


async def test_each_credential_opens_what_its_roles_allow(manor: Manor) -> None:
    """The matrix: the key, tokens and API keys, of the default tenant and of another, and none."""
    await manor.add("ann", groups=("admins",))
    await manor.add("bob", groups=("users",))
    await manor.add("cem", groups=("clerks",))
    await manor.add("dee", tenant="acme", groups=("admins",))
    expected = {
        "management key": (manor.key, ALL),
        "nothing": (None, NOBODY),
        "a wrong key": ("x" * 43, NOBODY),
        "admin's token": (await manor.token("ann"), ALL),
        "reader's token": (await manor.token("bob"), LOOKS),
        "clerk's token": (await manor.token("cem"), NONE),
        "tenant admin's token": (await manor.token("dee", tenant="acme"), OWN),
        "admin key": (await manor.robot("admin"), ALL),
        "reading key": (await manor.robot("readonly"), LOOKS),
        "key without roles": (await manor.robot(), NONE),
        "tenant's admin key": (await manor.robot("admin", tenant="acme"), OWN),
        "key with another scope": (await manor.robot("admin", scopes=("orders",)), NONE),
        "key that may read": (await manor.robot("admin", scopes=("api:read",)), NONE),
        "key that may write": (await manor.robot("admin", scopes=("api:write",)), ALL),
    }

    found = {name: await _statuses(manor, shown) for name, (shown, _) in expected.items()}

    assert found == {name: wanted for name, (_, wanted) in expected.items()}


async def test_another_tenants_admin_sees_and_changes_only_its_own(manor: Manor) -> None:
    """Users, keys and rows of the trail of others are as if they were not there."""
    ann = await manor.add("ann")
    await manor.add("dee", tenant="acme", groups=("admins",))
    await manor.robot("admin")
    others = (await manor.identities.keys.list(tenant="default"))[0][0].id
    async with manor.api(await manor.token("dee", tenant="acme")) as api:
        logins = [each["login"] for each in (await api.get("/api/users")).json()["items"]]
        keys = (await api.get("/api/keys")).json()["total"]
        rows = (await api.get("/api/audit")).json()["items"]
        tenants = [each["name"] for each in (await api.get("/api/tenants")).json()["items"]]
        export = (await api.get("/api/audit/export")).text
        tried = [
            await api.get(f"/api/users/{ann}"),
            await api.patch(f"/api/users/{ann}", json={"name": "Eve"}),
            await api.put(f"/api/users/{ann}/password", json={"password": PASSWORD}),
            await api.put(f"/api/users/{ann}/groups", json={"groups": []}),
            await api.post(f"/api/users/{ann}/disable"),
            await api.delete(f"/api/users/{ann}/sessions"),
            await api.delete(f"/api/users/{ann}/factors"),
            await api.delete(f"/api/users/{ann}"),
            await api.get(f"/api/keys/{others}"),
            await api.post(f"/api/keys/{others}/revoke"),
            await api.post(f"/api/keys/{others}/rotate", json={}),
            await api.delete(f"/api/keys/{others}"),
            await api.post("/api/users", json={"login": "eve", "tenant": "default"}),
            await api.post("/api/keys", json={"name": "k", "tenant": "globex"}),
            await api.post("/api/keys", json={"name": "k", "owner": ann}),
            await api.post("/api/groups", json={"name": "g", "tenant": "default"}),
            await api.get("/api/users", params={"tenant": "default"}),
            await api.get("/api/audit", params={"tenant": "default"}),
            await api.get("/api/tenants/default"),
            await api.get("/api/tenants/globex/usage"),
        ]
        own = await api.post("/api/users", json={"login": "eli"})

    assert (logins, keys, tenants) == (["dee"], 0, ["acme"])
    assert rows
    assert all(row["target"].startswith("acme/") for row in rows)
    assert "default/" not in export
    assert [answer.status_code for answer in tried] == [404] * len(tried)
    assert (own.status_code, own.json()["tenant"]) == (201, "acme")
    assert (await manor.identities.users.get(ann)).enabled


async def test_the_suites_default_admin_sees_all_tenants(manor: Manor) -> None:
    """And changes them."""
    await manor.add("ann", groups=("admins",))
    dee = await manor.add("dee", tenant="acme")
    async with manor.api(await manor.token("ann")) as api:
        logins = [each["login"] for each in (await api.get("/api/users")).json()["items"]]
        changed = await api.patch(f"/api/users/{dee}", json={"name": "Dee"})

    assert logins == ["ann", "dee"]
    assert changed.json()["name"] == "Dee"


async def test_what_was_taken_back_opens_nothing_from_then_on(manor: Manor) -> None:
    """A token when its user is shut out, or it is revoked itself; a key when it is revoked."""
    ann = await manor.add("ann", groups=("admins",))
    await manor.add("bob", groups=("admins",))
    anns, bobs = await manor.token("ann"), await manor.token("bob")
    robot = await manor.robot("admin")
    id = (await manor.identities.keys.list())[0][0].id
    async with manor.root() as root:
        await root.post(f"/api/users/{ann}/disable")
        revoked = await root.post("/api/tokens/revoke", json={"token": bobs})
        await root.post(f"/api/keys/{id}/revoke")

    codes: list[int] = []
    for shown in (anns, bobs, robot):
        async with manor.api(shown) as api:
            codes.append((await api.get("/api/users")).status_code)

    assert revoked.status_code == 200
    assert codes == [401, 401, 401]


async def test_who_loses_a_role_loses_its_tokens(manor: Manor) -> None:
    """A token keeps what it says for an hour: it must not keep a role that was taken away."""
    ann = await manor.add("ann", groups=("admins",))
    token = await manor.token("ann")
    async with manor.root() as root, manor.api(token) as api:
        before = (await api.get("/api/users")).status_code
        await root.put(f"/api/users/{ann}/groups", json={"groups": ["users"]})
        after = (await api.get("/api/users")).status_code

    assert (before, after) == (200, 401)


async def test_a_key_bound_to_addresses_opens_from_there_only(manor: Manor) -> None:
    """The address is that of the connection."""
    keys = manor.identities.keys
    here = await keys.create(ROOT, "k", roles=("admin",), cidrs=("127.0.0.0/8",))
    elsewhere = await keys.create(ROOT, "k", roles=("admin",), cidrs=("192.0.2.0/24",))
    await manor.control.settle()
    codes: list[int] = []
    for key in (here, elsewhere):
        async with manor.api(key.text) as api:
            codes.append((await api.get("/api/users")).status_code)

    assert codes == [200, 401]


async def test_a_body_that_is_too_large_is_refused(manor: Manor) -> None:
    """413, whether its size is said or not."""

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1024

    async with manor.root() as api:
        said = await api.post("/api/users", content=b" " * 70_000)
        unsaid = await api.post("/api/users", content=endless())

    assert (said.status_code, unsaid.status_code) == (413, 413)
    assert said.headers["content-type"] == "application/problem+json"


async def test_a_suite_without_identities_says_what_to_add(manor: Manor) -> None:
    """409 with the line for the suite file, but only to who may look."""
    bare = replace(manor.control, identity=IdentityControl.of(IdentityDesk()))
    manor.app.state.control = bare
    async with manor.root() as root, manor.api(None) as stranger:
        told = [
            await root.get(path)
            for path in ("/api/users", "/api/roles", "/api/keys", "/api/tenants", "/api/audit")
        ]
        refused = await stranger.get("/api/users")

    assert [answer.status_code for answer in told] == [409] * 5
    assert all("add `identity: {}` and run" in answer.json()["detail"] for answer in told)
    assert refused.status_code == 401


# What is too long may also be refused before it is read (413). No schema can say how easy a
# password is to guess, what is a range of addresses, and whose a token is.
CONFIG = """
[checks]
negative_data_rejection.expected-statuses = ["4xx"]
[[operations]]
include-path-regex = "^/api/(users|users/.id./password|keys|tokens/revoke)$"
checks.positive_data_acceptance.expected-statuses = ["2xx", "401", "403", "404", "409", "422"]
"""


@pytest.mark.timeout(600)
async def test_answers_are_as_described_whatever_is_asked(manor: Manor) -> None:
    """No server error, no undescribed answer, no wrong input taken, no right input refused.

    Each operation is tried, however long that takes; then chains of them, for a while.
    """
    await manor.add("ann", groups=("admins",))
    await manor.add("dee", tenant="acme")
    await manor.robot("admin")
    (manor.folder / "schemathesis.toml").write_text(CONFIG)
    asked = (
        f"python -m schemathesis.cli run {manor.url}/openapi.json --checks all --no-color -n 10"
        f" -H 'Authorization: Bearer {manor.key}' --continue-on-failure --suppress-health-check all"
        " --include-path-regex '^/api/(users|groups|roles|keys|tokens|tenants|audit)'"
        " --request-timeout 60 --phases "
    )

    told = await manor.script(f"{asked} examples,coverage,fuzzing")
    await manor.script(f"{asked} stateful --max-time 20")

    counts = dict(re.findall(r"(Selected|Tested): ([0-9]+)", told))
    assert counts["Tested"] == counts["Selected"]
    assert int(counts["Tested"]) >= 33
