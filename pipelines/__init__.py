"""The stages, as commands and as functions."""

import os

# torch asks the system anew for each large tensor. In pages of 2 MiB, where Linux has them, that takes so much less time
# that a round is 1.0 to 1.2 times as fast (benchmarks/NOTES.md). It is read once, as torch takes its first memory.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
