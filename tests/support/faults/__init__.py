"""Every fault of the table (tests/support/fault_table.py) that a script on a real socket can show, as data."""

from . import bodies, connections, files, lives, secrets, statuses

FAULTS = [*statuses.FAULTS, *connections.FAULTS, *bodies.FAULTS, *lives.FAULTS, *files.FAULTS, *secrets.FAULTS]
