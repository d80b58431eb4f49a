"""Upload manager: takes files in chunks, in any order and in parallel, and loses none."""
