"""Models for other engines: ONNX graphs, at full precision and smaller."""
