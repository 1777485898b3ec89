"""`make drill`: a whole relay against the sandbox while everything that can go wrong does."""
