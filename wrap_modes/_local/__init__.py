"""What wrap modes within one machine share: locks, parcels of data, and a process that stores."""
