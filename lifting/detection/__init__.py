"""From a video to OpenPose JSON, by MediaPipe in an environment of its own or by an ONNX model."""
