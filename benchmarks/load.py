"""Load by programs that take little of the machine: `wrk` over HTTP, `pgbench` in SQL."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ground import Tree
from okr_service.kernel.servers import database_url

_MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True)
class Load:
    """What came of asking for some seconds: answers a second, the 99th percentile in ms."""

    per_second: float
    p99: float


def requests_per_second(url: str, key: str, seconds: int = 6, connections: int = 8) -> float:
    """Return how many requests a second get answered."""
    words = ["-t1", f"-c{connections}", "-H", f"Authorization: Bearer {key}"]
    return _load(url, seconds, words).per_second


def reads_in_turns(url: str, keys: Sequence[str], seconds: int = 6) -> float:
    """Return how many requests a second get answered, each as another of several tenants."""
    words = ["-t1", "-c8", "-s", _script("as_tenants.lua")]
    return _load(url, seconds, words, keys).per_second


def check_ins(address: str, trees: Sequence[Tree], seconds: int = 6) -> Load:
    """Report on key results over one connection for each tree named, however often it is."""
    each = len(trees)
    words = [f"-t{each}", f"-c{each}", "-s", _script("check_in.lua")]
    wanted = [str(trees[0].objectives), *(tree.key for tree in trees)]
    return _load(f"{address}/v1/check-ins", seconds, words, wanted)


def posts(url: str, key: str, body: str, seconds: int = 6, connections: int = 1) -> Load:
    """Post the same again and again, over one connection or several."""
    words = ["-t1", f"-c{connections}", "-s", _script("post.lua")]
    return _load(url, seconds, words, [key, body])


def statements(url: str, trees: Sequence[Tree], seconds: int = 6) -> float:
    """Return how many check-ins a second their bare statements record; see `check_ins`."""
    server, each = database_url(url), str(len(trees))
    command = [
        *(_program("pgbench", "postgresql"), "-n", "-M", "prepared", "-T", str(seconds)),
        *("-c", each, "-j", each, "-f", _script("check_in.sql")),
        *("-D", f"objectives={trees[0].objectives}"),
        *("-D", f"tenants={{{','.join(str(tree.tenant_id) for tree in trees)}}}"),
        *("-h", str(server.query["host"]), "-U", str(server.username), str(server.database)),
    ]
    said = _said(command)
    rate = re.search(r"tps = ([\d.]+)", said)
    if rate is None or not re.search(r"failed transactions: 0 ", said):
        raise RuntimeError(said)
    return float(rate[1])


def _script(name: str) -> str:
    return str(Path(__file__).with_name(name))


def _program(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise RuntimeError(f"{name} is missing: apt-get install {package}")
    return found


def _said(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _load(url: str, seconds: int, words: list[str], for_script: Sequence[str] = ()) -> Load:
    wrk = _program("wrk", "wrk")
    said = _said(
        [wrk, "--latency", "--timeout=30s", f"-d{seconds}s", *words, url, "--", *for_script]
    )
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    last = re.search(r"99%\s+([\d.]+)(us|ms|s)", said)
    if "Non-2xx" in said or "Socket errors" in said or rate is None or last is None:
        raise RuntimeError(said)
    return Load(float(rate[1]), float(last[1]) * _MILLISECONDS[last[2]])
