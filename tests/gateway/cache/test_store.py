"""What is kept stays within its bytes, and the right things go."""

from hypothesis import given, settings
from hypothesis import strategies as st

from intertie.gateway.cache.message import Request
from intertie.gateway.cache.policy import Standing
from intertie.gateway.cache.store import MAX_VARIANTS, PUBLIC, Address, Kept, Store

STANDING = Standing(0, 100, False, False, 0, 0, True, "")
ASKED = Request(b"GET", b"/", [(b"a", b"1")])


def address(path: bytes, tenant: bytes = b"") -> Address:
    """Of one host."""
    return Address(tenant, b"r", b"host", path)


def kept(
    path: bytes, *, size: int = 1000, partition: bytes = PUBLIC, tags: tuple[bytes, ...] = ()
) -> Kept:
    """An answer."""
    body = b"x" * size
    return Kept(address(path), partition, (), 200, b"", body, STANDING, tags)


def found(store: Store, path: bytes, partition: bytes = b"me") -> bool:
    """Whether it is there."""
    return store.find(address(path), partition, ASKED) is not None


def test_what_was_used_survives_a_scan() -> None:
    """Addresses asked for once push out each other only."""
    store = Store(100_000)
    used = kept(b"/used")
    store.add(used)
    store.use(used)

    for number in range(1000):
        store.add(kept(b"/%d" % number))

    assert found(store, b"/used")
    assert found(store, b"/999")
    assert not found(store, b"/1")
    assert store.used_bytes <= 100_000
    assert store.counters.evicted > 900


def test_each_sees_what_is_public_and_its_own() -> None:
    """And nothing of anybody else."""
    store = Store(100_000)
    store.add(kept(b"/a", partition=b"you"))
    assert not found(store, b"/a")

    store.add(kept(b"/a", partition=b"me"))
    assert found(store, b"/a")

    store.add(kept(b"/b"))
    assert found(store, b"/b")


def test_variants_of_one_address_are_bounded() -> None:
    """The oldest goes, so nobody fills it with fields that Vary names."""
    store = Store(10_000_000)
    for number in range(MAX_VARIANTS * 2):
        each = kept(b"/a")
        each.chosen = ((b"a", b"%d" % number),)
        store.add(each)

    assert len(store) == MAX_VARIANTS


def test_the_same_variant_is_replaced() -> None:
    """Not kept twice."""
    store = Store(100_000)
    store.add(kept(b"/a", size=10))
    store.add(kept(b"/a", size=20))

    assert len(store) == 1
    assert store.used_bytes == kept(b"/a", size=20).size


def test_what_comes_in_has_its_room() -> None:
    """Reserved bytes count; more than all there is, is refused."""
    store = Store(10_000)
    store.add(kept(b"/a"))

    assert store.reserve(9_000)
    assert len(store) == 0
    assert not store.add(kept(b"/b"))
    assert not store.reserve(5_000)
    store.release(9_000)
    assert store.add(kept(b"/b"))


def test_purging() -> None:
    """By address, by tag, by what matches; the rest stays."""
    store = Store(1_000_000)
    for path, tags in ((b"/a", (b"t",)), (b"/b", (b"t", b"u")), (b"/c", ()), (b"/d", ())):
        store.add(kept(path, tags=tags))

    assert store.purge_tag(b"u") == 1
    assert store.purge_tag(b"t", tenant=b"other") == 0
    assert store.purge_tag(b"t") == 1
    assert store.purge_place((b"", b"host", b"/c")) == 1
    assert store.purge(lambda each: each.path == b"/d") == 1
    assert (len(store), store.used_bytes) == (0, 0)


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["add", "use", "drop", "grow"]), st.integers(0, 9)), max_size=80
)


@settings(max_examples=60)
@given(ACTIONS)
def test_the_bytes_are_always_those_of_what_is_kept(actions: list[tuple[str, int]]) -> None:
    """Whatever was done, in whatever order, and never more than allowed."""
    store = Store(20_000)
    made: dict[int, Kept] = {}
    for action, number in actions:
        if action == "add":
            made[number] = kept(b"/%d" % number, size=number * 700, tags=(b"t",))
            store.add(made[number])
        elif number in made and action == "use":
            store.use(made[number])
        elif number in made and action == "drop":
            store.drop(made[number])
        elif number in made:
            store.replace(made[number], made[number].head + b"h", STANDING)
    every = [each for one in store.addresses() for each in store.variants(one)]

    assert store.used_bytes == sum(each.size for each in every)
    assert len(store) == len(every)
    assert store.used_bytes <= 20_000 + len(actions)
    store.purge_tag(b"t")
    assert (store.used_bytes, len(store)) == (0, 0)


def test_a_smaller_store_lets_go() -> None:
    """When the configuration says so."""
    store = Store(1_000_000)
    for number in range(100):
        store.add(kept(b"/%d" % number))
    store.resize(50_000)

    assert store.used_bytes <= 50_000
