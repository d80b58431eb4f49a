"""HubSpot: the people that a company knows."""

from types import MappingProxyType
from typing import Annotated

from pydantic import Field, SecretStr

from intertie.integrations import rest
from intertie.integrations.credentials import Bearer, OAuth2
from intertie.integrations.data import Cursor, Errors, Limits, Probe
from intertie.integrations.operation import Answer, Arguments, get, patch, post
from intertie.integrations.webhooks import At, HubSpotV3, Webhook

_CONTACTS = "/crm/v3/objects/contacts"
_OAUTH = "https://api.hubapi.com/oauth/2026-03"
_READ = "crm.objects.contacts.read"
_WRITE = "crm.objects.contacts.write"
_OPERATORS = r"^(N?EQ|[LG]TE?|BETWEEN|(NOT_)?(IN|HAS_PROPERTY|CONTAINS_TOKEN))$"
_NEXT = Cursor("results", "paging.next.after", "after")


class Settings(rest.Settings):
    """A private app's token, or a public app for which people give consent."""

    access_token: SecretStr | None = None
    """Of a private app; begins with `pat-`."""
    client_id: str = ""
    """Of a public app."""
    client_secret: SecretStr | None = None
    """Of a public app."""
    scope: str = ""
    """What people are asked for, with spaces between; empty is what the operations need."""


class Contact(Answer):
    """A person; without being asked HubSpot tells the name and the address."""

    id: str
    properties: dict[str, str | None]
    created_at: str = Field(alias="createdAt")
    updated_at: str = Field(alias="updatedAt")
    archived: bool = False


class After(Answer):
    """Where the next page begins."""

    after: str


class Paging(Answer):
    """Whether there is a next page."""

    next: After | None = None


class ContactPage(Answer):
    """Some of the contacts."""

    results: list[Contact]
    paging: Paging | None = None


class FoundContacts(ContactPage):
    """Some of those found; none is told beyond the first 10,000."""

    total: int


class Contacts(Arguments):
    """Which contacts, and what of them."""

    limit: int = Field(default=100, ge=1, le=100)
    after: str | None = None
    properties: list[str] | None = None
    archived: bool = False


class ContactId(Arguments):
    """Which contact, and what of it."""

    contact_id: str = Field(min_length=1)
    id_property: str | None = Field(default=None, alias="idProperty")
    """What the id is instead, such as `email`."""
    properties: list[str] | None = None


class NewContact(Arguments):
    """What is known of a person; no two have one `email`."""

    properties: dict[str, str] = Field(min_length=1)


class Change(Arguments):
    """What is known by now; the rest stays as it is."""

    contact_id: str = Field(min_length=1)
    properties: dict[str, str] = Field(min_length=1)


class Filter(Arguments):
    """One property, and what is said of it."""

    property_name: str = Field(alias="propertyName")
    operator: Annotated[str, Field(pattern=_OPERATORS)] = "EQ"
    value: str | None = None
    high_value: str | None = Field(default=None, alias="highValue")
    values: list[str] | None = None


class FilterGroup(Arguments):
    """All of these hold."""

    filters: list[Filter] = Field(min_length=1, max_length=6)


class Search(Arguments):
    """Who is looked for: those for whom any group holds."""

    query: str | None = Field(default=None, max_length=3000)
    filter_groups: list[FilterGroup] | None = Field(
        default=None, max_length=5, alias="filterGroups"
    )
    sorts: list[str] | None = Field(default=None, max_length=1)
    properties: list[str] | None = None
    limit: int = Field(default=100, ge=1, le=200)
    after: str | None = None


class HubSpotIntegration(rest.RestIntegration):
    """Contacts of a customer database."""

    kind = "hubspot"
    docs = "https://developers.hubspot.com/docs/api-reference/legacy/crm/objects/contacts"
    stability = "beta"
    owner = "analytics"
    settings_type = Settings
    webhook = Webhook(
        HubSpotV3(),
        secret="client_secret",  # noqa: S106 - the name of a setting
        id=(At("eventId"), At("subscriptionType"), At("objectId"), At("occurredAt")),
        type=(At("subscriptionType"),),
        is_batch=True,
    )
    base = "https://api.hubapi.com"
    ways = (
        Bearer("access_token"),
        OAuth2(
            authorize="https://app.hubspot.com/oauth/authorize",
            token=f"{_OAUTH}/token",
            revoke=f"{_OAUTH}/token/revoke",
            pkce=False,
            renewal="reusable",
            proves_by="body",
            scopes=("oauth", _READ, _WRITE),
        ),
    )
    # 100 in 10 seconds, the least of all plans (developers.hubspot.com/docs/developer-tooling/
    # platform/usage-guidelines): 10 in any second are never more.
    limits = Limits(burst_limit=10, remaining="x-hubspot-ratelimit-remaining")
    errors = Errors(
        message=("message",),
        code=("category", "policyName", "errorType"),
        code_from=400,
        codes=MappingProxyType({"DAILY": "spent"}),
    )
    probe = Probe("contacts", arguments={"limit": 1})

    contacts = get(_CONTACTS, Contacts, ContactPage, pages=_NEXT, scopes=(_READ,))
    contact = get(f"{_CONTACTS}/{{contact_id}}", ContactId, Contact, scopes=(_READ,))
    create_contact = post(_CONTACTS, NewContact, Contact, scopes=(_WRITE,))
    update_contact = patch(f"{_CONTACTS}/{{contact_id}}", Change, Contact, scopes=(_WRITE,))
    # "five requests per second per account" of all searches.
    search_contacts = post(
        f"{_CONTACTS}/search",
        Search,
        FoundContacts,
        effect="read",
        pages=_NEXT,
        scopes=(_READ,),
        per_second=5,
    )
