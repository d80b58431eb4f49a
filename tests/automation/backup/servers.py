"""Servers of others that a source can be on."""

import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from pymongo import AsyncMongoClient

from intertie.automation.backup.object_store import Bucket, client_of
from tests.forward.peers import held_port


def bucket(address: str, *, versioned: bool = False, prefix: str = "") -> Bucket:
    """A new one."""
    made = Bucket(
        name=f"b-{uuid4()}",
        prefix=prefix,
        endpoint=address,
        access_key="AKIDEXAMPLE",
        secret_key="of-no-use-anywhere",
    )
    client = client_of(made)
    client.create_bucket(Bucket=made.name)
    if versioned:
        status = {"Status": "Enabled"}
        client.put_bucket_versioning(Bucket=made.name, VersioningConfiguration=status)
    client.close()
    return made


def documents_of(address: str) -> AsyncMongoClient[Any]:
    """A client with one monitor only, which has its connection before the first answer comes."""
    return AsyncMongoClient(address, serverMonitoringMode="poll")


@contextmanager
def mongodb(folder: Path, *, standalone: bool = False) -> Iterator[str]:
    """A server that speaks MongoDB's protocol; its address."""
    program = Path(sys.executable).with_name("secantusd-py")
    only = ["--standalone"] if standalone else []
    with held_port() as port, tempfile.TemporaryFile() as said:
        words = ["--port", str(port), "--storage-path", str(folder), "--log-level", "WARNING"]
        with subprocess.Popen([program, *only, *words], stdout=said, stderr=said) as process:
            try:
                _answers(port, process)
                yield f"mongodb://127.0.0.1:{port}/"
            finally:
                process.kill()


def _answers(port: int, process: "subprocess.Popen[bytes]") -> None:
    pause = threading.Event()
    while True:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None
        pause.wait(0.05)
