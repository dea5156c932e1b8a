"""Sources of labelled images: what a data set consists of, before any image is decoded."""
