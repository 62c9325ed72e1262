"""One record of each request that changes something or was refused: on disk first, then in the database.

`middleware` makes the records, `subjects` and `redaction` say what they hold, `keeper` gets them into a
`spool` before the answer leaves, `sender` carries them on through `writer`. See docs/audit-requests.md.
"""
