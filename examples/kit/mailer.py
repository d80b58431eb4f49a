"""Mailer: a worker without an application. It writes to the customer of each order."""

import logging
from typing import ClassVar

from intertie.service import Payload, Service

service = Service("mailer")
log = logging.getLogger("mailer")


class OrderPlaced(Payload):
    """What we need to know of an order."""

    type: ClassVar[str] = "order.placed"
    id: int
    currency: str


@service.subscribe(OrderPlaced, group="mailer", concurrency=4)
async def write(order: OrderPlaced) -> None:
    """Raising here would have the message come again."""
    log.info("mail sent", extra={"order": order.id, "currency": order.currency})


if __name__ == "__main__":
    service.run()
