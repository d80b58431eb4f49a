"""DigitalOcean: virtual machines."""

from pydantic import Field, SecretStr

from intertie.integrations import rest
from intertie.integrations.credentials import Bearer
from intertie.integrations.data import Errors, Limits, NextUrl, Probe
from intertie.integrations.operation import Answer, Arguments, Empty, Nothing, delete, get, post


class Settings(rest.Settings):
    """A token of https://cloud.digitalocean.com/account/api/tokens."""

    access_token: SecretStr
    """Begins with `dop_v1_`."""


class Account(Answer):
    """Whose token it is."""

    uuid: str
    email: str
    status: str
    """`active`, `warning` or `locked`."""
    droplet_limit: int


class AccountFound(Answer):
    """The account."""

    account: Account


class Region(Answer):
    """Where a machine stands."""

    slug: str
    name: str = ""


class Address(Answer):
    """One address of a machine."""

    ip_address: str
    type: str
    """`public` or `private`."""


class Networks(Answer):
    """Where a machine can be reached."""

    v4: list[Address] = []
    v6: list[Address] = []


class Droplet(Answer):
    """A machine; one that is new has no addresses yet."""

    id: int
    name: str
    status: str
    """`new`, `active`, `off` or `archive`."""
    created_at: str
    size_slug: str
    region: Region
    networks: Networks
    memory: int
    """In MiB."""
    vcpus: int
    disk: int
    """In GiB."""
    tags: list[str] = []


class DropletFound(Answer):
    """One machine."""

    droplet: Droplet


class Neighbours(Answer):
    """Addresses of other pages."""

    next: str | None = None


class Links(Answer):
    """Whether there are other pages."""

    pages: Neighbours | None = None


class DropletPage(Answer):
    """Some of the machines."""

    droplets: list[Droplet]
    links: Links | None = None


class Droplets(Arguments):
    """Which machines."""

    tag_name: str | None = None
    name: str | None = None
    per_page: int = Field(default=200, ge=1, le=200)


class DropletId(Arguments):
    """Which machine."""

    droplet_id: int = Field(ge=1)


class Create(Arguments):
    """Machines to be made, one for each name; each is paid for from then on."""

    names: list[str] = Field(min_length=1, max_length=10)
    size: str
    """Such as `s-1vcpu-1gb`."""
    image: str | int
    """Such as `ubuntu-24-04-x64`, or the id of a snapshot."""
    region: str | None = None
    ssh_keys: list[str | int] | None = None
    """Ids or fingerprints; without one a password is mailed."""
    tags: list[str] | None = None
    vpc_uuid: str | None = None
    user_data: str | None = Field(default=None, max_length=65_536, repr=False)
    """What cloud-init does at the first start; it often holds secrets."""
    backups: bool | None = None
    ipv6: bool | None = None
    monitoring: bool | None = None


class DigitalOceanIntegration(rest.RestIntegration):
    """Virtual machines of an account."""

    kind = "digitalocean"
    docs = "https://docs.digitalocean.com/reference/api/digitalocean"
    stability = "beta"
    owner = "platform"
    settings_type = Settings
    base = "https://api.digitalocean.com"
    ways = (Bearer("access_token"),)
    # 5,000 an hour and 250 a minute for each token; a refusal of the minute says `retry-after`,
    # one of the hour only `ratelimit-reset` (docs.digitalocean.com/reference/api, "Rate limit").
    limits = Limits(
        requests_per_minute=250, remaining="ratelimit-remaining", reset="ratelimit-reset"
    )
    errors = Errors(message=("message",), code="id", code_from=400)
    probe = Probe("account_info")

    account_info = get("/v2/account", Nothing, AccountFound)
    droplets = get(
        "/v2/droplets", Droplets, DropletPage, pages=NextUrl("droplets", "links.pages.next")
    )
    droplet = get("/v2/droplets/{droplet_id}", DropletId, DropletFound)
    # There is no key against making it twice: what may have been made is not made again.
    create_droplets = post("/v2/droplets", Create, DropletPage)
    delete_droplet = delete("/v2/droplets/{droplet_id}", DropletId, Empty)
