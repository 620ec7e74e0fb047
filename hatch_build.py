"""Make the Python client from the OpenAPI document; hatchling runs this whenever it builds.

So there is no committed code to drift from the contract, and a contract from which no whole
client can be generated cannot be built.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from openapi_python_client import generate
from openapi_python_client.config import Config, ConfigFile, MetaType

_ROOT = Path(__file__).parent
_DOCUMENT = _ROOT / "openapi" / "openapi.json"
_PACKAGE = _ROOT / "src" / "okr_client"
_FORM, _LINES = "multipart/form-data", "application/x-ndjson"
_BINARY, _TEXT = "application/octet-stream", "text/plain"
_TREATED_AS = {
    "application/vnd.apache.parquet": _BINARY,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": _BINARY,
    _LINES: _TEXT,
    "image/svg+xml": _TEXT,
}


class ClientHook(BuildHookInterface[Any]):
    """Puts okr_client where the wheel, or an editable installation, takes it from."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's
        """Generate the package."""
        shutil.rmtree(_PACKAGE, ignore_errors=True)
        with tempfile.TemporaryDirectory() as folder:
            document = Path(folder) / "openapi.json"
            document.write_text(json.dumps(_generatable(json.loads(_DOCUMENT.read_text("utf-8")))))
            _generate(document)
        (_PACKAGE / "py.typed").touch()
        formatting = [sys.executable, "-m", "ruff", "format", "--isolated", "--quiet"]
        subprocess.run([*formatting, "--no-respect-gitignore", _PACKAGE], check=True)  # noqa: S603


def _generate(document: Path) -> None:
    """Write the package; whatever the generator cannot do ends the build."""
    asked = ConfigFile(content_type_overrides=_TREATED_AS, post_hooks=[], http_timeout=60)
    config = Config.from_sources(asked, MetaType.NONE, document, "utf-8", True, _PACKAGE)
    if faults := generate(config=config):
        raise RuntimeError("\n".join(f"{f.header}: {f.detail}" for f in faults))


def _generatable(document: dict[str, Any]) -> dict[str, Any]:
    """Leave out what the generator would make something useless of."""
    for methods in document["paths"].values():
        for operation in methods.values():
            # It types it as Any, and then the whole answer is Any to whoever asks.
            operation["responses"].pop("304", None)
            if _LINES in (answer := operation["responses"].get("200", {}).get("content", {})):
                answer[_LINES] = {"schema": {"type": "string"}}  # all of them, not one
            kinds = operation.get("requestBody", {}).get("content", {})
            if _FORM in kinds:  # it knows no plain text as a body, and a form takes the same files
                operation["requestBody"]["content"] = {_FORM: kinds[_FORM]}
    return document
