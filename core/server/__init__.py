"""Many visitors on one machine: jobs that take turns, their fair shares, a cluster, and the log.

`jobs` knows generators of steps and nothing of networks; begin reading there, then at `scheduler`.
`fairness` says what a turn costs, `cluster` and `parcel` make the steps on other computers, and
`log`, `metrics` and `memory` are for whoever runs the server.
"""
