"""From a video to an action: what is recognized frame by frame, and the film of it."""
