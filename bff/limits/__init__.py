"""How often somebody may ask: the policies as data, one limiter for all of them, and its headers.

`docs/limits.md` says what is counted and what happens without Redis.
"""
