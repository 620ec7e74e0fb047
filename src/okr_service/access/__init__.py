"""Who is calling and what they may do.

A *tenant* is one customer, a group of companies; every row belongs to one. A
caller proves who they are with an API key, which belongs to a tenant and has
scopes. The service keeps only a key's hash: it is shown once, when made.

`policy` is the one place that says which scope allows what.
"""
