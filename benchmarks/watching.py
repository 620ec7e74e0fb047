"""Measure what it costs to be watched.

Ten objectives over HTTP from a process that counts, times and logs a line a request, against one
that does none of it. One process each, turn about, on one database. On a machine that others
use, the time that each process had of a processor says more than requests a second.

    .venv/bin/python -m benchmarks.watching
"""

import logging
import os
import statistics
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI

from benchmarks.ground import API_KEY_SECRET, free_port, ground, plant_one, serving, spread, turns
from benchmarks.load import requests_per_second
from okr_service.kernel.garbage import settle
from okr_service.main import create_app
from okr_service.observability import logs
from okr_service.settings import Settings

_ROUNDS, _SECONDS = 20, 2
_ON, _OFF = "benchmarks.watching:watched", "benchmarks.watching:unwatched"
_PATH = "/v1/objectives?limit=10"


def _made(**more: object) -> FastAPI:
    url = os.environ["DATABASE"]
    settings = Settings(database_url=url, api_key_secret=API_KEY_SECRET)
    settings = settings.model_copy(update={"log_format": "json", **more})
    logs.begin(settings)
    [handler] = logging.getLogger().handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(Path(os.devnull).open("w"))  # noqa: SIM115 - for as long as it serves
    app = create_app(settings)
    settle()
    return app


def watched() -> FastAPI:
    """Make the service as it is watched."""
    return _made(metrics_port=free_port())


def unwatched() -> FastAPI:
    """Make it as it is not."""
    return _made(log_level="warning")


@dataclass(frozen=True)
class _Turn:
    per_second: float
    cpu: float  # microseconds that the process took for one answer


def _measured(factory: str, url: str, key: str) -> _Turn:
    before = _cpu_seconds(factory)
    rate = requests_per_second(url, key, seconds=_SECONDS)
    return _Turn(rate, (_cpu_seconds(factory) - before) / (rate * _SECONDS) * 1e6)


def _cpu_seconds(factory: str) -> float:
    """Return how long the process that serves what a factory made was on a processor."""
    [found] = [
        status.parent
        for status in Path("/proc").glob("[0-9]*/cmdline")
        if f"\0{factory}\0".encode() in status.read_bytes()
    ]
    fields = (found / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure both and print the ratios."""
    with ground() as url:
        tree = plant_one(url, 10_000)
        with serving(_ON, DATABASE=url) as on, serving(_OFF, DATABASE=url) as off:
            addresses = {_ON: on + _PATH, _OFF: off + _PATH}
            for address in addresses.values():
                requests_per_second(address, tree.key, seconds=3)
            found: dict[str, list[_Turn]] = {_ON: [], _OFF: []}
            for one in turns(_ROUNDS, (_ON, _OFF)):
                found[one].append(_measured(one, addresses[one], tree.key))
    for name, each in found.items():
        rates = spread([turn.per_second for turn in each])
        taken = spread([turn.cpu for turn in each])
        print(f"{name:30} {rates} requests/s, {taken} µs of a processor each")
    pairs = list(zip(found[_ON], found[_OFF], strict=True))
    rate = statistics.median(a.per_second / b.per_second for a, b in pairs)
    cpu = statistics.median(b.cpu / a.cpu for a, b in pairs)
    print(f"ratio of requests/s {rate:.3f}, by processor time {cpu:.3f}  (goal 0.95)")


if __name__ == "__main__":
    main()
