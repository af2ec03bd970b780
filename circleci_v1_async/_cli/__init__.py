"""The commands of `circleci-v1`, a module for each noun: `account`, `builds`, `files`, `demo`; `commands` has them all.

What they have in common is in `shell` (arguments, errors, exit codes), `lines` (what programs read) and `screen` (what
people see).
"""
