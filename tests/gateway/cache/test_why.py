"""The oracle: what would happen to a request, and by which rule."""

from pathlib import Path

import pytest

from intertie.gateway.cache.why import Explanation, Question
from tests.gateway.cache.stage import ROUTE, Asked, Told, stage

pytestmark = pytest.mark.anyio

HEADERS = {
    "/fresh": {"cache-control": "public, max-age=60", "vary": "x-a", "cache-tag": "t"},
    "/mine": {"cache-control": "max-age=60"},
    "/stale": {"cache-control": "public, max-age=0", "etag": '"1"'},
    "/behind": {"cache-control": "public, max-age=0, stale-while-revalidate=60"},
    "/never": {"cache-control": "no-store"},
}


Asking = tuple[str, str, dict[str, str]]


def answers(asked: Asked) -> Told:
    """By path."""
    return Told(headers=HEADERS[asked.path])


@pytest.mark.parametrize(
    ("asked", "verdict", "clause"),
    [
        (("/fresh", "GET", {"x-a": "1"}), "hit", "RFC 9111 §4.2"),
        (("/fresh", "HEAD", {"x-a": "1"}), "hit", "RFC 9111 §4.2"),
        (("/fresh", "GET", {"x-a": "2"}), "miss", "RFC 9111 §4.1"),
        (("/fresh", "GET", {"x-a": "1", "cache-control": "no-cache"}), "revalidate", "§5.2.1.4"),
        (("/fresh", "POST", {}), "not cached", "RFC 9111 §4"),
        (("/fresh", "GET", {"if-match": "1"}), "not cached", "RFC 9110 §13.1"),
        (("/mine", "GET", {"x-client-id": "bob"}), "miss", "partition"),
        (("/mine", "GET", {"x-client-id": "ada"}), "hit", "RFC 9111 §4.2"),
        (("/stale", "GET", {}), "revalidate", "RFC 9111 §4.2"),
        (("/behind", "GET", {}), "stale hit", "RFC 5861 §3"),
        (("/never", "GET", {}), "miss", "RFC 9111 §4"),
        (("/fresh", "GET", {"x-intertie-cache": "other"}), "not cached", "x-intertie-cache"),
    ],
)
async def test_verdicts(tmp_path: Path, asked: Asking, verdict: str, clause: str) -> None:
    """Each with its clause, and without asking the origin."""
    path, method, headers = asked
    async with stage(tmp_path, answers) as made:
        await made.get(path, x_a="1", x_client_id="ada")
        question = Question(url=f"http://host{path}", method=method, headers={**ROUTE, **headers})
        told = await made.admin.why(question)

        assert len(made.origin.asked) == 1
    assert told.verdict == verdict
    assert clause in told.clause


async def test_variants_and_the_last_refusal_are_told(tmp_path: Path) -> None:
    """What is kept, of whom, for how long; and why nothing is."""
    async with stage(tmp_path, answers) as made:

        async def ask(path: str) -> Explanation:
            headers = {**ROUTE, "x-a": "1"}
            return await made.admin.why(Question(url=f"http://host{path}", headers=headers))

        for path in ("/fresh", "/mine", "/never"):
            await made.get(path, x_a="1", x_client_id="ada")
        fresh, mine, never = await ask("/fresh"), await ask("/mine"), await ask("/never")

    variant = fresh.variants[0]
    assert (variant.status, variant.partition, variant.selected) == (200, "public", True)
    assert (variant.vary, variant.tags) == ({"x-a": "1"}, ("t",))
    assert variant.lifetime_from == "Cache-Control"
    assert variant.age_s < 30
    assert variant.age_s + variant.ttl_s in {59, 60}
    assert mine.variants[0].partition == "one identity"
    assert never.variants == ()
    assert never.last_refusal == "the answer said `no-store` (RFC 9111 §5.2.2.5)"
