"""The checker of composed answers: what it learns from, by hand and by rule, and how it is fitted."""
