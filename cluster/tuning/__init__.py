"""Ray Tune over the lifter's hyperparameters: what is searched, how trials run, and what came of them."""
