"""About how many nodes a query would show, told before it is asked.

The cost of a query is the sum of its levels' rows. A root list shows as many as its
`first`. An edge to many is estimated at `USUAL` a node, or `first` where that is less: an
objective has three to five key results, and in any tree a node has one child on average.
That a few nodes have more does no harm, for no row comes twice: every row has one parent,
so that a level never shows more rows than the tenant has of the kind, however wide it is.

It is another matter once a query has gone up: people own many objectives, so going from 50
objectives to their owners shows some of them again and again, and whatever is beneath them
each time. From there on rows can multiply without end, and an edge to many costs as much as
it may show: its whole `first`, which is 50 where nothing is said.

So the tree of an objective to depth 4, each with key results, owner and latest check-in,
costs about 10,000, a page of 50 such trees under half a million, which is the limit
(`OKR_GRAPHQL_COST_LIMIT`); the objectives of the owners of the objectives of the owners of
50 objectives cost 130,000 already, and going round once more is refused.
"""

from dataclasses import dataclass

from okr_service.graphql.kinds import One

FIRST, MOST = 50, 200  # how many a page has where nothing is said, and at most
USUAL = 5


@dataclass(frozen=True)
class Scale:
    """How many rows a level may stand for, and whether the same may come again."""

    rows: int = 1
    repeats: bool = False

    def listed(self, first: int) -> "Scale":
        """Return the scale of a root list."""
        return Scale(self.rows * first, self.repeats)

    def many(self, first: int) -> "Scale":
        """Return the scale beyond an edge to many."""
        each = first if self.repeats else min(first, USUAL)
        return Scale(self.rows * each, self.repeats)

    def one(self, edge: One) -> "Scale":
        """Return the scale beyond an edge to one, which several rows may share."""
        is_shared = edge.target is edge.to.collection.model.id
        return Scale(self.rows, self.repeats or (is_shared and self.rows > 1))
