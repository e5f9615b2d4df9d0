"""A back office behind a shop's own HTTP API, described in one TOML file and without a line of Python.

The file says where the API's answers lie and how our writes look to it; docs/back-office.md explains every key. Comes
in: that file and one secret. Goes out: the same `BackOffice` as the sample. `load` reads and checks the file,
`client` alone touches the network, `ledger` remembers which writes were begun, `office` joins them, and `check` says
what maps and what doesn't. Nothing here logs a body, a secret or a filled-in address.
"""
