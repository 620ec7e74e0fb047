"""What is done about it: action plans and their actions.

An *action plan* is the solutions chosen for one key result in one period, usually
a month, with an owner and an expected result. An *action* is one step of it: an
owner, a due date, a state, a weight. The weighted share of a key result's actions
that are done is its progress where its metric is `actions`; cancelled actions
count in nothing.
"""
