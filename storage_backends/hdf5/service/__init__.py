"""The service that applies requests to a file, and the parts that it is put together from."""
