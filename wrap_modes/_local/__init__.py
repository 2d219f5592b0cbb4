"""What wrap modes within one machine share: locks, messages of data, and a process that stores."""
