"""MLPerf Tiny: the firmware that its runner drives, and a runner of our own."""
