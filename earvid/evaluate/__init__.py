"""How good masks and landmarks are: metrics against truth, and the benchmark harness."""
