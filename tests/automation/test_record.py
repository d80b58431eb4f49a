"""What is kept of a run."""

from intertie.automation.record import Tail


def test_a_tail_keeps_the_end_of_what_was_written() -> None:
    """However it came in."""
    for size in (1, 3, 10, 1000):
        tail = Tail(10)
        text = b"".join(b"%04d" % n for n in range(500))
        for start in range(0, len(text), size):
            tail.write(text[start : start + size])
        assert bytes(tail) == text[-10:]


def test_a_tail_of_little_is_all_of_it() -> None:
    """Nothing is added to it."""
    tail = Tail(10)
    assert bytes(tail) == b""
    tail.write(b"abc")
    assert bytes(tail) == b"abc"
