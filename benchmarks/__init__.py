"""Benchmarks: the cost of the package, compared with other clients.

`measure` is the one way to measure, and `server` is the one server. Each of `walk`, `operations`, `decode`, `memory`,
`files`, `imports` and `logs` answers one question. It defines the work, the candidates and the targets.
`python -m benchmarks --list` lists all benchmarks.
"""
