"""Repairs that one vendor's description needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.specs.tree import copied, objects

if TYPE_CHECKING:
    from tools.specs.tree import Document


def slack_token(document: Document) -> str:
    """The token goes into `Authorization: Bearer`; the description still wants a parameter.

    Source: https://api.slack.com/web#authentication.
    """
    for item in objects(document):
        if isinstance(item.get("parameters"), list):
            item["parameters"] = [one for one in item["parameters"] if one.get("name") != "token"]
    return "dropped the token parameters: the token goes into Authorization"


def apple_lists(document: Document) -> str:
    """Lists in the query are joined by commas; the description says that the name is repeated.

    Source: https://developer.apple.com/documentation/applemusicapi/search-for-catalog-resources.
    """
    for item in objects(document):
        if item.get("in") == "query" and item.get("schema", {}).get("type") == "array":
            item["explode"] = False
    return "joined lists in the query by commas"


def slack_alternatives(document: Document) -> str:
    """A list of `items` means alternatives, which Swagger 2 does not know: the first stays."""
    count = 0
    for item in objects(document):
        if isinstance(item.get("items"), list) and "type" not in item:
            first = next(one for one in item["items"] if one.get("type") != "null")
            del item["items"]
            item.update(first)
            count += 1
    return f"kept the first of {count} lists of alternatives"


def slack_blocks(document: Document) -> str:
    """Lists are texts in a form, and lists in JSON; the description says texts for both.

    Source: https://api.slack.com/methods/chat.postMessage.
    """
    for item in document["paths"].values():
        content = item.get("post", {}).get("requestBody", {}).get("content", {})
        if "application/json" in content:
            media = copied(content["application/json"])
            for name in {"attachments", "blocks"} & set(media["schema"]["properties"]):
                media["schema"]["properties"][name] = {"type": "array", "items": {"type": "object"}}
            content["application/json"] = media
    return "made blocks and attachments lists in JSON"


def twilio_lists(document: Document) -> str:
    """A list in a form repeats its name, and the mock sees only the last value: it judges that one.

    Source: https://www.twilio.com/docs/messaging/api/message-resource, `MediaUrl`.
    """
    for item in objects(document):
        form = item.get("content", {}).get("application/x-www-form-urlencoded", {})
        fields = form.get("schema", {}).get("properties", {})
        for name, field in fields.items():
            if field.get("type") == "array":
                fields[name] = field["items"]
    return "made lists in forms their last value"
