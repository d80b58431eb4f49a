"""Folders for the tests of backups, and what is in them."""

import os
from pathlib import Path

from intertie.automation.backup.invariants import File, folder_files


def plant(folder: Path) -> Path:
    """Everything that is easily lost: links, rights, times, names, what is empty or long."""
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "empty folder").mkdir(mode=0o750)
    (folder / "empty").touch()
    (folder / "ünïcode 漢字.txt").write_text("words\n")
    (folder / "deep" / "er" / ("long" * 40)).write_bytes(os.urandom(3_000_000))
    (folder / "deep" / "secret").write_text("s")
    (folder / "deep" / "secret").chmod(0o600)
    (folder / "run").write_text("#!/bin/sh\n")
    (folder / "run").chmod(0o775)
    (folder / "run").touch()
    os.utime(folder / "run", (1_700_000_000, 1_700_000_000))
    (folder / "link").symlink_to("deep/secret")
    (folder / "dangling").symlink_to("/nowhere/at all")
    (folder / "deep" / "up").symlink_to("..")
    return folder


def look(folder: Path) -> tuple[dict[str, File], dict[str, tuple[int, int]]]:
    """All of it that a backup must bring back: content, rights, links, folders, times."""
    every = {
        path.relative_to(folder).as_posix(): (path.lstat().st_mode, int(path.lstat().st_mtime))
        for path in folder.rglob("*")
        if not path.is_symlink()
    }
    return folder_files(folder), every


def flip(file: Path, *, at: int, bit: int = 0) -> None:
    """Change one bit of a file."""
    mode = file.stat().st_mode
    file.chmod(0o600)
    with file.open("r+b") as held:
        held.seek(at)
        (byte,) = held.read(1)
        held.seek(at)
        held.write(bytes([byte ^ (1 << bit)]))
    file.chmod(mode)
