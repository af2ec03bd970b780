"""Benchmarks: what the package costs, compared with other clients. `python -m benchmarks --list` lists them.

`measure` is the one way to measure, and `server` is the one server. Each of `walk`, `operations`, `decode`, `memory`,
`files`, `imports` and `logs` answers one question: it defines the work, the candidates and the targets.
"""
