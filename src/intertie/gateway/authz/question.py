"""What Envoy asks: one request, as the filter of `policy.authz` describes it."""

from collections.abc import Mapping
from typing import NamedTuple

CHECK_PREFIX = "/check"
"""Before the path of a request that is to be checked; Envoy puts it there."""
ROUTE, ADDRESS, REQUEST_ID = "x-intertie-route", "x-intertie-address", "x-intertie-request"
TOKEN_ID, TOKEN_TIME = "x-intertie-jti", "x-intertie-iat"
ABOUT = (ROUTE, ADDRESS, REQUEST_ID, TOKEN_ID, TOKEN_TIME)
"""Headers by which the gateway tells what no client may say."""


class Question(NamedTuple):
    """One request. Header names are lower-case; a header sent twice is joined by a comma."""

    method: str
    target: str
    """Path and query, as the client sent them."""
    headers: Mapping[str, str]
    body: bytes = b""
    told_id: str = ""
    """Of the request, where it is not among `headers`."""

    @property
    def route(self) -> str:
        """The name of the route that Envoy chose."""
        return self.headers.get(ROUTE, "")

    @property
    def address(self) -> str:
        """Of the client; what it says itself about that is not looked at."""
        return self.headers.get(ADDRESS, "")

    @property
    def request_id(self) -> str:
        """As in Envoy's access log."""
        return self.told_id or self.headers.get(REQUEST_ID, "")

    @property
    def is_preflight(self) -> bool:
        """Whether a browser asks for permission (Fetch, 3.2.2)."""
        headers = self.headers
        return (
            self.method == "OPTIONS"
            and "origin" in headers
            and "access-control-request-method" in headers
        )
