"""One module a kind: what delivering it takes."""
