"""Sending the lines that services write to where a team keeps its logs.

Read from the log files, from offsets that are kept on disk: a target that is slow or away costs
neither the services nor our memory anything, and what was not accepted is sent again later.
"""

from intertie.forward.forwarder import Forwarder, forwarders

__all__ = ["Forwarder", "forwarders"]
