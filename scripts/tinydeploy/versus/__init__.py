"""The two engines against each other and TFLM, over many models: nobody loses by the default."""
