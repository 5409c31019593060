"""The model as a graph: its representation, and the .tflite file format."""
