"""3D poses to Enhanced-SPMF images, and the labelled data sets they come from."""
