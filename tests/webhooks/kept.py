"""A webhook with a delivery, for those who look at one of everything."""

from tests.build import Build, Json


async def told(build: Build) -> dict[str, Json]:
    """Keep a webhook that waits to be pinged; returns both by kind."""
    address = {"name": "A", "url": "http://127.0.0.1:1/hook"}
    webhook = await build.post("webhooks", **address)
    ping = await build.post(f"webhooks/{webhook['id']}:ping")
    return {"webhooks": webhook, "webhook-deliveries": ping}
