"""Questions to the samples in PromQL, answered as Prometheus 3 would, for the part supported."""
