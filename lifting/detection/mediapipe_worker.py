"""Run by the detector's own Python: frames come in on stdin, keypoints go out on stdout, one line each.

MediaPipe 0.10.21 needs numpy below 2 and protobuf below 5, which cannot live beside posenas; this file
therefore imports nothing of it. A first line of JSON with "width" and "height" comes in, then the raw bytes
of one frame (height x width x 3, BGR) after the other; for each, a line of JSON goes out: a list of 33 [x,
y, visibility] (x and y as shares of the image's width and height), empty where no person is found.
"""

import json
import os
import sys


def main() -> None:
    """Answer until stdin ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever the libraries print must not come between the answers
    import mediapipe  # type: ignore[import-not-found]
    import numpy as np

    frames = sys.stdin.buffer
    size = json.loads(frames.readline())
    shape = (size["height"], size["width"], 3)
    with mediapipe.solutions.pose.Pose(model_complexity=1) as pose:
        answers.write(json.dumps({"mediapipe": mediapipe.__version__}) + "\n")
        while True:
            data = frames.read(shape[0] * shape[1] * 3)
            if len(data) < shape[0] * shape[1] * 3:
                return
            image = np.frombuffer(data, np.uint8).reshape(shape)
            found = pose.process(np.ascontiguousarray(image[..., ::-1])).pose_landmarks
            points = [] if found is None else found.landmark
            answers.write(json.dumps([[p.x, p.y, p.visibility] for p in points]) + "\n")


if __name__ == "__main__":
    main()
