"""Headers of objects read straight from the file, faster than by the HDF5 library."""
