"""Mail through the whole queue into a small Internet with a will of its own, on a clock of its own."""
