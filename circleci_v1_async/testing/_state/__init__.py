"""The account and all that it has, as plain values: no I/O, and none of the wire's shapes."""
