import io
import os
import tarfile
from pathlib import Path

import pytest

from intertie.automation.backup.pack import MANIFEST, Manifest, Member, pack, unpack
from intertie.automation.backup.port import BackupError
from tests.automation.backup.trees import look, plant


def forged(*members: tarfile.TarInfo, manifest: str = '{"files": []}') -> io.BytesIO:
    """An archive that `pack` would not make."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
        last = tarfile.TarInfo(MANIFEST)
        last.size = len(manifest)
        archive.addfile(last, io.BytesIO(manifest.encode()))
    out.seek(0)
    return out


def member(
    name: str, *, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0
) -> tarfile.TarInfo:
    """One that is put into a forged archive."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return info


def test_comes_back_as_it_was(tmp_path: Path) -> None:
    """Through one stream of bytes, without the whole in memory."""
    source = plant(tmp_path / "source")
    (source / "bad\udce9").write_text("a name that is not UTF-8")

    unpack(io.BytesIO(b"".join(pack(source))), tmp_path / "out")

    assert look(tmp_path / "out") == look(source)
    assert max(map(len, pack(source))) <= 1 << 20


def test_others_can_read_it(tmp_path: Path) -> None:
    """It is a tar file as any other."""
    source = plant(tmp_path / "source")

    with tarfile.open(fileobj=io.BytesIO(b"".join(pack(source)))) as archive:
        names = archive.getnames()

    assert names[-1] == MANIFEST
    assert "files/ünïcode 漢字.txt" in names


@pytest.mark.parametrize(
    "bad",
    [
        member("files/../../out"),
        member("/etc/passwd"),
        member("elsewhere/a"),
        member("files"),
    ],
    ids=lambda one: one.name,
)
def test_nothing_is_written_outside(tmp_path: Path, bad: tarfile.TarInfo) -> None:
    """A path that leads out of the folder is refused."""
    with pytest.raises(BackupError, match="outside"):
        unpack(forged(bad), tmp_path / "in" / "side")

    assert not (tmp_path / "in" / "out").exists()


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    """A link that points out, and a file or link below it, do not lead out."""
    (tmp_path / "outside").mkdir()
    way = member("files/way", kind=tarfile.SYMTYPE, link=str(tmp_path / "outside"))
    text = Manifest(files=(Member(path="way/a", mode=0, mtime=0, size=0, sha256=""),))

    for below in (
        member("files/way/a"),
        member("files/way/a", kind=tarfile.SYMTYPE, link="x"),
    ):
        with pytest.raises((BackupError, OSError)):
            unpack(forged(way, below, manifest=text.model_dump_json()), tmp_path / below.type.hex())

    assert not any((tmp_path / "outside").iterdir())


@pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.LNKTYPE])
def test_only_files_folders_and_links(tmp_path: Path, kind: bytes) -> None:
    """Devices, pipes and hard links are refused."""
    with pytest.raises(BackupError, match="neither"):
        unpack(forged(member("files/odd", kind=kind, link="/etc/passwd")), tmp_path)


def test_a_file_that_differs_from_its_hash_is_named(tmp_path: Path) -> None:
    """Also one that the list lacks, and one that is only in the list."""
    one = Member(path="a", mode=0o600, mtime=0, size=1, sha256="0" * 64)

    for text in (Manifest(files=(one,)), Manifest(files=())):
        with pytest.raises(BackupError, match="'a' is not what"):
            unpack(
                forged(member("files/a", size=1), manifest=text.model_dump_json()),
                tmp_path / f"{len(text.files)}",
            )
    with pytest.raises(BackupError, match="'a' is not what"):
        unpack(forged(manifest=Manifest(files=(one,)).model_dump_json()), tmp_path / "none")


def test_an_archive_needs_its_list(tmp_path: Path) -> None:
    """Without it, or with one that cannot be read, nothing is trusted."""
    with pytest.raises(BackupError, match="list of files is damaged"):
        unpack(forged(manifest="{"), tmp_path / "a")
    with pytest.raises(BackupError, match="no list"):
        unpack(io.BytesIO(bytes(1024)), tmp_path / "b")


def test_what_is_neither_file_nor_link_is_left_out(tmp_path: Path) -> None:
    """A pipe does not hold up a backup."""
    (tmp_path / "source").mkdir()
    os.mkfifo(tmp_path / "source" / "pipe")

    unpack(io.BytesIO(b"".join(pack(tmp_path / "source"))), tmp_path / "out")

    assert not (tmp_path / "out" / "pipe").exists()


def test_a_program_does_not_become_somebody_else(tmp_path: Path) -> None:
    """The bits that let a program run as its owner do not come back."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "su").touch()
    (tmp_path / "source" / "su").chmod(0o4755)

    unpack(io.BytesIO(b"".join(pack(tmp_path / "source"))), tmp_path / "out")

    assert (tmp_path / "out" / "su").stat().st_mode & 0o7777 == 0o755
