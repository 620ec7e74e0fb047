"""Who is calling and what they may do.

A *tenant* is one customer, a group of companies; every row belongs to one. A caller proves
who they are with a bearer token, which one of several recognisers knows: the room of the
token's kind tells the `Gatekeeper` of what is good, and for how long.

`policy` is the one place that says which scope and which role allows what.
"""
