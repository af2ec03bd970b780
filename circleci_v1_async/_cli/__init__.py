"""The commands of `circleci-v1`, in a module for each noun: `account`, `builds`, `files`, `export`, `demo`.

`commands` collects them. They share `shell` (arguments, errors, exit codes), `lines` (output as text and JSON) and
`screen` (output on a terminal).
"""
