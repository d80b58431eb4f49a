from pathlib import Path

import pytest

from intertie.monitor.collect.cgroup import Cpu, Memory, cpu, memory


class Groups:
    """A tree of control groups as the kernel shows it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "cgroup"
        self.own = folder / "own"
        self.root.mkdir()
        self.own.write_text("0::/\n")

    def write(self, folder: str, **files: str) -> None:
        """Files of a group; `__` in their names is a dot."""
        (self.root / folder).mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (self.root / folder / name.replace("__", ".")).write_text(text)

    def memory(self) -> Memory | None:
        """As read from it."""
        return memory(self.root, self.own)

    def cpu(self) -> Cpu | None:
        """As read from it."""
        return cpu(self.root, self.own)


@pytest.fixture
def groups(tmp_path: Path) -> Groups:
    """An empty one."""
    return Groups(tmp_path)


def test_no_groups_are_no_limit(groups: Groups) -> None:
    """As on other systems."""
    assert groups.memory() is None
    assert groups.cpu() is None


def test_version_2_as_a_container_sees_it(groups: Groups) -> None:
    """Its own group is the root; files that can be dropped do not count."""
    groups.write("", memory__max="1000\n", memory__current="700\n", cpu__max="150000 100000\n")
    groups.write("", memory__stat="anon 400\ninactive_file 200\n", cpu__stat="usage_usec 2500000\n")

    assert groups.memory() == Memory(limit_bytes=1000, used_bytes=500)
    assert groups.cpu() == Cpu(cpus=1.5, used_s=2.5)


def test_no_limit_is_written_as_max(groups: Groups) -> None:
    """The usage of a group without one tells nothing."""
    groups.write("", memory__max="max\n", memory__current="700\n", cpu__max="max 100000\n")
    groups.write("", cpu__stat="usage_usec 1\n")

    assert groups.memory() is None
    assert groups.cpu() is None


def test_the_smallest_limit_of_those_above_decides(groups: Groups) -> None:
    """With what all in that group use."""
    groups.own.write_text("0::/unit/part\n")
    groups.write("unit", memory__max="1000", memory__current="900", cpu__max="50000 100000")
    groups.write("unit", cpu__stat="usage_usec 9000000\n")
    groups.write("unit/part", memory__max="2000", memory__current="100", cpu__max="max 100000")

    assert groups.memory() == Memory(limit_bytes=1000, used_bytes=900)
    assert groups.cpu() == Cpu(cpus=0.5, used_s=9.0)


def test_version_1_has_a_tree_for_each_controller(groups: Groups) -> None:
    """The path is that of the host: a container has it not, and sees its own as the root."""
    groups.own.write_text("5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n0::/\n")
    groups.write("memory", **{"memory__limit_in_bytes": "1000", "memory__usage_in_bytes": "600"})
    groups.write("memory", memory__stat="cache 1\ntotal_inactive_file 100\n")
    groups.write("cpu", cpu__cfs_quota_us="200000\n", cpu__cfs_period_us="100000\n")
    groups.write("cpuacct", cpuacct__usage="1500000000\n")

    assert groups.memory() == Memory(limit_bytes=1000, used_bytes=500)
    assert groups.cpu() == Cpu(cpus=2.0, used_s=1.5)


def test_version_1_writes_a_huge_number_or_minus_one(groups: Groups) -> None:
    """Both are no limit."""
    groups.write("memory", memory__limit_in_bytes="9223372036854771712", memory__usage_in_bytes="1")
    groups.write("cpu", cpu__cfs_quota_us="-1\n", cpu__cfs_period_us="100000\n")
    groups.write("cpuacct", cpuacct__usage="1\n")

    assert groups.memory() is None
    assert groups.cpu() is None


def test_a_path_out_of_the_tree_is_not_followed(groups: Groups) -> None:
    """Namespaces show groups of others so."""
    groups.own.write_text("0::/../../other\n")
    groups.write("", memory__max="1000", memory__current="10")

    assert groups.memory() == Memory(limit_bytes=1000, used_bytes=10)
