"""HTML pages: the frame and the parts that all of them share."""
