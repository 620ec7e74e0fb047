"""Data to look at and to measure with; nothing in it is real.

`plan_demo` plans a made-up Vietnamese group, "Tập đoàn An Vân Lĩnh": five member
companies, their people, a year of objectives, key results, action plans and
weekly check-ins. It writes through the other rooms' services only, so whatever
their rules refuse it cannot hold. The same seed and day give the same group, but
for the ids. It plans nothing for a tenant that has units already.

`sketch` has the words the group is described in, `headquarters`, `brick`, `steel`,
`motorbikes`, `highlands` and `farming` describe it, `group` puts it together,
`staff` makes up its people, `periods` when it plans, `course` how its figures went,
`reports` what is said of them, `solutions` and `work` what is done about them, and
`service` plans it all.

`plant_large` plants one regular tree of any size, set-based, for benchmarks. It
goes round the services, so it leaves no audit events.
"""
