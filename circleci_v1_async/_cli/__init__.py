"""The commands of `circleci-v1`, in a module for each noun.

The nouns are `account`, `builds`, `files`, `export` and `demo`; `commands` collects the commands. They share `shell`
(arguments, errors, exit codes), `lines` (output as text and JSON) and `screen` (output on a terminal).
"""
