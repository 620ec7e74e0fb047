"""SQL as PostgreSQL reads it: whether a statement names the tenant of each table it touches."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from pglast import ast, parse_sql
from pglast.stream import RawStream
from pglast.visitors import Visitor

_TENANT = "tenant_id"
_STATEMENTS = (ast.SelectStmt, ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt)


def tables_without_tenant(sql: str) -> set[str]:
    """Return the tables that a statement touches somewhere without naming their tenant."""
    found = set()
    for statement, common in _scopes(sql):
        tables = [t for t in _tables(statement) if t.relname not in common]
        named = _named(statement) if _tells_a_tenant(sql) else set()
        alone = None in named and len(tables) == 1
        found |= {t.relname for t in tables if not alone and _alias(t) not in named}
    return found


def without_tenant(sql: str) -> str:
    """Return a statement in which all that was compared with a tenant is compared to itself.

    Raises:
        ValueError: nothing is.
    """
    compared = {tenant.location: (tenant, other) for tenant, other in _comparisons(sql)}
    if not compared:
        raise ValueError(f"no condition names a tenant in {sql}")
    written = sql
    for place, (tenant, other) in sorted(compared.items(), reverse=True):
        name, instead = _written(tenant), f"CAST({_written(other)} AS uuid)"
        assert written[place:].startswith(name), sql
        written = written[:place] + instead + written[place + len(name) :]
    return written


def _comparisons(sql: str) -> Iterator[tuple[Any, Any]]:
    """Return each `tenant_id` in an equation, with what it is compared with."""
    for node in _own([statement for statement, _ in _scopes(sql)]):
        if _names_of(node):
            sides = (node.lexpr, node.rexpr)
            yield sides if _qualifiers(node.lexpr) else sides[::-1]


def _written(node: Any) -> str:
    written: str = RawStream()(node)
    return written


def touches_tables(sql: str) -> bool:
    """Say whether a statement reads or writes any table."""
    return any(_tables(statement) for statement, _ in _scopes(sql))


@cache
def _scopes(sql: str) -> list[tuple[Any, frozenset[str]]]:
    """Return each query within a statement, with the names of all its WITH clauses."""
    looking = _Looking()
    looking(parse_sql(sql))
    return [(statement, frozenset(looking.common)) for statement in looking.statements]


class _Looking(Visitor):
    """Gathers the queries of a statement, and what its WITH clauses are called."""

    def __init__(self) -> None:
        self.statements: list[Any] = []
        self.common: set[str] = set()

    def visit(self, _: object, node: Any) -> None:
        if isinstance(node, ast.CommonTableExpr):
            self.common.add(str(node.ctename))
        if isinstance(node, _STATEMENTS):
            self.statements.append(node)


def _tables(statement: Any) -> list[Any]:
    """Return the tables that a query itself names."""
    sources = [
        *(getattr(statement, "fromClause", None) or ()),
        getattr(statement, "relation", None),
    ]
    sources += getattr(statement, "usingClause", None) or ()
    return [node for node in _own(sources) if isinstance(node, ast.RangeVar)]


def _alias(table: Any) -> str:
    alias: str = table.alias.aliasname if table.alias else table.relname
    return alias


def _named(statement: Any) -> set[str | None]:
    """Return by which names a query's conditions name a tenant; None where by no table's."""
    named: set[str | None] = set()
    if isinstance(statement, ast.InsertStmt):
        if _TENANT in {target.name for target in statement.cols or ()}:
            named.add(_alias(statement.relation))
        return named
    for node in _own([statement]):
        if isinstance(node, ast.JoinExpr) and any(
            u.sval == _TENANT for u in node.usingClause or ()
        ):
            named |= {_alias(side) for side in (node.larg, node.rarg)}
        named |= set(_names_of(node))
    return named


def _names_of(node: Any) -> list[str | None]:
    """Return the qualifiers of `tenant_id` on both sides of an equation."""
    if not isinstance(node, ast.A_Expr):
        return []
    equation: Any = node
    if equation.name[-1].sval != "=":
        return []
    return [*_qualifiers(equation.lexpr), *_qualifiers(equation.rexpr)]


def _qualifiers(side: Any) -> list[str | None]:
    """Return what `tenant_id` is qualified with, where that is all that is on this side."""
    if not isinstance(side, ast.ColumnRef):
        return []
    *before, name = [getattr(part, "sval", "") for part in side.fields or ()]
    return [before[-1] if before else None] if name == _TENANT else []


@cache
def _tells_a_tenant(sql: str) -> bool:
    """Say whether any tenant is compared with more than another table's, or is written."""
    statements = [statement for statement, _ in _scopes(sql)]
    if any(isinstance(statement, ast.InsertStmt) for statement in statements):
        return True
    return any(len(_names_of(node)) == 1 for node in _own(statements))


def _own(nodes: Any) -> Iterator[Any]:
    """Walk down, but into no other query."""
    for node in nodes:
        if isinstance(node, tuple):
            yield from _own(node)
        elif isinstance(node, ast.Node):
            yield node
            parts = [getattr(node, name) for name in node if getattr(node, name) is not None]
            yield from _own([p for p in parts if not isinstance(p, (*_STATEMENTS, ast.WithClause))])
