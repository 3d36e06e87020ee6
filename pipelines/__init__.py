"""The stages, as commands and as functions."""

import os

# torch asks the system anew for each large tensor. In pages of 2 MiB, where Linux has them, that takes so much less
# time that rounds are up to 1.14 times as fast (benchmarks/NOTES.md). torch reads it once, with its first tensor.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
