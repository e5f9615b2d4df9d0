"""Composed answers: what the response model writes, sentence by sentence, as far as the passages support it.

Passages and a question come in, checked sentences with their citations go out. `checker` judges a sentence, `agreement`
is its reading of words, `compose` asks the writer and lets through what holds.
"""
