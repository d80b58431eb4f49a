"""Tidying up: logs, caches, what was left behind, and indexes.

What costs processor time or reads much runs in a process of its own (`__main__.py`), since limits
of processor time, of input and output, and niceness hold for a process and not for a part of the
daemon. What only a living part of the daemon can do (rotate its logs, ask the gateway's cache,
compact the store of samples) is handed in as a callable.
"""
