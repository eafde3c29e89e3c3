"""Video to 3D poses: joint layouts, pose records and the networks between them."""
