"""The two engines against each other and TFLM, over many models: no model loses by the default."""
