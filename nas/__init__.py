"""Image tensors to a genotype and the classifier built from it: ENAS micro search."""
