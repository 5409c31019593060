"""Random models against TFLM, on this PC and on the simulated Cortex-M4, in both engines."""
