"""The rows: one small module a table, each function one statement or two on a connection it is handed.

Nothing here begins or commits; `Database.write` and `Database.read` do. Statements are built once, at import, because
building one costs more than running it.
"""
