"""Forms: what has to be known before a write, asked for over as many turns as it takes.

A form's whole state is one JSON value in the slot `pending_action`: the tracker carries it, nothing is kept here. Plain
functions read a customer's words against it; the action that runs a form talks to the back office.
"""
