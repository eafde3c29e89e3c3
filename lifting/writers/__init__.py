"""Files of lifted poses and pictures, each of which is there only when it is whole."""
