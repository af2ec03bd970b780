"""The commands of `circleci-v1`, in a module for each noun; `_circleci_v1_async_cli` lists them.

They share `shell` (arguments, errors, exit codes), `ending` (signals), `login` (the session), `lines` (output as text
and JSON) and `screen` (output on a terminal).
"""
