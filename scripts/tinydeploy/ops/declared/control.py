"""Variables and other subgraphs."""

from __future__ import annotations

from tinydeploy.ops.operator import ANY, Operator, each

OPERATORS = {
    **each("ASSIGN_VARIABLE READ_VARIABLE", Operator(ANY, shares=True)),
    "CALL_ONCE": Operator(ANY, state=lambda op: 1, calls=("init_subgraph_index",)),
    "IF": Operator(ANY, calls=("then_subgraph_index", "else_subgraph_index")),
    "VAR_HANDLE": Operator(ANY, has_variables=True),
    "WHILE": Operator(ANY, calls=("cond_subgraph_index", "body_subgraph_index")),
}
