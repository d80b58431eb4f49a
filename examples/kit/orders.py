"""Orders: takes them over HTTP, and tells everybody of each one."""

from typing import ClassVar

from fastapi import FastAPI
from pydantic import BaseModel

from intertie.service import Payload, Service

service = Service("orders")
api = FastAPI(title="Orders")
sold = service.counter("orders_total", "Orders taken, by currency.", ["currency"])


class Settings(BaseModel):
    """From ORDERS_CURRENCY."""

    currency: str = "EUR"


class OrderPlaced(Payload):
    """Somebody bought something."""

    type: ClassVar[str] = "order.placed"
    id: int
    currency: str


settings = service.settings(Settings, prefix="ORDERS_")


@api.post("/orders/{id}", status_code=202)
async def place(id: int) -> OrderPlaced:
    """Take an order; it is kept once this answers."""
    order = OrderPlaced(id=id, currency=settings.currency)
    await service.publish(order, subject=f"order/{id}", key=str(id))
    sold.labels(settings.currency).inc()
    return order


app = service.wrap(api)

if __name__ == "__main__":
    service.run(app)
