"""What logs may not tell: what an exception says quotes what tenants keep."""

import ast
from pathlib import Path

import okr_service

_SOURCE = Path(okr_service.__file__).parent


def _tells_of_exceptions(call: ast.Call) -> bool:
    named = call.func
    if not isinstance(named, ast.Attribute):
        return False
    logs = isinstance(named.value, ast.Name) and named.value.id in {"_log", "logging"}
    return logs and (
        named.attr == "exception" or any(each.arg == "exc_info" for each in call.keywords)
    )


def test_no_message_of_an_exception_is_logged() -> None:
    telling = [
        f"{path.relative_to(_SOURCE)}:{node.lineno}"
        for path in _SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and _tells_of_exceptions(node)
    ]
    assert not telling, "log traceback_of the error instead"
