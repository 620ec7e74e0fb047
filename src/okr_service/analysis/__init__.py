"""Why, since when, and what if: what else the rollup can be asked."""
