"""Measure what a check-in costs through GraphQL against the same through REST.

Both doors of one process write the same check-in of one key result again and again, over one
connection, durable; the mutation shows the key result's progress. Turn about.

    .venv/bin/python -m benchmarks.graphql_check_in
"""

import json
import statistics

from benchmarks.ground import ground, plant_one, serving, spread, turns
from benchmarks.load import posts

_ROUNDS = 7
_OBJECTIVES = 10_000
_KEY_RESULT = "external:L-1234/KR1"
_MUTATION = """mutation($input: RecordCheckInInput!) { recordCheckIn(input: $input) {
  checkIn { rowId keyResult { progress } } errors { code } } }"""


def main() -> None:
    """Measure both and print the ratio."""
    report = {"key_result_id": _KEY_RESULT, "value": "41"}
    given = {"keyResultId": _KEY_RESULT, "value": "41"}
    mutation = {"query": _MUTATION, "variables": {"input": given}}
    with ground() as url:
        tree = plant_one(url, _OBJECTIVES)
        with serving("benchmarks.list_page:service", DATABASE=url) as address:
            asked = {
                "GraphQL": (f"{address}/graphql", tree.key, json.dumps(mutation)),
                "REST": (f"{address}/v1/check-ins", tree.key, json.dumps(report)),
            }
            figures: dict[str, list[float]] = {door: [] for door in asked}
            for door in turns(_ROUNDS + 1, list(asked)):
                figures[door].append(posts(*asked[door], seconds=5).per_second)
    rates = {door: values[1:] for door, values in figures.items()}  # the first warms up
    for door, values in rates.items():
        print(f"{door:<8} {spread(values)} check-ins/s")
    ratio = statistics.median(rates["GraphQL"]) / statistics.median(rates["REST"])
    print(f"ratio    {ratio:.3f}  (goal at least 0.9)")


if __name__ == "__main__":
    main()
