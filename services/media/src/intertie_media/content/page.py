"""The page: a few files of the package, read once and served with a strict policy."""

import hashlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from importlib import resources
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "mjs": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}

# blob: for what is fetched with the token (posters) and for the player's media source and worker.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "worker-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class _File:
    data: bytes
    media_type: str
    etag: str


def page_routes() -> list[Route]:
    """One route a file; `/` is index.html."""
    found = list(_files(resources.files("intertie_media") / "page", ""))
    routes = [Route(f"/{name}", _sender(file), methods=["GET"]) for name, file in found]
    return [Route("/", _sender(dict(found)["index.html"]), methods=["GET"]), *routes]


def _files(folder: Traversable, path: str) -> Iterator[tuple[str, _File]]:
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        name = f"{path}{entry.name}"
        media_type = MEDIA_TYPES.get(entry.name.rpartition(".")[2])
        if entry.is_dir():
            yield from _files(entry, f"{name}/")
        elif media_type:
            data = entry.read_bytes()
            tag = hashlib.blake2b(data, digest_size=12).hexdigest()
            yield name, _File(data, media_type, f'"{tag}"')


def _sender(file: _File) -> Callable[[Request], Awaitable[Response]]:
    headers = {**HEADERS, "content-type": file.media_type, "etag": file.etag}

    async def send(request: Request) -> Response:
        if request.headers.get("if-none-match") == file.etag:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(file.data, headers=headers)

    return send
