"""Tables that list leaves for people who look into a file, and share comments."""
