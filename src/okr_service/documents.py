"""The published documents, made from the code: OpenAPI, GraphQL schema, list of problems."""

import inspect
import json
from pathlib import Path

from pydantic import SecretStr

from okr_service.kernel.errors import OkrError
from okr_service.kernel.messages import sentence_template
from okr_service.kernel.messages.fields import FIELD_MESSAGES
from okr_service.main import create_app
from okr_service.rest.problems import status_of
from okr_service.settings import Settings

_INTRODUCTION = """\
# Problems

Every error is answered with a problem document (RFC 9457). Its `code` never changes; `type` is
`/problems/` and the code; `detail` is one of the sentences below, by `Accept-Language`, and the
facts in braces are members of the document. Made by `okr schema`.
"""
_ABOUT_FIELDS = """
## Fields

In `errors`, each with the `pointer` of its field. Codes of the problems above stand there too,
where a problem is about one field.
"""


def generate(folder: Path) -> None:
    """Write the documents into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in _documents().items():
        (folder / name).write_text(text, encoding="utf-8")


def differences(folder: Path) -> list[str]:
    """Return the names of documents in a folder that are not as they would be written."""
    return [
        name
        for name, text in _documents().items()
        if not (folder / name).exists() or (folder / name).read_text(encoding="utf-8") != text
    ]


def _documents() -> dict[str, str]:
    unused = SecretStr("postgresql://unused/unused/and-nothing-of-a-secret")
    app = create_app(Settings(database_url=unused, api_key_secret=unused))
    openapi = json.dumps(app.openapi(), ensure_ascii=False, indent=1, sort_keys=True)
    return {
        "openapi.json": f"{openapi}\n",
        "schema.graphql": f"{app.state.graphql_schema.as_str()}\n",
        "problems.md": _problems(),
    }


def _problems() -> str:
    rows = [
        f"| `{code}` | {status_of(error)} | {sentence_template(error, 'en')} "
        f"| {sentence_template(error, 'vi')} |"
        for code, error in sorted(OkrError.by_code.items())
        if not error.__subclasses__() or inspect.getmodule(error) is not inspect.getmodule(OkrError)
    ]
    fields = [
        f"| `{code}` | {english} | {vietnamese} |"
        for code, (english, vietnamese) in sorted(FIELD_MESSAGES.items())
    ]
    problems = ["| code | status | English | Vietnamese |", "| --- | --- | --- | --- |", *rows]
    located = ["| code | English | Vietnamese |", "| --- | --- | --- |", *fields]
    return "\n".join(
        [
            _INTRODUCTION,
            *problems,
            _ABOUT_FIELDS,
            *located,
            "",
        ]
    )
