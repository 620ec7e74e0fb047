"""Merge patches as OpenAPI knows them."""

from pydantic import BaseModel

MERGE_PATCH = "application/merge-patch+json"


def patch_of(shape: type[BaseModel]) -> dict[str, object]:
    """Describe, for OpenAPI, a merge patch of an input: the same fields, none required."""
    schema = {"$ref": f"#/components/schemas/{shape.__name__}Patch"}
    content = {media: {"schema": schema} for media in (MERGE_PATCH, "application/json")}
    return {"requestBody": {"required": True, "content": content}}
