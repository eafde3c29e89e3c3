"""From a video to an action: what is recognised frame by frame, and the film of it."""
