"""The response cache behind the gateway: a shared HTTP cache (RFC 9111) in a process of its own.

`python -m intertie.gateway.cache CONFIG.json` runs it. What may be kept and used again is decided
in pure code (`fields`, `policy`, `matching`, `ranges`); `store` keeps it within a fixed number of
bytes; `engine`, `fetch`, `origin` and `door` carry the bytes.
"""
