"""A real OpenLDAP server, with a configuration and a certificate of its own."""

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import trustme

from intertie.runtime.ports import Ports

BASE = "dc=example,dc=com"
READER = f"cn=reader,{BASE}"
READER_PASSWORD = "a directory's word"
PASSWORD = "ada's own word"

_TRIES = 3000

_CONFIG = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
pidfile {folder}/pid
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.key
TLSCACertificateFile {folder}/ca.pem
security simple_bind=1
database mdb
suffix "{base}"
rootdn "cn=root,{base}"
rootpw root
directory {folder}/data
overlay memberof
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{reader}" read by * none
"""
_CONTENT = """
dn: {base}
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: {reader}
objectClass: person
cn: reader
sn: reader
userPassword: {reader_password}

dn: ou=people,{base}
objectClass: organizationalUnit
ou: people

dn: ou=groups,{base}
objectClass: organizationalUnit
ou: groups

dn: uid=ada,ou=people,{base}
objectClass: inetOrgPerson
uid: ada
cn: Ada Lovelace
sn: Lovelace
mail: ada@example.com
userPassword: {password}

dn: uid=odd\\2C\\28one\\29\\2A,ou=people,{base}
objectClass: inetOrgPerson
uid: odd,(one)*
cn: Odd (One)
sn: One
mail: odd@example.com
userPassword: {password}

dn: uid=twin,ou=people,{base}
objectClass: inetOrgPerson
uid: twin
cn: Twin
sn: Twin
mail: ada@example.com
userPassword: {password}

dn: uid=eve,ou=people,{base}
objectClass: inetOrgPerson
uid: eve
cn: Eve
sn: Eve
mail: eve@evil.test
userPassword: {password}

dn: cn=admins,ou=groups,{base}
objectClass: groupOfNames
cn: admins
member: uid=ada,ou=people,{base}
member: uid=odd\\2C\\28one\\29\\2A,ou=people,{base}

dn: cn=users,ou=groups,{base}
objectClass: groupOfNames
cn: users
member: uid=ada,ou=people,{base}
member: uid=eve,ou=people,{base}
"""


@dataclass(frozen=True, slots=True)
class Server:
    """Where it is, and who vouches for it."""

    plain: str
    """For START_TLS."""
    secure: str
    ca_file: str


@contextmanager
def slapd(folder: Path) -> Iterator[Server]:
    """It runs until the block ends. Without python-ldap the test is skipped."""
    pytest.importorskip("ldap", exc_type=ImportError)
    folder.mkdir()
    (folder / "data").mkdir()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    # libldap takes `localhost` for the name of the machine.
    names = {"localhost", socket.gethostname(), socket.getfqdn()}
    made = authority.issue_cert(*names, common_name="localhost")
    made.cert_chain_pems[0].write_to_path(str(folder / "server.pem"))
    made.private_key_pem.write_to_path(str(folder / "server.key"))
    told = {"folder": folder, "base": BASE, "reader": READER}
    (folder / "slapd.conf").write_text(_CONFIG.format(**told))
    words = {"reader_password": READER_PASSWORD, "password": PASSWORD}
    ports = Ports()
    plain, secure = (f"localhost:{ports.take('test')}" for _ in range(2))
    program = shutil.which("slapd", path="/usr/sbin:/usr/libexec:/sbin:/usr/bin")
    assert program, "no slapd"
    urls = f"ldap://{plain} ldaps://{secure}"
    command = [program, "-f", str(folder / "slapd.conf"), "-h", urls, "-d", "0"]
    with subprocess.Popen(command) as process:
        try:
            _fill(f"ldap://{plain}", folder / "ca.pem", _CONTENT.format(**told, **words))
            yield Server(f"ldap://{plain}", f"ldaps://{secure}", str(folder / "ca.pem"))
        finally:
            process.terminate()
            process.wait(timeout=60)


def _fill(url: str, ca_file: Path, content: str) -> None:
    connection = _root(url, ca_file)
    for block in content.strip().split("\n\n"):
        name, *lines = block.strip().splitlines()
        entry: dict[str, list[bytes]] = {}
        for line in lines:
            key, _, value = line.partition(": ")
            entry.setdefault(key, []).append(value.encode())
        connection.add_s(name.removeprefix("dn: "), list(entry.items()))
    connection.unbind_s()


def _root(url: str, ca_file: Path) -> Any:  # Any: it has no types
    ldap: Any = import_module("ldap")
    for attempt in range(_TRIES):
        connection = ldap.initialize(url)
        connection.set_option(ldap.OPT_X_TLS_CACERTFILE, str(ca_file))
        connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
        try:
            connection.start_tls_s()
            connection.simple_bind_s(f"cn=root,{BASE}", "root")
        except ldap.SERVER_DOWN:
            if attempt == _TRIES - 1:
                raise
            threading.Event().wait(0.02)
        else:
            return connection
    raise AssertionError
