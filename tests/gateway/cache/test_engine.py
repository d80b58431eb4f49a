"""What happens to requests: hits, validation, sharing, invalidation, and whose answer is whose."""

import asyncio
from collections.abc import Mapping
from email.utils import formatdate
from pathlib import Path

import pytest
from anyio import create_task_group

from tests.gateway.cache.stage import Asked, Told, is_hit, stage, status
from tests.waiting import eventually

pytestmark = pytest.mark.anyio

FRESH = {"cache-control": "max-age=60"}
PUBLIC = {"cache-control": "public, max-age=60"}


def always(**headers: str) -> Told:
    """The same answer to all."""
    return Told(headers={key.replace("_", "-"): value for key, value in headers.items()})


def who(asked: Asked) -> bytes:
    """The identity that the origin was told."""
    return asked.headers.get("x-client-id", "nobody").encode()


async def test_an_answer_is_given_again(tmp_path: Path) -> None:
    """With its age and what became of the request."""
    async with stage(tmp_path, lambda _: always(**{"cache-control": "max-age=60"})) as made:
        first, second = await made.get(), await made.get()

    assert len(made.origin.asked) == 1
    assert "fwd=uri-miss" in status(first)
    assert "stored" in status(first)
    assert is_hit(second)
    assert second.headers["age"] == "0"
    assert second.content == b"content"


async def test_without_a_word_of_the_service_the_default_holds(tmp_path: Path) -> None:
    """And clients are told the route's own Cache-Control."""
    route = {"default_ttl": 300, "cache_control": "public, max-age=300"}
    async with stage(tmp_path, lambda _: Told(), route=route) as made:
        await made.get()
        second = await made.get()

    assert is_hit(second)
    assert "ttl=300" in status(second) or "ttl=299" in status(second)
    assert second.headers["cache-control"] == "public, max-age=300"


async def test_to_an_identity_the_default_is_told_as_private(tmp_path: Path) -> None:
    """No cache on the way to the client may take one user's answer for everybody's."""
    route = {"default_ttl": 300, "cache_control": "public, max-age=300"}
    async with stage(tmp_path, lambda _: Told(), route=route) as made:
        first = await made.get(x_client_id="user:ada")
        second = await made.get(x_client_id="user:ada")

    assert is_hit(second)
    assert first.headers["cache-control"] == "private, max-age=300"
    assert second.headers["cache-control"] == "private, max-age=300"


@pytest.mark.parametrize("said", ["no-store", "private", "max-age=0", "no-cache"])
async def test_the_default_never_replaces_what_the_service_said(tmp_path: Path, said: str) -> None:
    """Its word holds, also when it is no."""
    async with stage(
        tmp_path, lambda _: always(cache_control=said), route={"default_ttl": 300}
    ) as made:
        await made.get()
        await made.get()

    assert len(made.origin.asked) == 2


async def test_a_refusal_is_kept_for_the_shorter_time(tmp_path: Path) -> None:
    """404 lasts as long as `negative_ttl` says; 500 is not kept at all."""
    route = {"default_ttl": 300, "negative_ttl": 5}
    async with stage(tmp_path, lambda asked: Told(status=int(asked.path[1:])), route=route) as made:
        await made.get("/404")
        missing = await made.get("/404")
        await made.get("/500")
        await made.get("/500")

    assert is_hit(missing)
    assert "ttl=5" in status(missing) or "ttl=4" in status(missing)
    assert made.origin.paths() == ["/404", "/500", "/500"]


async def test_one_identity_never_gets_the_answer_of_another(tmp_path: Path) -> None:
    """Unless the service called it public."""
    async with stage(tmp_path, lambda asked: Told(headers=FRESH, body=who(asked))) as made:
        for _ in range(2):
            assert (await made.get(x_client_id="user:ada")).content == b"user:ada"
            assert (await made.get(x_client_id="user:bob")).content == b"user:bob"
            assert (await made.get()).content == b"nobody"

    assert len(made.origin.asked) == 3


@pytest.mark.parametrize(
    "pair",
    [
        ({"x-client-id": "a", "x-forwarded-user": "b"}, {"x-client-id": "ab"}),
        ({"x-client-id": "a"}, {"x-forwarded-user": "a"}),
        ({"x-client-id": "a"}, {"x-client-id": "A"}),
        ({"x-client-id": "a"}, {"x-client-id": "a", "x-roles": ",admin,"}),
        ({"cookie": "s=1"}, {"cookie": "s=2"}),
        ({"cookie": "s=1"}, {}),
        ({"x-client-id": ""}, {}),
        ({"x-tenant-id": "a"}, {"x-tenant-id": "b"}),
        ({"x-tenant-id": "a", "x-client-id": "b"}, {"x-tenant-id": "ab"}),
    ],
)
async def test_no_two_identities_have_one_key(
    tmp_path: Path, pair: tuple[Mapping[str, str], Mapping[str, str]]
) -> None:
    """However their parts are put together."""
    async with stage(tmp_path, lambda _: Told(headers=FRESH)) as made:
        for headers in pair:
            await made.client.get("/a", headers=dict(headers))

    assert len(made.origin.asked) == 2


async def test_what_is_public_is_shared_within_a_tenant_only(tmp_path: Path) -> None:
    """`public` and `s-maxage` open an answer to all identities, never to all tenants."""
    async with stage(tmp_path, lambda _: Told(headers=PUBLIC)) as made:
        await made.get(x_tenant_id="one", x_client_id="user:ada")
        same = await made.get(x_tenant_id="one", x_client_id="user:bob")
        other = await made.get(x_tenant_id="two", x_client_id="user:bob")

    assert is_hit(same)
    assert not is_hit(other)


async def test_a_shared_route_has_one_copy(tmp_path: Path) -> None:
    """Where the suite file says so; `private` still holds."""

    def answers(asked: Asked) -> Told:
        return Told(headers={"cache-control": "private"} if asked.path == "/p" else FRESH)

    async with stage(tmp_path, answers, route={"shared": True}) as made:
        await made.get(x_client_id="user:ada")
        assert is_hit(await made.get(x_client_id="user:bob"))
        await made.get("/p", x_client_id="user:ada")
        assert not is_hit(await made.get("/p", x_client_id="user:bob"))


@pytest.mark.parametrize(
    "pair",
    [
        ({"x-a": "1", "x-b": "2"}, {"x-a": "1,x-b:2"}),
        ({"x-a": '"1, 2"'}, {"x-a": '"1,2"'}),
        ({"x-a": "1"}, {"x-a": ""}),
        ({"x-a": ""}, {}),
        ({"x-a": "1"}, {"x-b": "1"}),
    ],
)
async def test_crafted_fields_never_make_one_variant_of_two(
    tmp_path: Path, pair: tuple[Mapping[str, str], Mapping[str, str]]
) -> None:
    """Vary keys are compared field by field."""
    told = {**PUBLIC, "vary": "x-a, x-b"}
    async with stage(tmp_path, lambda _: Told(headers=told)) as made:
        for headers in pair:
            await made.client.get("/a", headers=dict(headers))

    assert len(made.origin.asked) == 2


@pytest.mark.parametrize(
    "header",
    ["x-forwarded-host", "x-original-url", "x-http-method-override", "forwarded", "x-host"],
)
async def test_nobody_poisons_the_answers_of_others(tmp_path: Path, header: str) -> None:
    """What a service may make links of is part of the address."""

    def answers(asked: Asked) -> Told:
        return Told(headers=PUBLIC, body=asked.headers.get(header, "good").encode())

    async with stage(tmp_path, answers) as made:
        await made.client.get("/a", headers={header: "evil"})
        honest = await made.get()

    assert honest.content == b"good"


async def test_a_body_of_a_get_poisons_nothing(tmp_path: Path) -> None:
    """Such requests pass by the store."""
    async with stage(
        tmp_path, lambda asked: Told(headers=PUBLIC, body=asked.body or b"good")
    ) as made:
        await made.client.request("GET", "/a", content=b"evil")
        honest = await made.get()

    assert honest.content == b"good"


async def test_a_route_that_is_not_known_is_not_cached(tmp_path: Path) -> None:
    """Nor is a request that names none."""
    async with stage(tmp_path, lambda _: Told(headers=PUBLIC)) as made:
        await made.get(x_intertie_cache="other")
        answer = await made.get(x_intertie_cache="other")

    assert "fwd=bypass" in status(answer)
    assert len(made.origin.asked) == 2


async def test_concurrent_misses_are_one(tmp_path: Path) -> None:
    """And all get all of it while it comes."""
    gate = asyncio.Event()
    body = b"x" * 100_000

    async with stage(
        tmp_path, lambda _: Told(headers=PUBLIC, body=body, gate=gate, chunked=True)
    ) as made:
        got: list[bytes] = []

        async def one() -> None:
            got.append((await made.get()).content)

        async with create_task_group() as group:
            for _ in range(20):
                group.start_soon(one)
            await eventually(lambda: len(made.engine.keeper.under_way) == 1)
            await eventually(lambda: made.engine.stats()["collapsed"] >= 1)
            gate.set()

    assert got == [body] * 20
    assert len(made.origin.asked) == 1
    assert made.engine.stats()["collapsed"] >= 1


async def test_concurrent_requests_never_share_what_may_not_be_shared(tmp_path: Path) -> None:
    """Whoever waited for such an answer gets its own."""
    gate = asyncio.Event()

    async def answers(asked: Asked) -> Told:
        await gate.wait()
        number = asked.headers["x-number"].encode()
        return Told(headers={"cache-control": "no-store"}, body=number)

    async with stage(tmp_path, answers) as made:
        got: dict[int, bytes] = {}

        async def one(number: int) -> None:
            got[number] = (await made.get(x_number=str(number))).content

        async with create_task_group() as group:
            for number in range(10):
                group.start_soon(one, number)
            await eventually(lambda: bool(made.origin.asked))
            gate.set()

    assert got == {number: str(number).encode() for number in range(10)}


async def test_a_stale_answer_is_validated(tmp_path: Path) -> None:
    """A 304 makes it fresh, with its new fields, and costs no content."""

    def answers(asked: Asked) -> Told:
        if asked.headers.get("if-none-match") == '"1"':
            return Told(304, {"cache-control": "max-age=60", "x-new": "yes"})
        return Told(headers={"cache-control": "max-age=0", "etag": '"1"'})

    async with stage(tmp_path, answers) as made:
        await made.get()
        validated, hit = await made.get(), await made.get()

    assert validated.status_code == 200
    assert validated.content == b"content"
    assert "fwd-status=304" in status(validated)
    assert validated.headers["x-new"] == "yes"
    assert is_hit(hit)


async def test_a_public_answer_that_is_not_public_any_more_is_for_one(tmp_path: Path) -> None:
    """The 304 that says so ends the sharing."""

    def answers(asked: Asked) -> Told:
        if "if-none-match" in asked.headers:
            return Told(304, {"cache-control": "private, max-age=60"})
        return Told(headers={"cache-control": "public, max-age=0", "etag": '"1"'})

    async with stage(tmp_path, answers) as made:
        await made.get(x_client_id="user:ada")
        await made.get(x_client_id="user:ada")
        other = await made.get(x_client_id="user:bob")

    assert "fwd=uri-miss" in status(other)


async def test_a_newer_answer_is_fetched_behind(tmp_path: Path) -> None:
    """`stale-while-revalidate`: the client does not wait, and the origin is asked once."""
    told = {"cache-control": "max-age=0, stale-while-revalidate=60"}
    async with stage(
        tmp_path, lambda _: Told(headers=told, body=str(len(made.origin.asked)).encode())
    ) as made:
        await made.get()
        first = await made.get()
        await eventually(lambda: len(made.origin.asked) == 2)
        await eventually(lambda: not made.engine.keeper.under_way)
        second = await made.get()

    assert (first.content, second.content) == (b"1", b"2")
    assert "STALE_WHILE_REVALIDATE" in status(first)


@pytest.mark.parametrize("fails_by", ["503", "cut", "refusing"])
async def test_a_stale_answer_stands_in_for_a_failing_origin(tmp_path: Path, fails_by: str) -> None:
    """`stale-if-error`, whichever way it fails; `must-revalidate` forbids it."""

    def answers(asked: Asked) -> Told:
        if len(made.origin.asked) <= 2:
            more = ", must-revalidate" if asked.path == "/must" else ""
            told = {"cache-control": f"max-age=0, stale-if-error=60{more}", "etag": '"1"'}
            return Told(headers=told)
        return Told(503) if fails_by == "503" else Told(cut_after=0, before=b"\0")

    async with stage(tmp_path, answers) as made:
        await made.get("/may")
        await made.get("/must")
        if fails_by == "refusing":
            made.engine.keeper._origin._address = "http://127.0.0.1:1"
        may, must = await made.get("/may"), await made.get("/must")

    assert (may.status_code, may.content) == (200, b"content")
    assert "STALE_IF_ERROR" in status(may)
    assert must.status_code in {502, 503}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_change_invalidates_for_everybody(tmp_path: Path, method: str) -> None:
    """All identities and variants of the tenant, and what Location names; not after a refusal."""

    def answers(asked: Asked) -> Told:
        if asked.method == "GET":
            return Told(headers={**FRESH, "vary": "x-a"})
        status_code = 403 if "x-refuse" in asked.headers else 201
        return Told(status_code, {"location": "/b", "content-location": "http://elsewhere/c"})

    async with stage(tmp_path, answers) as made:
        for path in ("/a", "/b", "/c"):
            for name in ("ada", "bob"):
                await made.get(path, x_client_id=name, x_a="1")
        assert (await made.ask(method, x_refuse="1")).status_code == 403
        kept = len(made.engine.store)
        await made.ask(method)
        left = {each.path for each in made.engine.store.addresses()}

    assert kept == 6
    assert left == {b"/c"}


async def test_an_answer_on_its_way_during_a_change_is_not_kept(tmp_path: Path) -> None:
    """It may be older than the change."""
    gate = asyncio.Event()

    def answers(asked: Asked) -> Told:
        return Told(headers=PUBLIC, gate=gate if asked.method == "GET" else None)

    async with stage(tmp_path, answers) as made:
        async with create_task_group() as group:
            group.start_soon(made.get)
            await eventually(lambda: len(made.origin.asked) == 1)
            await made.ask("PUT")
            gate.set()

        assert len(made.engine.store) == 0


async def test_only_if_cached_asks_nobody(tmp_path: Path) -> None:
    """504 where nothing is kept."""
    async with stage(tmp_path, lambda _: Told(headers=PUBLIC)) as made:
        missing = await made.get(cache_control="only-if-cached")
        await made.get()
        kept = await made.get(cache_control="only-if-cached")

    assert missing.status_code == 504
    assert is_hit(kept)
    assert len(made.origin.asked) == 1


async def test_head_is_answered_from_a_kept_get(tmp_path: Path) -> None:
    """With its length and without its content."""
    async with stage(tmp_path, lambda _: Told(headers=PUBLIC)) as made:
        await made.get()
        answer = await made.ask("HEAD")

    assert is_hit(answer)
    assert (answer.headers["content-length"], answer.content) == ("7", b"")


async def test_a_head_tells_that_what_is_kept_has_changed(tmp_path: Path) -> None:
    """Another ETag, and the kept answer goes."""

    def answers(asked: Asked) -> Told:
        tag = '"1"' if asked.method == "GET" else '"2"'
        return Told(headers={"cache-control": "max-age=0", "etag": tag})

    async with stage(tmp_path, answers) as made:
        await made.get()
        answer = await made.ask("HEAD")

        assert answer.headers["etag"] == '"2"'
        assert len(made.engine.store) == 0


async def test_parts_are_cut_from_what_is_kept(tmp_path: Path) -> None:
    """206 with Content-Range; 416 for what is not there."""
    async with stage(tmp_path, lambda _: Told(headers={**PUBLIC, "etag": '"1"'})) as made:
        await made.get()
        part = await made.get(range="bytes=1-3")
        none = await made.get(range="bytes=9-")
        other = await made.get(range="bytes=1-3", if_range='"2"')

    assert (part.status_code, part.content) == (206, b"ont")
    assert part.headers["content-range"] == "bytes 1-3/7"
    assert (none.status_code, none.headers["content-range"]) == (416, "bytes */7")
    assert (other.status_code, other.content) == (200, b"content")


async def test_a_part_of_the_origin_is_passed_on_and_not_kept(tmp_path: Path) -> None:
    """Only whole answers are."""
    told = {**PUBLIC, "content-range": "bytes 0-2/7"}
    async with stage(tmp_path, lambda _: Told(206, told, b"con")) as made:
        part = await made.get(range="bytes=0-2")

        assert (part.status_code, part.content) == (206, b"con")
        assert len(made.engine.store) == 0


async def test_a_client_that_has_it_is_told_so(tmp_path: Path) -> None:
    """304 from what is kept, and also from what has just come."""
    changed = formatdate(1_600_000_000, usegmt=True)
    told = {**PUBLIC, "etag": '"1"', "last-modified": changed}
    async with stage(tmp_path, lambda _: Told(headers=told)) as made:
        miss = await made.get(if_none_match='W/"0", "1"')
        hit = await made.get(if_none_match='"1"')
        since = await made.get(if_modified_since=changed)
        other = await made.get(if_none_match='"2"')

    assert [each.status_code for each in (miss, hit, since, other)] == [304, 304, 304, 200]
    assert hit.headers["etag"] == '"1"'
    assert len(made.origin.asked) == 1


async def test_cookies_are_not_kept_unless_told(tmp_path: Path) -> None:
    """An answer that sets one is for one."""
    told = {**PUBLIC, "set-cookie": "a=b"}
    async with stage(tmp_path, lambda _: Told(headers=told)) as made:
        await made.get()
        assert not is_hit(await made.get())
    async with stage(tmp_path, lambda _: Told(headers=told), route={"store_cookies": True}) as made:
        await made.get()
        assert is_hit(await made.get())


async def test_the_gateways_own_headers_go_to_the_service_but_not_the_caches(
    tmp_path: Path,
) -> None:
    """`x-intertie-cache` ends here; the identity goes on, and so does the way to the origin."""
    async with stage(tmp_path, lambda _: Told()) as made:
        await made.get(
            x_client_id="user:ada", x_intertie_origin="web", connection="x-odd", x_odd="1"
        )
        asked = made.origin.asked[0].headers

    assert asked["x-client-id"] == "user:ada"
    assert asked["x-intertie-origin"] == "web"
    assert "x-intertie-cache" not in asked
    assert "x-odd" not in asked


async def test_the_configuration_is_read_again_when_it_changes(tmp_path: Path) -> None:
    """A faulty file changes nothing."""
    async with stage(tmp_path, lambda _: Told()) as made:
        good = made.config.read_text()
        made.config.write_text(good.replace('"r": {}', '"r": {"default_ttl": 9}'))
        await eventually(lambda: made.engine.settings.terms[b"r"].default_ttl == 9)
        made.config.write_text("{")
        # Of another length: two writes may fall into one tick of the file system's clock.
        made.config.write_text(good.replace('"r": {}', '"r": {"default_ttl": 80}'))
        await eventually(lambda: made.engine.settings.terms[b"r"].default_ttl == 80)
