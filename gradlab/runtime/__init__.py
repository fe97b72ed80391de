"""TensorFlow's loading and environment, devices and exceptions."""
