"""The base of all rooms: errors, arguments, secrets, tasks and time."""
