"""The ground, on which every room stands: errors, arguments, secrets, tasks and time."""
